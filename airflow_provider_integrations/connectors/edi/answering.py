"""The acknowledgement of a document of either syntax, by the name that a person gives it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from airflow_provider_integrations.connectors.edi.documents import Document
from airflow_provider_integrations.connectors.edi.edifact_acknowledge import acknowledgement_parts as edifact_parts
from airflow_provider_integrations.connectors.edi.edifact_verdict import InterchangeVerdict
from airflow_provider_integrations.connectors.edi.x12_acknowledge import ControlNumbers, Kind
from airflow_provider_integrations.connectors.edi.x12_acknowledge import acknowledgement_parts as x12_parts
from airflow_provider_integrations.connectors.edi.x12_envelope import Interchange
from airflow_provider_integrations.core.errors import ConfigError

__all__ = ["CONTRL", "answer"]

CONTRL = "CONTRL"


def answer(document: Document, kind: str, now: datetime, control: int) -> Iterator[bytes]:
    """The bytes of the answer, some at a time; none where the standard has no answer, as for bytes outside of any interchange.

    What is wrong with the arguments is raised at once, before the first byte.

    Args:
        document: From `documents.read_documents`.
        kind: `TA1`, `997` or `999` of X12, `CONTRL` of EDIFACT.
        now: The instant that it names.
        control: Our control number, which is that of the first group and set too.

    Raises:
        ConfigError: for another kind, or one of the other syntax.
    """
    kinds = [*(one.value for one in Kind), CONTRL]
    if kind not in kinds:
        raise ConfigError("no such acknowledgement", kind=kind, next_step=f"There are: {', '.join(kinds)}.")
    if isinstance(document, Interchange):
        if kind == CONTRL:
            raise _other("X12", kind, "TA1, 997 or 999")
        return x12_parts(document, Kind(kind), now, ControlNumbers(control, control))
    if isinstance(document, InterchangeVerdict):
        if kind != CONTRL and document.header is not None:
            raise _other("EDIFACT", kind, CONTRL)
        return edifact_parts(document, now, str(control)) or iter(())
    return iter(())


def _other(syntax: str, kind: str, right: str) -> ConfigError:
    return ConfigError(
        "the acknowledgement is of the other syntax", syntax=syntax, kind=kind, next_step=f"Ask for {right}."
    )
