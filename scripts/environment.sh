#!/usr/bin/env bash
# Creates .venv and installs one lock file and this project into it: environment.sh LOCK.
#
# Needs Python 3.11 and pip, not python3-venv or ensurepip: the system's pip installs into the environment.
set -euo pipefail
cd "$(dirname "$0")/.."
lock=$1
python=${PYTHON:-python3}

fail() {
    printf '%s\n' "$@" >&2
    exit 1
}

command -v "$python" >/dev/null || fail "$python is missing. Install Python 3.11 or later, or set its path: make PYTHON=/path/to/python"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "$("$python" --version) is too old: 3.11 or later is required. Set another: make PYTHON=/path/to/python"

if ! "$python" -m pip --version >/dev/null 2>&1; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-pip >/dev/null
    else
        fail "$python has no pip. Install it, on Debian with: apt install python3-pip"
    fi
fi

.venv/bin/python -c '' 2>/dev/null || "$python" -m venv --clear --without-pip .venv
install() {
    "$python" -m pip --python .venv/bin/python --disable-pip-version-check --no-input install --quiet "$@"
}

echo "Installing $lock into .venv ..."
install --require-hashes -r "$lock"
install --no-deps --no-build-isolation --editable .
