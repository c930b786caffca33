"""Builds and tests the release archives: ``make dist-check``, or ``python scripts/distribution.py [FOLDER]``.

Writes a source archive, a wheel built from it, and SHA256SUMS into FOLDER (dist/). Then installs the wheel into a new
environment outside of the repository, starts the service there and captures a page.
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

from demo import ROOT, SETTING_PREFIXES, service, site

from tintype import __version__

_SKIPPED = {"__pycache__"}


def build(folder: Path) -> Path:
    """Build both archives and SHA256SUMS into an empty folder; returns the wheel."""
    folder.mkdir(parents=True, exist_ok=True)
    if others := sorted(
        path.name for path in folder.iterdir() if path.name != "SHA256SUMS" and __version__ not in path.name
    ):
        raise SystemExit(f"{folder} contains other files: {', '.join(others)}")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT))
    (wheel,), (source,) = sorted(folder.glob("*.whl")), sorted(folder.glob("*.tar.gz"))
    sums = (f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in (source, wheel))
    (folder / "SHA256SUMS").write_text("".join(sums))
    return wheel


def inspect(wheel: Path) -> None:
    """Check that the wheel contains exactly the files of the package, and its metadata."""
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
        metadata = Parser().parsestr(archive.read(f"tintype-{__version__}.dist-info/METADATA").decode())
    files = (path for path in (ROOT / "tintype").rglob("*") if path.is_file() and not _SKIPPED & set(path.parts))
    expected = {str(path.relative_to(ROOT)) for path in files}
    expect(packed == expected, f"the wheel differs from the package in {sorted(packed ^ expected)}")
    expect(metadata["Version"] == __version__, f"the metadata has version {metadata['Version']}")
    expect(metadata["License-Expression"] == "MIT", "the metadata has no license MIT")
    expect(metadata["Description-Content-Type"] == "text/markdown", "the description is not Markdown")
    print(f"{wheel.name}: {len(packed)} files")


def environment(folder: Path, wheel: Path, *, offline: bool) -> Path:
    """Install the wheel with its dependencies into a new environment; returns its Python."""
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
        # A .pth file adds the packages of this environment, but not its .pth file of the editable tintype.
        (site_packages,) = folder.glob("lib/python*/site-packages")
        (site_packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def check_installed(python: Path, folder: Path) -> None:
    """Check that Python imports the wheel, its version, and that the service starts and captures a page."""
    where = run(str(python), "-c", "import tintype; print(tintype.__file__)", folder=folder)
    expect(where.startswith(str(folder)), f"tintype is imported from {where}, not from the wheel")
    version = run(str(python.parent / "tintype"), "--version", folder=folder)
    expect(version.split()[-1] == __version__, f"the installed command has version {version}")
    run(str(python.parent / "tintype"), "doctor", folder=folder)
    with site() as port, service(f"127.0.0.1:{port}", python) as client:
        response = client.get(
            "/thumb", params={"url": f"http://127.0.0.1:{port}/", "thumb_width": 320, "format": "webp"}
        )
    expect(response.headers["Content-Type"] == "image/webp", f"the response is not a thumbnail: {response.text[:200]}")
    print(f"{version}: installed, tintype doctor passed, served a thumbnail of {len(response.content):,} bytes")


def run(*command: str, folder: Path = ROOT) -> str:
    """Run a command and return its output; exits with its messages if it fails."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name != "PYTHONPATH" and not name.startswith(SETTING_PREFIXES)
    }
    if chromium := os.environ.get("TINTYPE_CHROMIUM"):
        kept["TINTYPE_CHROMIUM"] = chromium
    done = subprocess.run(command, cwd=folder, env=kept, capture_output=True, text=True, check=False)
    expect(done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return done.stdout.strip()


def expect(condition: bool, message: str) -> None:
    """Exit with a message unless the condition holds."""
    if not condition:
        raise SystemExit(message)


def main() -> None:
    """Build, inspect, install and test."""
    parser = argparse.ArgumentParser(description="Build and test the release archives.")
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "dist")
    parser.add_argument("--offline", action="store_true", help="use the dependencies of this environment")
    parser.add_argument("--build-only", action="store_true", help="build and inspect only")
    arguments = parser.parse_args()
    wheel = build(arguments.folder.absolute())
    inspect(wheel)
    if arguments.build_only:
        return
    with tempfile.TemporaryDirectory(prefix="tintype-wheel-") as folder:
        check_installed(environment(Path(folder), wheel, offline=arguments.offline), Path(folder))


if __name__ == "__main__":
    main()
