#!/usr/bin/env bash
# Builds the image of one architecture without a registry and writes it as an archive for docker load: as root, with
# debootstrap and buildah.
#
# release-image.sh amd64|arm64 FILE [slim|full]. Another architecture than that of the machine runs under qemu-user-static.
# Prints the version that the image reports. FILE.packages lists the Debian packages: name, version, architecture, and the
# licences in their copyright files, separated by |.
set -euo pipefail
cd "$(dirname "$0")/.."
architecture=$1 file=$2 target=${3:-slim}
version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' tintype/__init__.py)
base=localhost/tintype-base-$architecture image=localhost/tintype-release:$architecture
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export BUILDAH_ISOLATION=chroot STORAGE_DRIVER=vfs

for tool in debootstrap buildah; do
    command -v "$tool" >/dev/null || { echo "$tool is missing: apt install $tool" >&2; exit 1; }
done
if [ "$architecture" != "$(dpkg --print-architecture)" ]; then
    mountpoint -q /proc/sys/fs/binfmt_misc || mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
    grep -qs enabled "/proc/sys/fs/binfmt_misc/qemu-$(case $architecture in arm64) echo aarch64 ;; amd64) echo x86_64 ;; esac)" ||
        { echo "This machine runs no $architecture programs: apt install qemu-user-static binfmt-support" >&2; exit 1; }
fi

if ! buildah inspect --type image "$base" >/dev/null 2>&1; then
    debootstrap --arch "$architecture" --variant=minbase --include=python3,python3-pip,ca-certificates bookworm \
        "$work/base" >"$work/log" || { tail "$work/log" >&2; exit 1; }
    cp /etc/ssl/certs/ca-certificates.crt "$work/base/etc/ssl/certs/"
    cp /etc/apt/sources.list.d/debian.sources "$work/base/etc/apt/sources.list.d/" 2>/dev/null &&
        rm -f "$work/base/etc/apt/sources.list"
    empty=$(buildah from --arch "$architecture" scratch)
    buildah add -q "$empty" "$work/base" / >/dev/null
    buildah commit -q "$empty" "$base" >/dev/null
    buildah rm "$empty" >/dev/null
fi

# Docker's format keeps the health check.
buildah build --format docker --quiet --layers --platform "linux/$architecture" --build-arg "BASE=$base" --target "$target" \
    --timestamp "${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}" --tag "$image" . >/dev/null
container=$(buildah from "$image")
# Chromium itself does not run under qemu-user (SIGTRAP); everything else does.
buildah run "$container" -- python -c '
import pyvips, tintype.application, tintype.web
pyvips.Image.black(8, 8).write_to_buffer(".avif")'
buildah run "$container" -- tintype --version
buildah run "$container" -- sh -c '
dpkg-query -W -f "\${Package} \${Version} \${Architecture}\n" | while read -r name rest; do
    licences=$(sed -n "s/^License: *//p" "/usr/share/doc/$name/copyright" 2>/dev/null | sort -u | paste -sd "|")
    echo "$name $rest $licences"
done' >"$file.packages"
buildah rm "$container" >/dev/null
rm -f "$file"
buildah push -q "$image" "docker-archive:$file:tintype:$version"
