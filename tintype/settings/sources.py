"""Where settings come from: the environment, over a file ``.env``, and files that hold secrets."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from dotenv import dotenv_values

SourcedValues = dict[str, tuple[str, str]]
"""Each variable's value and where it was said."""


def load_sources(environ: Mapping[str, str], env_file: Path | None) -> tuple[SourcedValues, list[str]]:
    """Every variable, the environment winning over the file; and what is wrong with the file."""
    filed, mistakes = _read_env_file(env_file)
    said = {name: (value or "", str(env_file)) for name, value in filed.items()}
    return {**said, **{name: (value, "environment") for name, value in environ.items()}}, mistakes


def _read_env_file(path: Path | None) -> tuple[Mapping[str, str | None], list[str]]:
    try:
        return (dotenv_values(path) if path and path.is_file() else {}), []
    except OSError as error:
        return {}, [f"{path}: cannot be read: {error.strerror}"]
    except UnicodeDecodeError:
        return {}, [f"{path}: must be UTF-8 text"]


def find_unknown(values: SourcedValues, names: Collection[str], secrets: Sequence[str]) -> list[str]:
    """What is wrong with variables that look like ours and are not."""
    known = {*names, *(f"{name}_FILE" for name in secrets)}
    typos = sorted(name for name in values if name.startswith("TINTYPE_") and name not in known)
    return [f"{name}: there is no such setting" for name in typos]


def read_secret_files(said: SourcedValues, secrets: Sequence[str]) -> list[str]:
    """Fill secrets from their ``NAME_FILE`` variables, as container platforms hand them over; what went wrong."""
    mistakes = []
    for name in secrets:
        path = said.get(f"{name}_FILE", ("", ""))[0].strip()
        if not path or said.get(name, ("", ""))[0].strip():
            continue
        try:
            said[name] = (_read_secret(Path(path)), f"{name}_FILE")
        except ValueError:
            mistakes.append(f"{name}_FILE: {path} must hold the secret as text")
        except OSError as error:
            mistakes.append(f"{name}_FILE: cannot read {path}: {error.strerror}")
    return mistakes


def _read_secret(path: Path) -> str:
    secret = path.read_text(encoding="utf-8").strip()
    if not secret:
        raise ValueError("empty")
    return secret
