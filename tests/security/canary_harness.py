"""The canary harness: ``python -m tests.security.canary_harness MODE REPORT``, in separate namespaces.

This process is the machine that runs the service. One of its threads runs in a second network namespace, connected by a
veth pair: there are the attacker's public site and the internal hosts that must receive no packets. Both ends record
packets.
"""

from __future__ import annotations

import base64
import contextlib
import ctypes
import hashlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.security import navigation_attacks
from tests.security.addresses import (
    CANARY,
    GATEWAY,
    GATEWAY_V6,
    INTERNAL,
    NAMES,
    NAMESERVER,
    OTHER,
    OWN,
    OWN_V6,
    PUBLIC,
    SITE,
    SITE_V6,
    SPELLINGS,
    STUN,
    TCP_PORTS,
)
from tests.security.canary_servers import Record, start_servers
from tests.security.dns_server import NameServer
from tests.security.sniffer import Packet, Sniffer
from tintype.chromium.daemon.daemon import DaemonConfig, address_for
from tintype.engines.chromium import ChromiumEngine
from tintype.errors import TintypeError
from tintype.options import Navigation, Shot, WaitOptions

_ATTEMPTS = 3
_RETRIED = ("capture-timeout", "target-unreachable", "browser-crashed", "backend-unavailable")
_NEW_NETWORK = 0x40000000  # CLONE_NEWNET, sched.h


def build(record: Record, certificate: Path) -> NameServer:
    """Set up both namespaces, the veth pair between them, and every server."""
    _ip("link set lo up")
    with ThreadPoolExecutor(1) as other_thread:  # sockets keep its namespace alive
        names = other_thread.submit(_build_internet, record, certificate).result()
    for address in (f"{OWN}/24", f"{OWN_V6}/64"):
        _ip(f"addr add {address} dev service" + (" nodad" if ":" in address else ""))
    _ip("link set service up")
    _ip(f"route add default via {GATEWAY}")
    _ip(f"-6 route add default via {GATEWAY_V6}")
    start_servers(record, certificate)
    resolver = Path(tempfile.mkdtemp()) / "resolv.conf"
    resolver.write_text(f"nameserver {NAMESERVER}\noptions timeout:5 attempts:2\n")
    subprocess.run(["mount", "--bind", resolver, "/etc/resolv.conf"], check=True)
    return names


def _build_internet(record: Record, certificate: Path) -> NameServer:
    if ctypes.CDLL(None, use_errno=True).unshare(_NEW_NETWORK) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    _ip("link set lo up")
    _ip(f"link add internet type veth peer name service netns {os.getpid()}")
    for address in (SITE, NAMESERVER, *INTERNAL, SITE_V6):
        _ip(f"addr add {address}/{'128 nodad' if ':' in address else '32'} dev internet")
    _ip(f"addr add {GATEWAY}/24 dev internet")
    _ip(f"addr add {GATEWAY_V6}/64 dev internet nodad")
    _ip("link set internet up")
    start_servers(record, certificate)
    bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    bound.bind((NAMESERVER, 53))
    return NameServer(bound, NAMES)


def _ip(command: str) -> None:
    subprocess.run(["ip", *command.split()], check=True, capture_output=True)


def is_unexpected_on_veth(packet: Packet) -> bool:
    """Whether a packet is not for the attacker's public addresses."""
    return packet.address not in PUBLIC or (packet.address == NAMESERVER and packet.port != 53)


def is_canary_port(packet: Packet) -> bool:
    """Whether a packet is for a port of the canaries; proxies and daemon use others."""
    return packet.port in (*TCP_PORTS, STUN)


def make_certificate(folder: Path) -> tuple[Path, str]:
    """Create a certificate and key in one file; return it and the key hash with which Chromium trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "page.attacker.com")])
    begin = datetime.now(UTC) - timedelta(days=1)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(begin).not_valid_after(begin + timedelta(days=9))
    alternatives = x509.SubjectAlternativeName([x509.DNSName("*.attacker.com")])
    certificate = builder.add_extension(alternatives, critical=False).sign(key, hashes.SHA256())
    pem, private = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    file = folder / "certificate.pem"
    file.write_bytes(certificate.public_bytes(pem) + key.private_bytes(pem, private, serialization.NoEncryption()))
    der = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    return file, base64.b64encode(hashlib.sha256(key.public_key().public_bytes(*der)).digest()).decode()


@contextlib.contextmanager
def engine(mode: str, key_hash: str, **settings: Any) -> Iterator[ChromiumEngine]:
    """Run the capture daemon without the layers that a mode disables."""
    with tempfile.TemporaryDirectory() as folder:
        # Long limits for loaded machines: the test checks reachability, not speed.
        config = DaemonConfig(slots=3, queue=200, timeout=30.0, idle_timeout=5.0, **settings)
        address = address_for(config, Path(folder))
        command = [sys.executable, "-m", "tests.security.weakened_daemon", mode, key_hash, address, config.to_json()]
        log = Path(folder) / "daemon.log"
        client = ChromiumEngine(address, command, Path(folder), timeout=120, log_file=log)
        try:
            yield client
        finally:
            client.close()
            client.stop_if_idle()
            if "-v" in sys.argv:
                sys.stderr.write(log.read_text())


def attack_urls(vectors_stay: int = 4000) -> dict[str, tuple[str, int]]:
    """URLs to capture, and milliseconds to wait on the page, by name."""
    urls = {
        f"vectors {scheme}": (f"{scheme}://page.attacker.com/vectors", vectors_stay) for scheme in ("http", "https")
    }
    for name in navigation_attacks.NAVIGATIONS:
        stay = 1500 if name.endswith(("late", "again")) else 300
        urls[f"navigation {name}"] = f"http://page.attacker.com/navigation/{name}", stay
        if name in navigation_attacks.HTTPS_NAVIGATIONS:
            urls[f"navigation {name} https"] = f"https://page.attacker.com/navigation/{name}", stay
    urls |= {f"direct {host}": (f"http://{host}/hit/direct", 0) for host in SPELLINGS}
    return urls | {"public": ("http://six.attacker.com/", 0)}


def capture(client: ChromiumEngine, url: str, stay: int) -> dict[str, Any]:
    """Capture one URL, with retries if a loaded machine ended it early; returns the outcome."""
    for _ in range(_ATTEMPTS):
        result = _attempt(client, url, stay)
        if result["outcome"] not in _RETRIED:
            break
    return result


def _attempt(client: ChromiumEngine, url: str, stay: int) -> dict[str, Any]:
    shot = Shot(navigation=Navigation.model_construct(url=url, wait_until="load"), wait=WaitOptions(delay=stay))
    begin = time.monotonic()
    try:
        captured = client.capture(shot)
        outcome = {"outcome": "image", "title": captured.title, "url": captured.final_url}
    except TintypeError as error:
        outcome = {"outcome": error.code, "title": "", "detail": error.detail}
    return {**outcome, "seconds": round(time.monotonic() - begin, 2)}


def run_captures(client: ChromiumEngine, mode: str) -> dict[str, dict[str, Any]]:
    """Run a mode's captures, six at a time; controls stay longer on a page."""
    selects, stay = _selector(mode), 9000 if mode in {"opened", "unguarded"} else 4000
    todo = {name: target for name, target in attack_urls(stay).items() if selects(name)}
    with ThreadPoolExecutor(6) as pool:
        done = pool.map(lambda target: capture(client, *target), todo.values())
        return dict(zip(todo, done, strict=True))


def probe_canaries() -> None:
    """Send each canary a TCP connection and a UDP packet, which it must record."""
    for host in (*INTERNAL, "127.0.0.1", "::1", OWN):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with contextlib.suppress(TimeoutError), socket.socket(family, socket.SOCK_STREAM) as client:
            client.settimeout(2)
            client.connect((host, OTHER))
        with socket.socket(family, socket.SOCK_DGRAM) as client:
            client.sendto(b"probe", (host, STUN))


def main(mode: str, report: Path) -> None:
    """Set up, run the captures, and write the report."""
    record = Record()
    certificate, key_hash = make_certificate(Path(tempfile.mkdtemp()))
    names = build(record, certificate)
    opened = tuple(f"{CANARY}:{port}" for port in TCP_PORTS) if mode == "opened" else ()
    with Sniffer("service", is_unexpected_on_veth) as veth, Sniffer("lo", is_canary_port) as loopback:
        outcomes: dict[str, Any] = {}
        status: dict[str, Any] = {}
        if mode == "probe":
            probe_canaries()
        else:
            daemon_mode = "shipped" if mode == "opened" else mode
            with engine(daemon_mode, key_hash, allow_addresses=opened) as client:
                outcomes = run_captures(client, mode)
                status = msgspec.structs.asdict(client.status())
        threading.Event().wait(0.5)  # packets in transit
    packets = {str(packet): count for sniffer in (veth, loopback) for packet, count in sniffer.packets.items()}
    report_data = {"outcomes": outcomes, "packets": packets, "canaries": record.canaries, "status": status}
    report.write_text(json.dumps({**report_data, "tried": sorted(record.tried), "queries": names.queries}, indent=1))


def _selector(mode: str) -> Callable[[str], bool]:
    """Select the captures that a mode runs; controls need fewer."""
    parts = {
        "shipped": ("",),
        "proxy-alone": ("vectors", "navigation"),
        "namespaces-alone": ("vectors",),
        "opened": ("vectors http",),
        "unguarded": ("vectors", "navigation redirect-302", "navigation location", "navigation script-to-", "direct"),
    }[mode]
    return lambda name: name.startswith(parts)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
