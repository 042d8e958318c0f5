"""What is garbage is refused as one, whatever there is of it, and what follows is read."""

from __future__ import annotations

import pytest

from airflow_provider_integrations.connectors.edi.model import Severity
from airflow_provider_integrations.connectors.edi.x12_envelope import Interchange, Outside
from airflow_provider_integrations.connectors.edi.x12_garbage import MOST_GROUPS, MOST_INVALID, MOST_NAMELESS
from airflow_provider_integrations.connectors.edi.x12_scan import scan
from airflow_provider_integrations.connectors.edi.x12_verdict import Policy, judge
from tests.unit.connectors.edi.test_x12_scan import one
from tests.unit.connectors.edi.x12_streams import GS, isa, stream


def refused(interchange: Interchange) -> bool:
    """Whether nothing in it is to be taken."""
    return any(finding.severity is Severity.FATAL for finding in interchange.findings)


@pytest.mark.parametrize("garbage", [b"GS~", b"GS*~GE*~", b"GS*PO*A*B*20261301*0304*1*X*004010~"])
def test_an_interchange_of_invalid_groups_is_given_up_and_the_next_one_is_read(garbage: bytes) -> None:
    """X12.5 I18 024: each of them refuses the interchange; a million of them would take a gigabyte to be listed."""
    data = isa().encode() + garbage * 20_000 + stream(control="000000008")
    for buffer in (1 << 20, 5_000):
        given_up, outside, sound = scan([data], buffer=buffer)
        assert isinstance(given_up, Interchange)
        assert isinstance(outside, Outside)
        assert isinstance(sound, Interchange)
        assert refused(given_up)
        assert not refused(sound)
        assert len(given_up.groups) == MOST_INVALID + 1
        assert given_up.length + outside.length + sound.length == len(data)
    few = isa().encode() + garbage * MOST_INVALID + b"IEA*1*000000007~"
    assert len(one(few).groups) == MOST_INVALID


@pytest.mark.parametrize("garbage", [b"ST~", b"ST*850~", b"ST**0001~SE*2*0001~"])
def test_an_interchange_of_nameless_sets_is_given_up_and_the_next_one_is_read(garbage: bytes) -> None:
    """Nothing could tell the partner of them one by one; a megabyte of them took 13 seconds and 100 MB."""
    begin = (isa() + GS).encode()
    data = begin + garbage * (MOST_NAMELESS + 2_000) + stream(control="000000008")
    given_up, outside, sound = scan([data])
    assert isinstance(given_up, Interchange)
    assert isinstance(outside, Outside)
    assert isinstance(sound, Interchange)
    assert (refused(given_up), refused(sound)) == (True, False)
    assert given_up.findings[0].detail.startswith("Given up")
    assert outside.length == len(garbage) * 1_999 + len(garbage) - len(garbage.split(b"~")[0] + b"~")
    assert given_up.length + outside.length + sound.length == len(data)
    few = one(begin + garbage * MOST_NAMELESS + b"GE*10000*12~IEA*1*000000007~")
    assert (len(few.groups[0].sets), refused(few)) == (MOST_NAMELESS, False)


def test_an_interchange_of_more_groups_than_iea01_can_count_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Element I16 has five digits; each group is held, and half a million of them took a gigabyte."""
    assert MOST_GROUPS == 99_999
    monkeypatch.setattr("airflow_provider_integrations.connectors.edi.x12_garbage.MOST_GROUPS", 20)

    def groups(count: int) -> bytes:
        made = [f"GS*PO*ACME*HUB*20260102*0304*{number}*X*004010~GE*0*{number}~" for number in range(1, count + 1)]
        return (isa() + "".join(made) + f"IEA*{count}*000000007~").encode()

    assert not refused(one(groups(20)))
    data = groups(30) + stream(control="000000008")
    for buffer in (1 << 20, 100):
        given_up, outside, sound = scan([data], buffer=buffer)
        assert isinstance(given_up, Interchange)
        assert isinstance(sound, Interchange)
        assert (refused(given_up), refused(sound), len(given_up.groups)) == (True, False, 21)
        assert judge(given_up, Policy()).code == "021"
        assert given_up.length + outside.length + sound.length == len(data)
