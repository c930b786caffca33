#!/usr/bin/env bash
# Installs a wheel as a new user does, on a Debian 12 with nothing but a base system, and captures a page: as root, with
# debootstrap.
#
# bare-install.sh WHEEL. The root is entered with pivot_root, because Chromium's sandbox does not work in a chroot.
set -euo pipefail
cd "$(dirname "$0")/.."
wheel=$1
command -v debootstrap >/dev/null || { echo "debootstrap is missing: apt install debootstrap" >&2; exit 1; }
root=$(mktemp -d)
chmod 755 "$root" # for the user of apt
trap 'rm -rf --one-file-system "$root"' EXIT

debootstrap --variant=minbase --include=ca-certificates bookworm "$root" >"$root.log" || { tail "$root.log" >&2; exit 1; }
rm -f "$root.log"
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
cp /etc/resolv.conf /etc/hosts "$root/etc/"
cp /etc/apt/sources.list.d/debian.sources "$root/etc/apt/sources.list.d/" 2>/dev/null && rm -f "$root/etc/apt/sources.list"
mkdir "$root/opt/wheel" "$root/opt/old"
cp "$wheel" "$root/opt/wheel/"
cp -r examples/site "$root/opt/site"

cat >"$root/opt/steps" <<'END'
set -eu
apt-get update -qq
apt-get install -y -qq --no-install-recommends pipx python3-venv >/tmp/apt.log 2>&1 || { tail /tmp/apt.log; exit 1; }
pipx install --pip-args=--cert=/etc/ssl/certs/ca-certificates.crt /opt/wheel/*.whl >/tmp/pipx.log 2>&1 || { cat /tmp/pipx.log; exit 1; }
"$(command -v tintype)" install-browser
cd /opt/site && python3 -m http.server 8491 --bind 127.0.0.1 >/dev/null 2>&1 &
cd /tmp
until python3 -c 'import socket; socket.create_connection(("127.0.0.1", 8491))' 2>/dev/null; do sleep 0.1; done
tintype doctor | tail -n 1
TINTYPE_ALLOW_ADDRESSES=127.0.0.1:8491 tintype shot http://127.0.0.1:8491/ -o /tmp/example.png
END

ROOT=$root unshare --mount --pid --fork bash -euc '
mount --make-rprivate /
mount --bind "$ROOT" "$ROOT"
cd "$ROOT"
mount -t proc proc proc
mount --rbind /dev dev
mount --rbind /sys sys
pivot_root . opt/old
umount -l /opt/old
exec env -i HOME=/root PATH=/root/.local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
    bash /opt/steps'
[ "$(head -c 4 "$root/tmp/example.png" | tail -c 3)" = PNG ] || { echo 'the thumbnail is no PNG' >&2; exit 1; }
[ -z "${OUT:-}" ] || cp "$root/tmp/example.png" "$OUT"
