"""Security of connections to capture daemons on other machines: shared secret, TLS, and the rule that demands both.

Requests contain the cookies, headers and passwords of clients. A ``tcp://`` address beyond loopback therefore needs
TINTYPE_ENGINE_SECRET and TLS, unless the operator sets TINTYPE_ALLOW_PLAINTEXT_ENGINE because the network encrypts.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import urlsplit

from tintype.errors import ConfigurationError


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportSecurity:
    """Security of ``tcp://`` connections between clients and capture daemons; not used for ``unix://``."""

    secret: str = field(default="", repr=False)
    """Secret that client and daemon share; empty: no authentication."""
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
        if not is_remote_address(address):
            return
        if not self.secret:
            raise ConfigurationError(f"TINTYPE_ENGINE_SECRET: must be set to listen on {address}, beyond loopback")
        if not self.certificate and not self.allow_plaintext:
            raise ConfigurationError(
                f"TINTYPE_ENGINE_TLS_CERT: without TLS, callers' cookies and passwords would travel to {address} "
                "unencrypted; set TINTYPE_ENGINE_TLS_CERT and TINTYPE_ENGINE_TLS_KEY, or "
                "TINTYPE_ALLOW_PLAINTEXT_ENGINE=1 if the network itself encrypts"
            )

    def require_for_client(self, address: str) -> None:
        """Raise ConfigurationError if a client must not connect to an address with these settings."""
        if not is_remote_address(address):
            return
        if not self.secret:
            raise ConfigurationError(
                f"TINTYPE_ENGINE_SECRET: must be set for {address}, to the same value as on that machine"
            )
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
