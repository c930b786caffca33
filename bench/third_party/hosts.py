"""Host names of the third parties, their addresses on loopback, and the tags that a page carries."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

HOSTS = {
    "consent": "consent.cookiebot.com",
    "tag manager": "www.googletagmanager.com",
    "analytics": "cdn.segment.com",
    "recorder": "static.hotjar.com",
    "advertising": "securepubads.g.doubleclick.net",
    "creatives": "tpc.googlesyndication.com",
    "chat": "embed.tawk.to",
}
"""Host by party. The tag manager loads the recorder, and advertising loads the creatives.

None is in Chromium's list of hosts that it requests by HTTPS only (HSTS preload list), as others of their kind are.
"""
ADDRESSES = {host: f"127.0.0.{101 + number}" for number, host in enumerate(HOSTS.values())}
FLAG = "third-party"
"""Name of the query parameter of pages that carry the tags."""
_TAGS = {"consent": "", "tag manager": " async", "analytics": " async", "advertising": " async", "chat": " defer"}
_IN_NAMESPACE = "BENCH_HOSTS_FILE"
_SCRIPT = 'mount --bind "$0" /etc/hosts && exec "$@"'


def script_name(party: str) -> str:
    """Name of the script of a party."""
    return f"{party.replace(' ', '_')}.js"


def add_tags(page: str, port: int) -> str:
    """Add the five tags to the head of a page, the consent manager first, as its vendors advise."""
    tags = "".join(
        f'<script src="http://{HOSTS[party]}:{port}/{script_name(party)}"{when}></script>\n'
        for party, when in _TAGS.items()
    )
    head, end, rest = page.partition("</head>")
    return f"{head}{tags}{end}{rest}" if end else tags + page


def enter_namespace() -> None:
    """Run the command again where these names have their loopback addresses; returns there only.

    A mount namespace with another /etc/hosts is the same for every tool and every browser, and changes none of them.
    Raises SystemExit with the status of that command.
    """
    if os.environ.get(_IN_NAMESPACE):
        return
    if os.geteuid():
        raise SystemExit("third parties need root: their names come from a hosts file in a mount namespace")
    with tempfile.TemporaryDirectory() as folder:
        hosts = Path(folder) / "hosts"
        lines = [f"{address} {host}" for host, address in ADDRESSES.items()]
        hosts.write_text("\n".join([Path("/etc/hosts").read_text(), *lines, ""]))
        again = [sys.executable, *sys.orig_argv[1:]]
        namespace = ["unshare", "--mount", "--propagation", "private", "sh", "-c", _SCRIPT, str(hosts)]
        done = subprocess.run([*namespace, *again], env={**os.environ, _IN_NAMESPACE: str(hosts)}, check=False)
    raise SystemExit(done.returncode)
