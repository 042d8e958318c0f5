"""SFTP packets and paths, against whatever a server may send."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integrations.connectors.sftp_pgp.listing import classify, kind_of
from airflow_provider_integrations.connectors.sftp_pgp.paths import Jail, from_wire, to_wire
from airflow_provider_integrations.connectors.sftp_pgp.protocol import (
    LARGEST_PACKET,
    Attributes,
    Frames,
    Kind,
    ProtocolError,
    Reader,
    read_attributes,
    read_names,
    read_status,
    read_version,
    request,
    string,
    u32,
)
from airflow_provider_integrations.core.errors import RejectedError


@given(st.lists(st.binary(min_size=0, max_size=50)), st.integers(1, 40))
def test_frames_do_not_depend_on_how_the_stream_is_cut(bodies: list[bytes], step: int) -> None:
    stream = b"".join(request(Kind.REMOVE, 7, body) for body in bodies)
    frames = Frames()
    got = [bytes(packet) for at in range(0, len(stream), step) for packet in frames.feed(stream[at : at + step])]
    assert [packet[5:] for packet in got] == bodies


@pytest.mark.parametrize("length", [0, 4, LARGEST_PACKET + 1, 0xFFFFFFFF])
def test_a_packet_of_impossible_length_is_no_allocation(length: int) -> None:
    with pytest.raises(ProtocolError):
        list(Frames().feed(u32(length)))


@given(st.binary(max_size=200))
def test_no_bytes_crash_the_readers(data: bytes) -> None:
    for read in (read_attributes, read_status, read_version, lambda reader: list(read_names(reader))):
        with contextlib.suppress(ProtocolError):
            read(Reader(data))


def test_a_count_of_names_beyond_the_packet_ends() -> None:
    with pytest.raises(ProtocolError):
        list(read_names(Reader(u32(0xFFFFFFFF) + string(b"a"))))


def test_a_status_message_is_made_printable() -> None:
    error = read_status(Reader(u32(4) + string(b"no\nway\x1b[31m")))
    assert error is not None
    assert error.message.isprintable()
    assert read_status(Reader(u32(0))) is None


@given(st.binary())
def test_names_keep_the_servers_bytes(name: bytes) -> None:
    assert to_wire(from_wire(name)) == name


@given(st.text(st.characters(exclude_categories=())))
def test_no_path_leaves_the_jail(path: str) -> None:
    jail = Jail("/data/in")
    try:
        inside = jail.inside(path)
    except RejectedError:
        return
    assert jail.contains(inside)
    assert ".." not in inside.split("/")
    assert inside.isprintable() or all(not 0 <= ord(letter) < 32 for letter in inside)


def test_the_jail_is_no_prefix_of_a_name() -> None:
    jail = Jail("/data/in")
    assert not jail.contains("/data/inner")
    assert not jail.contains("/data")
    assert jail.contains("/data/in")
    assert Jail("/").contains("/anything")
    assert Jail("/").inside("a") == "/a"
    assert Jail("/").inside("/") == "/"


def test_the_type_comes_from_the_bits_or_else_from_the_long_line() -> None:
    assert kind_of(Attributes(mode=0o100644)) == "file"
    assert kind_of(Attributes(mode=0o120777)) == "symlink"
    assert kind_of(Attributes(mode=0o140777)) == "special"
    assert kind_of(Attributes(mode=0o644), b"drwxr-xr-x") == "folder"
    assert kind_of(Attributes()) == "unknown"
    assert classify("/in", b"..", Attributes()) is None
