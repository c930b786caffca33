"""Data folders of commands that run without a service, or beside one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from tintype.settings import Settings


def user_cache_folder() -> Path:
    """``tintype`` in the cache folder of the user (XDG Base Directory): ``XDG_CACHE_HOME``, or ``~/.cache``."""
    configured = os.environ.get("XDG_CACHE_HOME", "")
    # relative paths are invalid and must be ignored
    return (Path(configured) if Path(configured).is_absolute() else Path("~/.cache").expanduser()) / "tintype"


def with_user_cache(settings: Settings) -> Settings:
    """The settings of ``shot`` and ``batch``: without TINTYPE_DATA_DIR, their data is in the user's cache folder.

    They run in any folder, and must not leave a data folder there.
    """
    if settings.source("TINTYPE_DATA_DIR") != "default":
        return settings
    return settings.model_copy(update={"data_dir": user_cache_folder()})


@contextmanager
def without_new_folder(settings: Settings) -> Iterator[Settings]:
    """The settings, with a temporary data folder if theirs does not exist: for commands that write no data here."""
    if settings.data_dir.is_dir():
        yield settings
        return
    with TemporaryDirectory(prefix="tintype-") as folder:
        yield settings.model_copy(update={"data_dir": Path(folder)})


def require_stored_objects(settings: Settings) -> None:
    """Raise UsageError if the folder of stored objects does not exist: an empty one would be created."""
    if settings.s3_bucket:
        return
    if not settings.storage_dir:
        require_service_data(settings, "stored object")
    elif not Path(settings.storage_dir).is_dir():
        raise click.UsageError(f"TINTYPE_STORAGE_DIR: there is no folder {settings.storage_dir}.")


def require_service_data(settings: Settings, purpose: str) -> None:
    """Raise UsageError if the data folder does not exist: the command would work on a new, empty one."""
    folder = settings.data_dir.absolute()
    if folder.is_dir():
        return
    other = user_cache_folder()
    hint = f" The cache of tintype shot and batch: TINTYPE_DATA_DIR={other}" if other.is_dir() else ""
    raise click.UsageError(
        f"There is no data folder {folder}, so there is no {purpose} here.\n"
        f"Run this command in the folder where the service runs, or set TINTYPE_DATA_DIR.{hint}"
    )
