"""The rows of the table `sets`: what became of each set or message, and of each group and interchange that is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from airflow_provider_integrations.connectors.edi.accepted import SetVerdict
from airflow_provider_integrations.connectors.edi.document_report import describe_finding, party_of
from airflow_provider_integrations.connectors.edi.documents import Document
from airflow_provider_integrations.connectors.edi.edifact_charsets import character_set
from airflow_provider_integrations.connectors.edi.edifact_verdict import InterchangeVerdict
from airflow_provider_integrations.connectors.edi.model import Delimiters
from airflow_provider_integrations.connectors.edi.x12_envelope import Interchange, Outside
from airflow_provider_integrations.formats.arrow import pa

__all__ = ["SetRows", "delimiters_of", "envelope_of"]

_FIELDS = {
    "sender": pa.string(),
    "receiver": pa.string(),
    "usage": pa.string(),
    "interchange_control": pa.string(),
    "group_control": pa.string(),
    "set_control": pa.string(),
    "set_number": pa.int64(),
    "level": pa.string(),
    "set_id": pa.string(),
    "version": pa.string(),
    "guide": pa.string(),
    "verdict": pa.string(),
    "sets": pa.int64(),
    "findings": pa.string(),
}
_SCHEMA = pa.schema(list(_FIELDS.items()))
_ROWS = 8_192
_CHARACTERS = 1 << 20
"""Of findings: with as many a batch is full."""

Around = tuple[str, str, str, str]
"""Sender, receiver, usage and control number of an interchange, as in every other table."""


def envelope_of(document: Document) -> Around:
    """The envelope of an interchange as text."""
    if isinstance(document, Interchange):
        x12 = document.header
        return "/".join(x12.sender), "/".join(x12.receiver), x12.usage, x12.control
    assert isinstance(document, InterchangeVerdict)
    assert document.header is not None
    header = document.header
    charset = character_set(header.syntax_identifier)
    texts = (party_of(header.sender), party_of(header.recipient), "T" if header.test else "P", header.reference)
    sender, receiver, usage, control = (
        text if text.isascii() else text.encode("latin-1").decode(charset.codec if charset else "latin-1", "replace")
        for text in texts
    )
    return sender, receiver, usage, control


def delimiters_of(document: Document) -> Delimiters:
    """The service characters of an interchange."""
    assert not isinstance(document, Outside)
    assert document.header is not None
    return document.header.delimiters


class SetRows:
    """Gathers verdicts and gives them on as batches.

    Args:
        write: Takes a batch of rows.
    """

    def __init__(self, write: Callable[[Any], None]) -> None:
        self._write = write
        self._rows: list[tuple[Any, ...]] = []
        self._characters = 0

    def add(self, around: Around, one: SetVerdict) -> None:
        """One more."""
        findings = None
        if one.findings:
            findings = json.dumps([describe_finding(finding) for finding in one.findings], ensure_ascii=False)
            self._characters += len(findings)
        self._rows.append(
            (
                *around, one.group_control, one.set_control, one.number, one.level.value, one.set_id, one.version,
                one.guide, one.verdict, one.sets, findings,
            )
        )  # fmt: skip
        if len(self._rows) >= _ROWS or self._characters >= _CHARACTERS:
            self.flush()

    def flush(self) -> None:
        """Give on whatever is gathered."""
        if self._rows:
            arrays = [
                pa.array(column, of.type) for column, of in zip(zip(*self._rows, strict=True), _SCHEMA, strict=True)
            ]
            self._write(pa.RecordBatch.from_arrays(arrays, schema=_SCHEMA))
        self._rows, self._characters = [], 0
