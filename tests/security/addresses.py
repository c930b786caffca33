"""Addresses of the canary harness: public ones of the attacker, and internal ones that must receive no packets."""

from __future__ import annotations

SITE, NAMESERVER, GATEWAY, SITE_V6, GATEWAY_V6 = (
    "93.184.216.34", "93.184.216.53", "93.184.216.1", "2606:2800:220::34", "2606:2800:220::1",
)  # fmt: skip
PUBLIC = frozenset({SITE, NAMESERVER, GATEWAY, SITE_V6, GATEWAY_V6})

OWN, OWN_V6 = "93.184.216.2", "2606:2800:220::2"
"""Public addresses of the machine that runs the service. Captures must not reach them."""

INTERNAL = (
    "10.0.0.5", "172.16.0.5", "192.168.0.5", "169.254.169.254", "100.64.0.5", "168.63.129.16", "192.0.0.192",
    "fd00::5", "64:ff9b::a00:5", "2002:a00:5::1", "2001:db8::5", "fec0::5",
)  # fmt: skip
CANARY = "10.0.0.5"
"""The address that most vectors try to reach."""

WEB, SECURE, OTHER, STUN = 80, 443, 8000, 3478
TCP_PORTS = (WEB, SECURE, OTHER, STUN)

NAMES: dict[str, list[list[str]]] = {
    "page.attacker.com": [[SITE]],
    "six.attacker.com": [[SITE_V6]],
    "inside.attacker.com": [[CANARY]],
    "inside-six.attacker.com": [["fd00::5"]],
    "loop.attacker.com": [["127.0.0.1"]],
    "mapped.attacker.com": [["::ffff:10.0.0.5"]],
    "mixed.attacker.com": [[SITE, CANARY]],
    "rebind.attacker.com": [[SITE], [CANARY]],
    "metadata.google.internal": [["169.254.169.254"]],
    "printer.local": [["192.168.0.5"]],
}
"""Responses of the attacker's DNS server in order; the last is repeated. ``rebind`` changes after the first."""

NUMERIC_SPELLINGS = (f"2130706433:{OTHER}", f"0x7f.1:{OTHER}", f"0177.0.0.1:{OTHER}")
"""Spellings of 127.0.0.1 that are not four decimal numbers: the daemon rejects them before it resolves a host."""

SPELLINGS = (
    *NUMERIC_SPELLINGS,
    f"127.0.0.1:{OTHER}", f"localhost:{OTHER}", f"[::1]:{OTHER}", f"0.0.0.0:{OTHER}", f"[::]:{OTHER}",
    f"x.localhost:{OTHER}", f"[::ffff:127.0.0.1]:{OTHER}", f"[::127.0.0.1]:{OTHER}", f"127.9.9.9:{OTHER}",
    f"{OWN}:{OTHER}", f"[{OWN_V6}]:{OTHER}", "10.0.0.5", "172.16.0.5", "192.168.0.5", "169.254.169.254", "100.64.0.5",
    "168.63.129.16", "192.0.0.192", "[fd00::5]", "[64:ff9b::a00:5]", "[2002:a00:5::1]", "[2001:db8::5]", "[fec0::5]",
    "[::ffff:10.0.0.5]", "inside.attacker.com", "inside-six.attacker.com", "mapped.attacker.com", "mixed.attacker.com",
    "rebind.attacker.com", f"loop.attacker.com:{OTHER}", "metadata.google.internal", "printer.local",
)  # fmt: skip
"""All internal destinations, as host and port of a URL."""
