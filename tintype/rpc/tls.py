"""Addresses of capture daemons and the security of ``tcp://`` ones: shared secret, TLS, and the rules that demand them.

Every user of a machine can connect to its loopback addresses, so each ``tcp://`` address needs TINTYPE_ENGINE_SECRET.
Requests contain the cookies, headers and passwords of clients: beyond loopback ``tcp://`` also needs TLS, unless the
operator sets TINTYPE_ALLOW_PLAINTEXT_ENGINE because the network encrypts. The folder of a ``unix://`` socket restricts
access by itself.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import urlsplit

from tintype.errors import ConfigurationError

_TCP = "tcp://"


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportSecurity:
    """Security of ``tcp://`` connections between clients and capture daemons; not used for ``unix://``."""

    secret: str = field(default="", repr=False)
    """Secret that client and daemon share; empty: no ``tcp://`` address can be used."""
    certificate: str = ""
    """PEM file of the daemon's certificate chain; empty: the daemon serves plain TCP."""
    key: str = ""
    """PEM file of its private key; empty: it is in the certificate's file."""
    ca: str = ""
    """PEM file of the authorities that clients trust; empty: the client connects by plain TCP."""
    allow_plaintext: bool = False
    """Permit plain TCP beyond loopback."""

    def require_for_server(self, address: str) -> None:
        """Raise ConfigurationError if a daemon must not listen on an address with these settings."""
        if address.startswith(_TCP) and not self.secret:
            raise ConfigurationError(
                f"TINTYPE_ENGINE_SECRET: must be set to listen on {address}, because every user of a machine can "
                "connect to a port; set the same value for the clients, or listen on unix:///path/to/socket"
            )
        if not is_remote_address(address):
            return
        if not self.certificate and not self.allow_plaintext:
            raise ConfigurationError(
                f"TINTYPE_ENGINE_TLS_CERT: without TLS, callers' cookies and passwords would travel to {address} "
                "unencrypted; set TINTYPE_ENGINE_TLS_CERT and TINTYPE_ENGINE_TLS_KEY, or "
                "TINTYPE_ALLOW_PLAINTEXT_ENGINE=1 if the network itself encrypts"
            )

    def require_for_client(self, address: str) -> None:
        """Raise ConfigurationError if a client must not connect to an address with these settings."""
        if address.startswith(_TCP) and not self.secret:
            raise ConfigurationError(
                f"TINTYPE_ENGINE_SECRET: must be set for {address}, to the same value as for its capture daemon"
            )
        if not is_remote_address(address):
            return
        if not self.ca and not self.allow_plaintext:
            raise ConfigurationError(
                f"TINTYPE_ENGINE_TLS_CA: without TLS, callers' cookies and passwords would travel to {address} "
                "unencrypted; set TINTYPE_ENGINE_TLS_CA, or TINTYPE_ALLOW_PLAINTEXT_ENGINE=1 if the network itself "
                "encrypts"
            )

    def server_context(self) -> ssl.SSLContext | None:
        """Return the daemon's TLS context, or None without a certificate; raises ConfigurationError."""
        if not self.certificate:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        try:
            context.load_cert_chain(self.certificate, self.key or None)
        except OSError as error:  # ssl.SSLError is one
            raise ConfigurationError(
                f"TINTYPE_ENGINE_TLS_CERT: cannot load {self.certificate} with its key: {_reason(error)}; "
                "name PEM files that the service's user may read"
            ) from error
        return context

    def client_context(self) -> ssl.SSLContext | None:
        """Return the TLS context of clients, which verifies certificate and name, or None without authorities."""
        if not self.ca:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        try:
            context.load_verify_locations(self.ca)
        except OSError as error:
            raise ConfigurationError(
                f"TINTYPE_ENGINE_TLS_CA: cannot load {self.ca}: {_reason(error)}; "
                "name a PEM file that the service's user may read"
            ) from error
        return context


UNSECURED = TransportSecurity()
"""Neither secret nor TLS: for Unix sockets and loopback."""


def check_address(name: str, address: str) -> None:
    """Raise ConfigurationError, with the ``name`` of the setting or flag, for a malformed address of a daemon.

    An address is ``unix://`` with an absolute path, or ``tcp://host:port`` and nothing else.
    """
    try:
        parts = urlsplit(address)
        extra = parts.query or parts.fragment or parts.username or parts.password
        is_unix = parts.scheme == "unix" and not parts.netloc and parts.path.startswith("/") and parts.path != "/"
        is_tcp = parts.scheme == "tcp" and bool(parts.hostname) and bool(parts.port) and not parts.path
    except ValueError:  # a port that is not a number from 0 to 65535, or an unfinished IPv6 address
        is_unix, is_tcp, extra = False, False, ""
    if extra or not (is_unix or is_tcp):
        raise ConfigurationError(f"{name}: must be unix:///path/to/socket or tcp://host:port, not {address!r}")


def is_remote_address(address: str) -> bool:
    """Return whether other machines can reach a daemon's address: ``tcp://`` with a host that is not loopback."""
    parts = urlsplit(address)
    if parts.scheme != "tcp" or parts.hostname == "localhost":
        return False
    try:
        return not ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return True


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
