"""Interchanges that were cut off, followed by others: none of them swallows another, and none goes without an answer."""

from __future__ import annotations

import pytest

from airflow_provider_integrations.connectors.edi import x12_structure
from airflow_provider_integrations.connectors.edi.model import FindingCode, Severity
from airflow_provider_integrations.connectors.edi.x12_envelope import Interchange
from airflow_provider_integrations.connectors.edi.x12_scan import scan
from tests.unit.connectors.edi.x12_streams import isa


def test_of_too_many_ta1_the_first_that_is_left_out_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(x12_structure, "_MOST_TA1", 3)
    technical = "".join(f"TA1*{number:09d}*260102*0304*A*000~" for number in range(1, 6))
    [found] = scan([f"{isa()}{technical}IEA*0*000000007~".encode()])
    assert isinstance(found, Interchange)
    assert [each.elements[0] for each in found.acknowledgements] == ["000000001", "000000002", "000000003"]
    [told] = found.findings
    assert (told.code, told.severity, told.segment, told.position) == (
        FindingCode.SEGMENT_SURPLUS, Severity.ERROR, "TA1", 5,
    )  # fmt: skip
    assert found.is_acknowledgement
