"""Sources of settings: the environment, the file ``.env``, and files with secrets."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from dotenv import dotenv_values

SourcedValues = dict[str, tuple[str, str]]
"""The value and the source of each variable."""
_PREFIX = "TINTYPE_"
ENVIRONMENT = "environment"
"""The source of a variable that is not from ``.env``."""
_REFERENCE = re.compile(r"\$\{[^}]*\}")


def load_sources(environ: Mapping[str, str], env_file: Path | None) -> tuple[SourcedValues, list[str]]:
    """Every variable, where the environment overrides the file; and the problems with the file.

    Values of the file are literal: ``${NAME}`` is not replaced, because a secret may contain it.
    """
    lines, problems = _read_env_file(env_file)
    values = {name: (value or "", str(env_file)) for name, value in lines.items()}
    return {**values, **{name: (value, ENVIRONMENT) for name, value in environ.items()}}, problems


def _read_env_file(path: Path | None) -> tuple[Mapping[str, str | None], list[str]]:
    try:
        return (dotenv_values(path, interpolate=False) if path and path.is_file() else {}), []
    except OSError as error:
        return {}, [f"{path}: cannot be read ({error.strerror}); check its permissions"]
    except UnicodeDecodeError:
        return {}, [f"{path}: not UTF-8 text; save it as UTF-8"]


def find_unknown(values: SourcedValues, names: Collection[str], secrets: Sequence[str]) -> list[str]:
    """Problems with variables that begin with ``TINTYPE_`` and are not settings."""
    known = {*names, *(f"{name}_FILE" for name in secrets)}
    typos = sorted(name for name in values if name.startswith(_PREFIX) and name not in known)
    return [f"{name}: unknown setting; {_suggestion(name, known)}" for name in typos]


def _suggestion(name: str, known: Collection[str]) -> str:
    """The setting that was probably meant: the name without the prefix, such as PORT, or one of similar spelling."""
    settings = {setting.removeprefix(_PREFIX): setting for setting in known}
    close = difflib.get_close_matches(name.removeprefix(_PREFIX), settings, n=1, cutoff=0.7)
    return f"did you mean {settings[close[0]]}?" if close else "docs/configuration.md lists all settings"


def find_references(values: SourcedValues, names: Collection[str], secrets: Sequence[str]) -> list[str]:
    """Problems with settings of ``.env`` that refer to other variables; secrets may contain any text."""
    return [
        f"{name}: {reference[0]} is not replaced in {source}; write its value"
        for name, (value, source) in values.items()
        if source != ENVIRONMENT and name in names and name not in secrets
        if (reference := _REFERENCE.search(value))
    ]


def read_secret_files(values: SourcedValues, secrets: Sequence[str]) -> list[str]:
    """Fill in secrets from the files that ``NAME_FILE`` variables name, as containers do; returns the problems.

    A secret in its own variable has priority over a file, unless only the file is named in the environment.
    """
    problems = []
    for name in secrets:
        path, source_of_path = values.get(f"{name}_FILE", ("", ""))
        secret, source = values.get(name, ("", ""))
        if not path.strip() or (secret.strip() and (source == ENVIRONMENT or source_of_path != ENVIRONMENT)):
            continue
        path = path.strip()
        try:
            values[name] = (_read_secret(Path(path)), f"{name}_FILE")
        except ValueError:
            problems.append(f"{name}_FILE: {path} is empty or not UTF-8 text; write the secret into it")
        except OSError as error:
            problems.append(
                f"{name}_FILE: {path} cannot be read ({error.strerror}); check the path and its permissions"
            )
    return problems


def _read_secret(path: Path) -> str:
    secret = path.read_text(encoding="utf-8").strip()
    if not secret:
        raise ValueError("empty")
    return secret
