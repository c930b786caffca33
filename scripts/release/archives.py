"""Archives of a release: wheel, source archive and site, with the same bytes from the same commit."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import tempfile
from pathlib import Path

from scripts.release.commands import CommandFailed, python


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def build_packages(folder: Path, epoch: int, *, capture: bool) -> None:
    """Build wheel and source archive twice and compare them; ``capture``: install the wheel and capture a page.

    Raises CommandFailed. ``epoch``: time of the files in seconds since 1970, see SOURCE_DATE_EPOCH.
    """
    only = [] if capture else ["--build-only"]
    print(python("scripts/distribution.py", *only, str(folder), SOURCE_DATE_EPOCH=str(epoch)))
    (folder / "SHA256SUMS").unlink()
    with tempfile.TemporaryDirectory(prefix="tintype-again-") as again:
        python("scripts/distribution.py", "--build-only", again, SOURCE_DATE_EPOCH=str(epoch))
        for path in sorted(folder.iterdir()):
            if digest(path) != digest(Path(again) / path.name):
                raise CommandFailed(f"{path.name} differs between two builds of one commit")
    python("-m", "twine", "check", "--strict", *(str(path) for path in sorted(folder.iterdir())))


def build_site(path: Path, epoch: int) -> None:
    """Build the documentation site into a ``.tar.gz``; raises CommandFailed for a dead link."""
    with tempfile.TemporaryDirectory(prefix="tintype-site-") as folder:
        site = Path(folder) / "site"
        python(
            *("-W", "ignore", "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(site)),
            SOURCE_DATE_EPOCH=str(epoch),
            NO_MKDOCS_2_WARNING="1",
        )
        pack(site, path, path.name.removesuffix(".tar.gz"), epoch)


def pack(folder: Path, path: Path, prefix: str, epoch: int) -> None:
    """Write a ``.tar.gz`` of a folder that depends on its content only: sorted, one owner, one time."""

    def normalize(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = "root"
        entry.mtime, entry.mode = epoch, 0o755 if entry.isdir() else 0o644
        return entry

    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for each in sorted(folder.rglob("*")):
            archive.add(each, f"{prefix}/{each.relative_to(folder)}", recursive=False, filter=normalize)
    with path.open("wb") as file, gzip.GzipFile("", "wb", fileobj=file, mtime=epoch) as packed:
        packed.write(content.getvalue())


def write_sums(folder: Path) -> None:
    """Write SHA256SUMS of all files in a folder, as ``sha256sum --check`` reads it."""
    paths = sorted(path for path in folder.iterdir() if path.name != "SHA256SUMS")
    (folder / "SHA256SUMS").write_text("".join(f"{digest(path)}  {path.name}\n" for path in paths))
