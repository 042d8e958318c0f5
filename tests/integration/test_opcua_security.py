"""Security policies, certificates and users, on asyncua's server."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import numpy as np
import pytest
from asyncua import Server, ua
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.server.user_managers import UserManager
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from airflow_provider_integrations.connectors.historian.model import Span, Tag, from_iso
from airflow_provider_integrations.connectors.historian.opcua_client import open_opcua
from airflow_provider_integrations.connectors.historian.opcua_settings import OpcUaSettings
from airflow_provider_integrations.core.errors import ConfigError, IntegrationError
from tests.fakes.opcua.server import History, Served, World, records, serving

pytestmark = pytest.mark.integration

BEGIN = from_iso("2026-01-01T00:00:00Z")
SPAN = Span(BEGIN, BEGIN + 60 * 10**9)
CANARY = "canary-password"


def certificate(folder: Path, name: str, uri: str) -> tuple[str, str]:
    """A certificate of a name and its key, as files."""
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    usage = x509.KeyUsage(True, True, True, True, False, True, False, False, False)
    made = (
        x509.CertificateBuilder()
        .subject_name(who).issuer_name(who).public_key(key.public_key()).serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1)).not_valid_after(now + dt.timedelta(days=30))
        .add_extension(
            x509.SubjectAlternativeName([
                x509.UniformResourceIdentifier(uri), x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1")),
            ]), critical=False)
        .add_extension(usage, critical=True)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    public, private = folder / f"{name}.der", folder / f"{name}.pem"
    public.write_bytes(made.public_bytes(serialization.Encoding.DER))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return str(public), str(private)


class Reader(UserManager):
    """Knows one user, and nobody without a name."""

    def get_user(
        self, iserver: object, username: str | None = None, password: str | None = None, certificate: object = None
    ) -> User | None:
        return User(role=UserRole.User) if (username, password) == ("reader", CANARY) else None


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, Path]]:
    folder = tmp_path_factory.mktemp("keys")
    public, private = certificate(folder, "server", "urn:freeopcua:python:server")
    certificate(folder, "client", "urn:tests:client")
    certificate(folder, "other", "urn:freeopcua:python:server")
    history = History({3: records(BEGIN + np.arange(500) * 10**8)}, cap=100)

    async def prepare(server: Server) -> None:
        await server.load_certificate(public)
        await server.load_private_key(private)
        policies = ua.SecurityPolicyType
        server.set_security_policy([
            policies.NoSecurity, policies.Basic256Sha256_Sign, policies.Basic256Sha256_SignAndEncrypt,
            policies.Aes128Sha256RsaOaep_SignAndEncrypt, policies.Aes256Sha256RsaPss_SignAndEncrypt,
        ])  # fmt: skip
        server.iserver.user_manager = Reader()
        server.iserver.history_manager.read_history = history.read_history

    with serving([3], prepare) as served:
        yield served, folder


def settings(served: Served, folder: Path, policy: str, mode: str, password: str = CANARY) -> OpcUaSettings:
    extras = {
        "security-policy": policy, "security-mode": mode, "certificate-path": str(folder / "client.der"),
        "private-key-path": str(folder / "client.pem"), "server-certificate-path": str(folder / "server.der"),
        "reconnect-for": 1, "timeout": 20,
    }  # fmt: skip
    return OpcUaSettings.from_connection(served.url, None, "reader", password, extras)


def read(given: OpcUaSettings, node: str) -> list[float]:
    found: list[float] = []

    async def work() -> None:
        async with open_opcua(given) as reader:
            async for page in reader.read([Tag("level", node)], SPAN):
                found.extend(page.samples.column("value_number").to_pylist())

    asyncio.run(work())
    return found


@pytest.mark.parametrize(
    ("policy", "mode"),
    [
        ("Basic256Sha256", "Sign"),
        ("Basic256Sha256", "SignAndEncrypt"),
        ("Aes128Sha256RsaOaep", "SignAndEncrypt"),
        ("Aes256Sha256RsaPss", "SignAndEncrypt"),
    ],
)
def test_history_over_a_secured_channel(secured: tuple[Served, Path], policy: str, mode: str) -> None:
    served, folder = secured
    assert read(settings(served, folder, policy, mode), served.node(3)) == [float(number) for number in range(500)]


def test_the_keys_are_renewed_in_the_middle_of_an_encrypted_read(secured: tuple[Served, Path]) -> None:
    served, folder = secured
    given = replace(settings(served, folder, "Basic256Sha256", "SignAndEncrypt"), channel_lifetime=1.0)

    async def work() -> int:
        count = 0
        async with open_opcua(given) as reader:
            for _ in range(12):
                async for page in reader.read([Tag("level", served.node(3))], SPAN):
                    count += page.samples.num_rows
                await asyncio.sleep(0.2)
        return count

    assert asyncio.run(work()) == 12 * 500


def test_a_wrong_password_is_refused_for_good_and_shown_nowhere(
    secured: tuple[Served, Path], caplog: pytest.LogCaptureFixture
) -> None:
    served, folder = secured
    caplog.set_level(logging.DEBUG)
    with pytest.raises(ConfigError) as caught:
        read(settings(served, folder, "Basic256Sha256", "SignAndEncrypt", "canary-wrong"), served.node(3))
    assert "canary" not in f"{caught.value!r}{caught.value.values}{caplog.text}"


def test_a_server_of_another_certificate_is_not_believed(secured: tuple[Served, Path]) -> None:
    served, folder = secured
    given = replace(
        settings(served, folder, "Basic256Sha256", "SignAndEncrypt"), server_certificate_path=str(folder / "other.der"), timeout=3
    )  # fmt: skip
    with pytest.raises(IntegrationError):
        read(given, served.node(3))


def test_a_password_goes_over_no_open_wire(opcua_world: World) -> None:
    """That server has no certificate, so that nothing could hide the password."""
    opcua_world.give(History({3: records(BEGIN + np.arange(5) * 10**8)}))
    given = OpcUaSettings.from_connection(opcua_world.url, None, "reader", CANARY, {"reconnect-for": 1, "timeout": 20})
    with pytest.raises(ConfigError, match="for all to read") as caught:
        read(given, opcua_world.node(3))
    assert CANARY not in f"{caught.value!r}"
    assert len(read(replace(given, plain_password=True), opcua_world.node(3))) == 5
