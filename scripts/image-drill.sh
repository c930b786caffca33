#!/usr/bin/env bash
# Builds the image without a registry and captures a page in it: as root, with debootstrap, buildah and runc.
#
# image-drill.sh [slim|full]. The base image is a Debian from debootstrap instead of Docker Hub's Python.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${1:-slim}
work=$(mktemp -d)
export BUILDAH_ISOLATION=chroot STORAGE_DRIVER=vfs
container='' service='' site=''

for tool in debootstrap buildah runc curl; do
    command -v "$tool" >/dev/null || { echo "$tool is missing: apt install $tool" >&2; exit 1; }
done

cleanup() {
    [ -z "$service" ] || kill "$service" 2>/dev/null || true
    [ -z "$site" ] || kill "$site" 2>/dev/null || true
    [ -z "$container" ] || buildah rm "$container" >/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT

if ! buildah inspect --type image localhost/tintype-base >/dev/null 2>&1; then
    echo "== base image"
    debootstrap --variant=minbase --include=python3,python3-pip,ca-certificates bookworm "$work/base" >"$work/log" ||
        { tail "$work/log"; exit 1; }
    cp /etc/ssl/certs/ca-certificates.crt "$work/base/etc/ssl/certs/"
    cp /etc/apt/sources.list.d/debian.sources "$work/base/etc/apt/sources.list.d/" 2>/dev/null &&
        rm -f "$work/base/etc/apt/sources.list"
    base=$(buildah from scratch)
    buildah add -q "$base" "$work/base" / >/dev/null
    buildah commit -q "$base" localhost/tintype-base >/dev/null
    buildah rm "$base" >/dev/null
fi

echo "== image"
begin=$(date +%s)
# Docker's format keeps the health check.
buildah build --format docker --quiet --layers --build-arg BASE=localhost/tintype-base --target "$target" -t "localhost/tintype:$target" . >/dev/null
echo "built in $(($(date +%s) - begin)) s"

container=$(buildah from --isolation oci --network host --cap-drop all \
    --security-opt "seccomp=$PWD/deploy/seccomp.json" "localhost/tintype:$target")
root=$(buildah mount "$container")
echo "files: $(du -sxm "$root" | cut -f1) MB"
for stray in tests .git .env data; do test ! -e "$root/opt/tintype/$stray"; done

echo "== thumbnail"
python3 -m http.server -b 127.0.0.1 -d examples/site 8491 >/dev/null 2>&1 &
site=$!
since() { echo "$((($(date +%s%N) - begin) / 1000000)) ms"; }
begin=$(date +%s%N)
buildah run --isolation oci --runtime runc --env PORT=8492 --env HOST=127.0.0.1 \
    --env TINTYPE_ALLOW_ADDRESSES=127.0.0.1:8491 "$container" -- tini -- tintype serve 2>"$work/service.log" &
service=$!
until curl -fs -o "$work/health" http://127.0.0.1:8492/health; do
    kill -0 "$service" || { cat "$work/service.log"; exit 1; }
    sleep 0.1
done
echo "listens after $(since)"
init=$(pgrep -n -u 10001 tini)
curl -fsS -D "$work/head" -o "$work/thumb.png" \
    'http://127.0.0.1:8492/thumb?url=http%3A%2F%2F127.0.0.1%3A8491%2F&thumb_width=320&format=png' ||
    { cat "$work/service.log"; exit 1; }
echo "first thumbnail after $(since), $(stat -c %s "$work/thumb.png") bytes, $(grep -i '^x-cache' "$work/head" | tr -d '\r')"
[ "$(head -c 4 "$work/thumb.png" | tail -c 3)" = PNG ] || { echo 'the response is not a PNG'; exit 1; }
[ "$(stat -c %s "$work/thumb.png")" -gt 3000 ] || { echo 'the thumbnail is blank'; exit 1; }
[ -z "${OUT:-}" ] || cp "$work/thumb.png" "$OUT"
curl -fsS http://127.0.0.1:8492/ready
server=$(pgrep -n -f 'tintype serve')
awk '/^(Uid|CapEff|Seccomp):/ {print $1, $2}' "/proc/$server/status"
uid=$(awk '/^Uid/ {print $2}' "/proc/$server/status")
echo "memory of all processes: $(ps -o rss= -u "$uid" | awk '{sum += $1} END {print int(sum / 1024)}') MB"
healthcheck=$(buildah inspect --type image --format '{{.Docker.Config.Healthcheck.Test}}' "localhost/tintype:$target")
echo "health check: $healthcheck"

echo "== stop"
begin=$(date +%s%N)
kill -TERM "$init"
wait "$service" || true
service=''
echo "stopped after $(since)"
if grep -E '"level": "(error|critical)"' "$work/service.log"; then exit 1; fi
grep -o '"event": "[a-z_]*"' "$work/service.log" | sort | uniq -c
