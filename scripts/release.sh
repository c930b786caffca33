#!/usr/bin/env bash
# Releases what is committed: release.sh [--dry-run] VERSION. See docs/releasing.md.
#
# Looks first, then tests, builds into dist/, and sets an annotated tag. It pushes nothing. --dry-run only looks and builds,
# into a folder that is gone afterwards, and goes on after what is wrong so that everything is told at once.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-.venv/bin/python}
rehearsal=
[ "${1-}" = --dry-run ] && rehearsal=1 && shift
version=${1-}
wrong=0

object() {
    echo "!! $*" >&2
    wrong=1
}

if ! [[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+((a|b|rc)[0-9]+)?$ ]]; then
    echo "Which version? scripts/release.sh [--dry-run] 1.2.3 (or 1.2.3rc1)" >&2
    exit 2
fi
tag=v$version

[ -z "$(git status --porcelain)" ] || object "There are changes that are not committed."
git rev-parse -q --verify "refs/tags/$tag" >/dev/null && object "The tag $tag is there already."
written=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' tintype/__init__.py)
[ "$written" = "$version" ] || object "tintype/__init__.py says $written, not $version."
heading=$(grep -E "^## \[${version//./\\.}\] - [0-9]{4}-[0-9]{2}-[0-9]{2}$" CHANGELOG.md || true)
[ -n "$heading" ] || object "CHANGELOG.md has no section '## [$version] - YYYY-MM-DD'."
notes=$(awk -v from="## [$version]" 'index($0, from) == 1 { on = 1; next } on && /^## / { exit } on' CHANGELOG.md | sed '/./,$!d')
[ -n "$notes" ] || object "CHANGELOG.md says nothing of $version."
[ $wrong = 0 ] || [ -n "$rehearsal" ] || exit 1

if [ -n "$rehearsal" ]; then
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
printf 'Tagged %s. What is left:\n  git push origin HEAD %s\n  upload dist/*.whl and dist/*.tar.gz, with dist/SHA256SUMS beside them\n' "$tag" "$tag"
