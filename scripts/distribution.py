"""Builds what is released and tries it out: ``make dist-check``, or ``python scripts/distribution.py [FOLDER]``.

A source archive and a wheel made from it, with their checksums, into FOLDER (dist/). The wheel is installed into an
environment of its own, far from this repository, where the service must start and photograph a page.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from email.parser import Parser
from pathlib import Path

from demo import OURS, ROOT, service, site

from tintype import __version__

_SKIPPED = {"__pycache__"}


def build(folder: Path) -> Path:
    """Both archives and SHA256SUMS, in a folder that held no others; the wheel."""
    folder.mkdir(parents=True, exist_ok=True)
    if strangers := sorted(
        path.name for path in folder.iterdir() if path.name != "SHA256SUMS" and __version__ not in path.name
    ):
        raise SystemExit(f"{folder} holds other files: {', '.join(strangers)}")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT))
    (wheel,), (source,) = sorted(folder.glob("*.whl")), sorted(folder.glob("*.tar.gz"))
    sums = (f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in (source, wheel))
    (folder / "SHA256SUMS").write_text("".join(sums))
    return wheel


def inspect(wheel: Path) -> None:
    """Every file of the package and nothing else is in it, and it says what an index wants to know."""
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
        metadata = Parser().parsestr(archive.read(f"tintype-{__version__}.dist-info/METADATA").decode())
    files = (path for path in (ROOT / "tintype").rglob("*") if path.is_file() and not _SKIPPED & set(path.parts))
    wanted = {str(path.relative_to(ROOT)) for path in files}
    expect(packed == wanted, f"the wheel differs from the package in {sorted(packed ^ wanted)}")
    expect(metadata["Version"] == __version__, f"its version is {metadata['Version']}")
    expect(metadata["License-Expression"] == "MIT", "its licence is not named")
    expect(metadata["Description-Content-Type"] == "text/markdown", "its readme is not Markdown")
    print(f"{wheel.name}: {len(packed)} files")


def environment(folder: Path, wheel: Path, *, offline: bool) -> Path:
    """The Python of a new environment that holds the wheel and what it needs."""
    run(sys.executable, "-m", "venv", "--without-pip", str(folder))
    python = folder / "bin" / "python"
    install = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(python),
        "--disable-pip-version-check",
        "install",
        "--quiet",
    ]
    run(*install, *(["--no-deps"] if offline else []), str(wheel))
    if offline:
        # A path in a .pth file lends the packages there, but not the .pth files that lead to an editable tintype.
        (own,) = folder.glob("lib/python*/site-packages")
        (own / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def try_out(python: Path, folder: Path) -> None:
    """It is the wheel that runs; it says its version, starts, and photographs a page."""
    where = run(str(python), "-c", "import tintype; print(tintype.__file__)", folder=folder)
    expect(where.startswith(str(folder)), f"tintype comes from {where}, not from the wheel")
    said = run(str(python.parent / "tintype"), "--version", folder=folder)
    expect(said.split()[-1] == __version__, f"it says that it is {said}")
    run(str(python.parent / "tintype"), "doctor", folder=folder)
    with site() as port, service(f"127.0.0.1:{port}", python) as client:
        answer = client.get("/thumb", params={"url": f"http://127.0.0.1:{port}/", "thumb_width": 320, "format": "webp"})
    expect(answer.headers["Content-Type"] == "image/webp", f"instead of a thumbnail it answers {answer.text[:200]}")
    print(f"{said}: installed, checked by its doctor, and a thumbnail of {len(answer.content):,} bytes served")


def run(*command: str, folder: Path = ROOT) -> str:
    """What a command prints; ends everything with what it says when it fails."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH" and not name.startswith(OURS)}
    if chromium := os.environ.get("TINTYPE_CHROMIUM"):
        kept["TINTYPE_CHROMIUM"] = chromium
    done = subprocess.run(command, cwd=folder, env=kept, capture_output=True, text=True, check=False)
    expect(done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return done.stdout.strip()


def expect(good: bool, otherwise: str) -> None:
    """End with a reason when something is not as it should be."""
    if not good:
        raise SystemExit(otherwise)


def main() -> None:
    """Build, inspect, install, try."""
    parser = argparse.ArgumentParser(description="Build what is released and try it out.")
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "dist")
    parser.add_argument("--offline", action="store_true", help="borrow the dependencies of this environment")
    parser.add_argument("--build-only", action="store_true", help="build and inspect, and install nothing")
    given = parser.parse_args()
    wheel = build(given.folder.absolute())
    inspect(wheel)
    if given.build_only:
        return
    with tempfile.TemporaryDirectory(prefix="tintype-wheel-") as folder:
        try_out(environment(Path(folder), wheel, offline=given.offline), Path(folder))


if __name__ == "__main__":
    main()
