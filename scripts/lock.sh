#!/usr/bin/env bash
# Pins every package by version and hash. `make lock` runs it; it needs the package index and a minute.
#
# The lock files contain no index and no path, so they work with any mirror. Arguments are passed to pip-compile:
# `make lock ARGS=--upgrade`.
set -euo pipefail
cd "$(dirname "$0")/.."

compile() {
    local output=$1
    shift
    .venv/bin/pip-compile --quiet --strip-extras --generate-hashes --allow-unsafe --no-header \
        --annotation-style line --no-emit-options \
        --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
        --output-file "$output" "$@" pyproject.toml scripts/lock.in
    {
        echo "# Made by \`make lock\`. Install with: pip install --require-hashes -r $output"
        sed -e 's/ (pyproject\.toml)//' -e 's/-r scripts\/lock\.in/scripts\/lock.in/' \
            -e '/^# Made by/d' -e '/^# The following packages are considered/d' -e '/^$/d' "$output"
    } >"$output.new"
    mv "$output.new" "$output"
    if grep -niE 'https?://|file:|--(index-url|extra-index-url|find-links)' "$output"; then
        echo "$output contains a URL or a path" >&2
        exit 1
    fi
}

compile requirements.lock --extra traces "$@"
compile requirements-dev.lock --constraint requirements.lock --extra traces --extra dev "$@"
compile requirements-release.lock --constraint requirements-dev.lock --extra traces --extra dev --extra release "$@"
