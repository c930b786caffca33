"""Commands of a release: run at the root of the repository, with messages only if they fail."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


class CommandFailed(Exception):
    """A command exited with an error; the message has its output."""


def output_of(*command: str, folder: Path = ROOT, **environ: str) -> str:
    """Standard output of a command; raises CommandFailed."""
    env = {**os.environ, **environ}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CommandFailed(f"{' '.join(command)}\n{done.stdout}{done.stderr}".rstrip())
    return done.stdout.strip()


def python(*arguments: str, folder: Path = ROOT, **environ: str) -> str:
    """Standard output of this Python with some arguments; raises CommandFailed."""
    return output_of(sys.executable, *arguments, folder=folder, **environ)
