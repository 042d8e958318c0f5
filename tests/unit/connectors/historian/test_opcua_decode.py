"""Columns of received bytes: the same as asyncua's own reader gives, and no lie of a server is believed."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np
import pytest
from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import struct_from_binary, struct_to_binary
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integrations.connectors.historian.model import from_iso
from airflow_provider_integrations.connectors.historian.opcua_binary import EPOCH, Cursor, GarbledError
from airflow_provider_integrations.connectors.historian.opcua_decode import (
    BOOLEAN,
    NOTHING,
    NUMBER,
    TEXT,
    WHOLE,
    Values,
    read_modified,
    read_values,
)
from airflow_provider_integrations.connectors.historian.opcua_model import Fault
from airflow_provider_integrations.connectors.historian.opcua_values import PageMaker
from airflow_provider_integrations.connectors.historian.opcua_wire import read_response

V = ua.VariantType
TIME = datetime(2026, 1, 1, 0, 0, 0, 123456, tzinfo=UTC)

INTEGERS = {
    V.SByte: (-128, 127), V.Byte: (0, 255), V.Int16: (-(2**15), 2**15 - 1), V.UInt16: (0, 2**16 - 1),
    V.Int32: (-(2**31), 2**31 - 1), V.UInt32: (0, 2**32 - 1), V.Int64: (-(2**63), 2**63 - 1), V.UInt64: (0, 2**64 - 1),
}  # fmt: skip

variants = st.one_of(
    st.just(ua.Variant(None, V.Null)),
    st.booleans().map(lambda value: ua.Variant(value, V.Boolean)),
    st.floats().map(lambda value: ua.Variant(value, V.Double)),
    st.floats(width=32).map(lambda value: ua.Variant(value, V.Float)),
    st.text(max_size=5).map(lambda value: ua.Variant(value, V.String)),
    *[
        st.integers(*limits).map(lambda value, kind=kind: ua.Variant(value, kind))  # type: ignore[misc]
        for kind, limits in INTEGERS.items()
    ],
)
times = st.one_of(
    st.none(),
    st.integers(0, 10**12).map(lambda micros: datetime(2025, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)),
)


@st.composite
def data_values(draw: st.DrawFn) -> ua.DataValue:
    source, server = draw(times), draw(times)
    return ua.DataValue(
        draw(variants),
        StatusCode=draw(
            st.sampled_from([None, ua.StatusCode(0), ua.StatusCode(0x80000000), ua.StatusCode(0x40A40000)])
        ),
        SourceTimestamp=source,
        ServerTimestamp=server,
        # asyncua reads these in another order than OPC 10000-6, 5.2.2.17, where both a source's and a server's time are there.
        SourcePicoseconds=draw(st.sampled_from([None, 0, 100, 2_500])) if source and not server else None,
    )


def encoded(values: list[ua.DataValue]) -> bytes:
    return struct_to_binary(ua.HistoryData(DataValues=values))


def decoded(values: list[ua.DataValue]) -> Values:
    cursor = Cursor(encoded(values))
    found = read_values(cursor)
    assert cursor.at == cursor.end
    return found


@given(st.lists(st.tuples(data_values(), st.sampled_from([1, 1, 2, 5, 70])), max_size=12))
def test_columns_are_what_asyncua_reads(runs: list[tuple[ua.DataValue, int]]) -> None:
    given_values = [value for value, times_ in runs for _ in range(times_)]
    found = decoded(given_values)
    theirs = struct_from_binary(ua.HistoryData, Buffer(encoded(given_values))).DataValues
    assert len(found) == len(theirs)
    for at, their in enumerate(theirs):
        time = their.SourceTimestamp or their.ServerTimestamp
        assert found.timed[at] == (time is not None)
        assert found.by_server[at] == (their.SourceTimestamp is None and time is not None)
        if time is not None:
            nanoseconds = (time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1_000
            assert found.ts[at] == nanoseconds + (their.SourcePicoseconds or 0) // 100
        assert found.status[at] == (their.StatusCode.value if their.StatusCode else 0)
        value, kind = their.Value.Value, their.Value.VariantType
        if kind == V.String:
            assert (found.kind[at], found.texts.get(at)) == (TEXT if value is not None else NOTHING, value)
        elif value is None:
            assert found.kind[at] == NOTHING
        else:
            assert found.kind[at] == {V.Boolean: BOOLEAN, V.Double: NUMBER, V.Float: NUMBER}.get(kind, WHOLE)
            assert found.number[at] == float(value) or (math.isnan(value) and math.isnan(found.number[at]))
            assert found.texts.get(at) == (str(value) if isinstance(value, int) and abs(value) > 2**53 else None)


@given(st.lists(data_values(), min_size=1, max_size=8), st.data())
def test_no_lie_crashes_or_allocates(values: list[ua.DataValue], data: st.DataObject) -> None:
    body = bytearray(encoded(values))
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(body[: data.draw(st.integers(0, len(body)))])
    try:
        found = read_values(Cursor(cut))
    except GarbledError:
        return
    assert len(found) <= len(cut)


def test_a_count_that_the_bytes_do_not_hold_is_refused() -> None:
    with pytest.raises(GarbledError):
        read_values(Cursor(b"\xff\xff\xff\x7f" + bytes(100)))


def test_variants_in_variants_end() -> None:
    with pytest.raises(GarbledError, match="deep"):
        Cursor(b"\x18" * 1_000).variant()


def test_ticks_of_100_ns_and_picoseconds_are_kept() -> None:
    ticks = (EPOCH + 17_672_256_001_234_567).to_bytes(8, "little")
    # Mask: source time, its picoseconds, server time (5.2.2.17); 2,550 times 10 ps are 25 ns and 500 ps.
    found = read_values(Cursor(b"\x01\x00\x00\x00" + b"\x1c" + ticks + (2_550).to_bytes(2, "little") + ticks))
    assert found.ts.tolist() == [from_iso("2026-01-01T00:00:00.1234567Z") + 25]
    assert found.notes == {0: "picoseconds=500"}


def test_a_missing_source_time_is_the_servers_and_says_so() -> None:
    batch = PageMaker()(decoded([ua.DataValue(ua.Variant(1.0), ServerTimestamp=TIME)]))
    assert batch.column("quality_detail").to_pylist() == ["server_timestamp"]


def row(value: ua.Variant, status: int = 0, maker: PageMaker | None = None) -> tuple[object, object, object]:
    values = decoded([ua.DataValue(value, ua.StatusCode(status), TIME)])
    [found] = (maker or PageMaker())(values).to_pylist()
    return found["value_number"], found["value_text"], found["value_state"]


@pytest.mark.parametrize(
    ("value", "columns"),
    [
        (ua.Variant(True), (1.0, None, "true")),
        (ua.Variant(False), (0.0, None, "false")),
        (ua.Variant(7, V.Int32), (7.0, None, None)),
        (ua.Variant(2**53, V.Int64), (2.0**53, None, None)),
        (ua.Variant(2**53 + 1, V.Int64), (2.0**53, "9007199254740993", None)),
        (ua.Variant(-(2**63), V.Int64), (-(2.0**63), "-9223372036854775808", None)),
        (ua.Variant(2**64 - 1, V.UInt64), (2.0**64, "18446744073709551615", None)),
        (ua.Variant(math.inf, V.Double), (math.inf, None, None)),
        (ua.Variant(None, V.Null), (None, None, None)),
        (ua.Variant("I/O Timeout", V.String), (None, "I/O Timeout", None)),
        (ua.Variant("", V.String), (None, "", None)),
        (ua.Variant(ua.LocalizedText("zu", "de"), V.LocalizedText), (None, "zu", None)),
        (ua.Variant(TIME, V.DateTime), (None, "2026-01-01T00:00:00.123456Z", None)),
        (ua.Variant(b"\x01\xff", V.ByteString), (None, "01ff", None)),
        (ua.Variant(UUID(int=5), V.Guid), (None, "00000000-0000-0000-0000-000000000005", None)),
        (ua.Variant([1.5, math.nan], V.Double), (None, '[1.5, "nan"]', None)),
        (ua.Variant([[1, 2], [3, 4]], V.Int32), (None, "[[1, 2], [3, 4]]", None)),
        (ua.Variant(ua.NodeId("Level", 2), V.NodeId), (None, "ns=2;s=Level", None)),
        (ua.Variant(ua.StatusCode(0x80340000), V.StatusCode), (None, "0x80340000", None)),
        (ua.Variant(ua.QualifiedName("Level", 2), V.QualifiedName), (None, "2:Level", None)),
    ],
)  # fmt: skip
def test_every_type_has_its_one_place(value: ua.Variant, columns: tuple[object, ...]) -> None:
    assert row(value) == columns


def test_not_a_number_stays_one_and_is_no_null() -> None:
    number, text, state = row(ua.Variant(math.nan, V.Double))
    assert isinstance(number, float)
    assert math.isnan(number)
    assert (text, state) == (None, None)


def test_a_structure_keeps_its_type_and_bytes() -> None:
    _, text, _ = row(ua.Variant(ua.ExtensionObject(ua.NodeId(7, 2), b"\x01\x02"), V.ExtensionObject))
    assert text == '{"type": "ns=2;i=7", "body": "0102"}'


def test_an_enumeration_is_its_state_and_never_a_number() -> None:
    maker = PageMaker({0: "Closed", 1: "Open"}, true="On", false="Off")
    assert row(ua.Variant(1, V.Int32), maker=maker) == (None, None, "Open")
    assert row(ua.Variant(9, V.Int32), maker=maker) == (None, None, "9")
    assert row(ua.Variant(True), maker=maker) == (1.0, None, "On")


@pytest.mark.parametrize(
    ("status", "detail", "origin"),
    [
        (0x00000000, None, "actual"),
        (0x00000401, "calculated", "estimated"),
        (0x00000402, "interpolated", "estimated"),
        (0x0000041D, "calculated,partial,extra_data,multi_value", "estimated"),
        (0x00000002, None, "actual"),  # Without the info type the bits mean nothing.
        (0x40910000, "substituted", "substituted"),
        (0x00960000, "override", "substituted"),
        (0x40950000, None, "actual"),  # Uncertain_SubNormal is not good: its code says so.
        (0x80D70000, "bound", "actual"),
    ],
)
def test_a_status_is_kept_whole_and_told_in_words(status: int, detail: str | None, origin: str) -> None:
    [found] = PageMaker()(decoded([ua.DataValue(ua.Variant(1.0), ua.StatusCode(status), TIME)])).to_pylist()
    assert (found["status"], found["quality_detail"], found["origin"]) == (status, detail, origin)


def test_modified_history_says_what_was_done_and_when() -> None:
    values = [ua.DataValue(ua.Variant(float(at)), SourceTimestamp=TIME) for at in range(2)]
    infos = [
        ua.ModificationInfo(TIME, ua.HistoryUpdateType.Replace, "somebody"),
        ua.ModificationInfo(TIME, ua.HistoryUpdateType.Delete, None),
    ]
    found = read_modified(Cursor(struct_to_binary(ua.HistoryModifiedData(DataValues=values, ModificationInfos=infos))))
    details = PageMaker()(found).column("quality_detail").to_pylist()
    assert details[0] == "modified,replaced,modified_at=2026-01-01T00:00:00.123456Z"
    assert details[1].startswith("modified,deleted")


def test_long_runs_of_one_form_are_read_at_once_and_exactly() -> None:
    values = [ua.DataValue(ua.Variant(float(at)), SourceTimestamp=TIME) for at in range(500)]
    values[200].StatusCode = ua.StatusCode(0x80000000)
    found = decoded(values)
    assert np.array_equal(found.number, np.arange(500.0))
    assert np.flatnonzero(found.status).tolist() == [200]


def response(result: ua.HistoryReadResult, service: int = 0) -> bytes:
    answer = ua.HistoryReadResponse(Results=[result])
    answer.ResponseHeader.ServiceResult = ua.StatusCode(service)
    return struct_to_binary(answer)


def test_an_answer_is_taken_apart() -> None:
    data = ua.HistoryData(DataValues=[ua.DataValue(ua.Variant(1.0), SourceTimestamp=TIME)])
    found = read_response(response(ua.HistoryReadResult(ua.StatusCode(0xA60000), b"point", data)))
    assert not isinstance(found, Fault)
    assert (found.status, found.point, found.values().number.tolist()) == (0xA60000, b"point", [1.0])


def test_an_answer_without_history_has_no_values() -> None:
    found = read_response(response(ua.HistoryReadResult(ua.StatusCode(0x80340000), None, None)))
    assert not isinstance(found, Fault)
    assert (found.status, found.point, len(found.values())) == (0x80340000, None, 0)


def test_a_service_that_failed_is_a_fault() -> None:
    assert read_response(response(ua.HistoryReadResult(), service=0x80100000)) == Fault(0x80100000)


def test_an_answer_about_two_nodes_is_refused() -> None:
    answer = ua.HistoryReadResponse(Results=[ua.HistoryReadResult(), ua.HistoryReadResult()])
    with pytest.raises(GarbledError, match="2 answers"):
        read_response(struct_to_binary(answer))
