"""Certificates for tests: an authority and what it signs."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

_PEM = serialization.Encoding.PEM


@dataclass(frozen=True)
class Authority:
    """A certificate authority; ``certificate`` is the PEM file that clients trust."""

    folder: Path
    name: x509.Name
    private_key: ec.EllipticCurvePrivateKey
    certificate: Path

    @classmethod
    def create(cls, folder: Path) -> Authority:
        folder.mkdir(exist_ok=True)
        private_key = ec.generate_private_key(ec.SECP256R1())
        name = _name("Test authority")
        builder = _builder(name, name, private_key)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        certificate = folder / "ca.pem"
        certificate.write_bytes(builder.sign(private_key, hashes.SHA256()).public_bytes(_PEM))
        return cls(folder, name, private_key, certificate)

    def issue(self, *hosts: str) -> tuple[Path, Path]:
        """Issue a certificate for host names or addresses; return the PEM files of certificate and private key."""
        private_key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(_name(hosts[0]), self.name, private_key)
        names = x509.SubjectAlternativeName([_general_name(host) for host in hosts])
        signed = builder.add_extension(names, critical=False).sign(self.private_key, hashes.SHA256())
        certificate, key = self.folder / f"{hosts[0]}.crt", self.folder / f"{hosts[0]}.key"
        certificate.write_bytes(signed.public_bytes(_PEM))
        plain = serialization.NoEncryption()
        key.write_bytes(private_key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, plain))
        return certificate, key


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _builder(subject: x509.Name, issuer: x509.Name, private_key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now, day = dt.datetime.now(dt.UTC), dt.timedelta(days=1)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(private_key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    return builder.not_valid_before(now - day).not_valid_after(now + day)
