"""What may stand in an agreement with a partner."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from airflow_provider_integrations.core.edi_source import EdiAgreement


@pytest.mark.parametrize("name", ["answer_within", "duplicates_within"])
@pytest.mark.parametrize("span", ["P5000Y", "P3651D", "PT0S", "-P1D"])
def test_spans_are_such_that_an_instant_stays_one(name: str, span: str) -> None:
    with pytest.raises(ValidationError, match=name):
        EdiAgreement.model_validate({"ours": ["ZZ:HUB"], "partners": ["ZZ:ACME"], name: span})


def test_ten_years_are_enough() -> None:
    longest = {"answer_within": "P3650D", "duplicates_within": "P3650D"}
    agreed = EdiAgreement.model_validate({"ours": ["ZZ:HUB"], "partners": ["ZZ:ACME"], **longest})
    now = datetime(2026, 1, 2, tzinfo=UTC)
    assert now - agreed.duplicates_within < now < now + agreed.answer_within
