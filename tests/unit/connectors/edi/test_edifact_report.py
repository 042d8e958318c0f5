"""A partner's CONTRL, read."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integrations.connectors.edi.edifact_acknowledge import acknowledge
from airflow_provider_integrations.connectors.edi.edifact_report import Report, read_report
from airflow_provider_integrations.connectors.edi.edifact_scan import scan
from airflow_provider_integrations.connectors.edi.edifact_tokens import default_delimiters, segments_of
from airflow_provider_integrations.connectors.edi.edifact_verdict import verdicts

USUAL = default_delimiters(3)
ORDER = b"UNH+%d+ORDERS:D:96A:UN'BGM+220'UNT+%d+%d'"


def read(text: bytes) -> Report | None:
    return read_report(segments_of(text, USUAL), USUAL)


@pytest.mark.parametrize(
    ("told", "status"),
    [
        (b"UCI+55+US+THEM+8'", "received"),
        (b"UCI+55+US+THEM+7'", "accepted"),
        (b"UCI+55+US+THEM+7'UCM+1+ORDERS:D:96A:UN+7'", "accepted"),
        (b"UCI+55+US+THEM+7'UCM+1+ORDERS:D:96A:UN+4+29'", "partial"),
        (b"UCI+55+US+THEM+8'UCM+1+ORDERS:D:96A:UN+7'", "accepted"),
        (b"UCI+55+US+THEM+4+29+UNZ+2'", "rejected"),
        (b"UCI+55+US+THEM+1'", "accepted"),
        (b"UCI+55+US+THEM+3'", "partial"),
        (b"UCI+55+US+THEM+9'", "rejected"),
        (b"UCI+55'", "rejected"),
    ],
)
def test_status_by_action(told: bytes, status: str) -> None:
    report = read(told)
    assert report is not None
    assert report.status == status


def test_message_without_uci_is_none() -> None:
    assert read(b"UNH+1+CONTRL:D:3:UN'UNT+2+1'") is None
    assert read(b"UCI'") is None


def test_what_we_say_is_read_back_as_it_was_meant() -> None:
    stream = b"".join(
        (
            b"UNB+UNOA:3+A:14+B?+C:9:X+260102:0304+7'UNG+ORDERS+S+R+260102:0304+9+UN+D:96A'",
            ORDER % (1, 3, 1),
            ORDER % (2, 4, 2),
            b"UNH+3+ORDERS:D:96A:UN'bad+1'UNT+3+3'UNE+3+9'UNZ+1+7'",
        )
    )
    [verdict] = verdicts(scan([stream]))
    answer = acknowledge(verdict, datetime(2026, 1, 2, 3, 5), "55")
    assert answer is not None
    report = read(answer)
    assert report is not None
    assert (report.reference, report.sender.identification, report.recipient.identification) == ("7", "A", "B+C")
    assert (report.recipient.qualifier, report.recipient.routing) == ("9", "X")
    assert [(each.reference, each.group, each.action, each.error, each.places) for each in report.items] == [
        ("9", "", "7", "", ()),
        ("2", "9", "4", "29", ()),
        ("3", "9", "4", "", (2,)),
    ]


PARTS = st.sampled_from([b"UCI", b"UCM", b"UCS", b"UCF", b"+", b":", b"'", b"4", b"7", b"?"]) | st.binary(max_size=2)


@given(st.lists(PARTS, max_size=20).map(b"".join))
def test_any_message_is_read_without_error(told: bytes) -> None:
    report = read(told + b"'")
    assert report is None or report.status
