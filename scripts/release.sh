#!/usr/bin/env bash
# Releases the current commit: release.sh [--dry-run] VERSION. See docs/releasing.md.
#
# Checks, tests, builds into dist/, and creates an annotated tag. It pushes nothing. --dry-run only checks and builds, into
# a temporary folder, and reports all problems together.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-.venv/bin/python}
dry_run=
[ "${1-}" = --dry-run ] && dry_run=1 && shift
version=${1-}
wrong=0

problem() {
    echo "!! $*" >&2
    wrong=1
}

if ! [[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+((a|b|rc)[0-9]+)?$ ]]; then
    echo "Version is missing: scripts/release.sh [--dry-run] 1.2.3 (or 1.2.3rc1)" >&2
    exit 2
fi
tag=v$version

[ -z "$(git status --porcelain)" ] || problem "Uncommitted changes: commit or remove them."
git rev-parse -q --verify "refs/tags/$tag" >/dev/null && problem "The tag $tag exists already."
current=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' tintype/__init__.py)
[ "$current" = "$version" ] || problem "tintype/__init__.py has version $current, not $version."
heading=$(grep -E "^## \[${version//./\\.}\] - [0-9]{4}-[0-9]{2}-[0-9]{2}$" CHANGELOG.md || true)
[ -n "$heading" ] || problem "CHANGELOG.md has no section '## [$version] - YYYY-MM-DD'."
notes=$(awk -v from="## [$version]" 'index($0, from) == 1 { on = 1; next } on && /^## / { exit } on' CHANGELOG.md | sed '/./,$!d')
[ -n "$notes" ] || problem "CHANGELOG.md has no text for $version."
[ $wrong = 0 ] || [ -n "$dry_run" ] || exit 1

if [ -n "$dry_run" ]; then
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    "$python" scripts/distribution.py --build-only "$folder"
    [ $wrong = 0 ] || exit 1
    printf '%s is ready: make test and make lint, the same archives in dist/, and the tag %s with these notes:\n\n%s\n' \
        "$version" "$tag" "$notes"
    exit
fi

make test lint
rm -rf dist
"$python" scripts/distribution.py dist
git tag --annotate --cleanup=verbatim --message "Tintype $version" --message "$notes" "$tag"
printf 'Tagged %s. Next:\n  git push origin HEAD %s\n  upload dist/*.whl and dist/*.tar.gz, with dist/SHA256SUMS beside them\n' "$tag" "$tag"
