"""A certificate authority of the test run: one for the server, one for a receiver, one for a client assertion."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

__all__ = ["Authority"]


@dataclass(frozen=True)
class Authority:
    """Issues what the clients trust that are given `ca`.

    Args:
        folder: Where the files lie.
    """

    folder: Path
    _key: ec.EllipticCurvePrivateKey
    _certificate: x509.Certificate

    @classmethod
    def make(cls, folder: Path) -> Authority:
        folder.mkdir(parents=True, exist_ok=True)
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name("Graph test authority")
        builder = _builder(name, name, key.public_key())
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
        builder = builder.add_extension(usage, critical=True)
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        made = cls(folder, key, builder.sign(key, hashes.SHA256()))
        made.ca.write_bytes(made._certificate.public_bytes(Encoding.PEM))
        return made

    @property
    def ca(self) -> Path:
        """PEM file of the authority, for `verify`, `--ca` or `REQUESTS_CA_BUNDLE`."""
        return self.folder / "ca.pem"

    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.ca))

    def server(self, *hosts: str) -> Path:
        """PEM file of key and certificate for these names and addresses; without any, for this machine alone."""
        key = ec.generate_private_key(ec.SECP256R1())
        names: list[x509.GeneralName] = [
            x509.IPAddress(ipaddress.ip_address(host)) if host[0].isdigit() else x509.DNSName(host)
            for host in hosts or ("127.0.0.1", "localhost")
        ]
        builder = _builder(_name("server"), self._certificate.subject, key.public_key())
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        own = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = builder.add_extension(own, critical=False)
        signed = builder.sign(self._key, hashes.SHA256())
        file = self.folder / f"server-{signed.serial_number:x}.pem"
        file.write_bytes(_pem(key) + signed.public_bytes(Encoding.PEM))
        return file

    def client(self) -> tuple[Path, bytes]:
        """PEM file of key and certificate of an app registration, and the certificate that it registers."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        certificate = _builder(_name("app"), _name("app"), key.public_key()).sign(key, hashes.SHA256())
        public = certificate.public_bytes(Encoding.PEM)
        file = self.folder / f"client-{certificate.serial_number:x}.pem"
        file.write_bytes(_pem(key) + public)
        return file, public


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=30))
    )


def _pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
