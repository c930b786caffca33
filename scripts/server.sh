#!/usr/bin/env bash
# Installs the programs that tests use: redis-server, rabbitmq-server, nginx, Caddy, systemd-analyze, ip (network
# namespaces), and kernel headers for the seccomp profile.
set -euo pipefail

missing=()
command -v redis-server >/dev/null || missing+=(redis-server)
test -e /usr/lib/rabbitmq/bin/rabbitmq-server || missing+=(rabbitmq-server)
command -v nginx >/dev/null || missing+=(nginx)
command -v caddy >/dev/null || missing+=(caddy)
command -v systemd-analyze >/dev/null || missing+=(systemd)
command -v ip >/dev/null || missing+=(iproute2)
test -e /usr/include/linux/seccomp.h || missing+=(linux-libc-dev)
[ ${#missing[@]} = 0 ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing ${missing[*]} ..."
    apt-get update -qq || true
    # Without this policy the packages start servers; the tests start their own, on free ports.
    policy=/usr/sbin/policy-rc.d
    if [ ! -e $policy ]; then
        printf '#!/bin/sh\nexit 101\n' >$policy
        chmod 755 $policy
        trap 'rm -f $policy' EXIT
    fi
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null && exit 0
fi
echo "!! Missing: ${missing[*]}. Tests that need them will be SKIPPED. Install them, on Debian with: apt install ${missing[*]}" >&2
