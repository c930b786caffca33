#!/usr/bin/env bash
# Makes sure of what the tests start besides us: a real redis-server.
set -euo pipefail

command -v redis-server >/dev/null && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing redis-server ..."
    apt-get update -qq || true
    # The package would start a server of its own; the tests start theirs, on free ports.
    policy=/usr/sbin/policy-rc.d
    if [ ! -e $policy ]; then
        printf '#!/bin/sh\nexit 101\n' >$policy
        chmod 755 $policy
        trap 'rm -f $policy' EXIT
    fi
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends redis-server >/dev/null && exit 0
fi
echo "!! There is no redis-server: every test that needs it will be SKIPPED. Install it, on Debian with: apt install redis-server" >&2
