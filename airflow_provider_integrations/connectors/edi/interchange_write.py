"""Rows of documents to the bytes of one interchange of their guide's syntax; reading it gives the rows again.

data = write_interchange(guide, [{"orders": [{...}], "order_lines": [...]}], envelope, now, Numbers(17, 23))
check_written(data, guides)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from airflow_provider_integrations.connectors.edi.documents import Document, GuideBook, Outcome, outcome, read_documents
from airflow_provider_integrations.connectors.edi.edifact_interchange_write import (
    ENCODING,
    check_edifact,
    write_edifact,
)
from airflow_provider_integrations.connectors.edi.edifact_tokens import default_delimiters
from airflow_provider_integrations.connectors.edi.edifact_verdict import InterchangeVerdict
from airflow_provider_integrations.connectors.edi.envelope import Envelope
from airflow_provider_integrations.connectors.edi.guide import Guides
from airflow_provider_integrations.connectors.edi.guide_rules import Guide
from airflow_provider_integrations.connectors.edi.model import Finding, Syntax
from airflow_provider_integrations.connectors.edi.write import Row, write_set
from airflow_provider_integrations.connectors.edi.x12_envelope import Interchange, Outside
from airflow_provider_integrations.connectors.edi.x12_interchange_write import (
    SetGroup,
    check_x12,
    pick_delimiters,
    write_x12,
)
from airflow_provider_integrations.core.errors import PermanentError

__all__ = ["Numbers", "Tables", "check_envelope", "check_written", "same_interchange", "write_interchange"]

Tables = Mapping[str, Sequence[Row]]
"""The rows of one document by the names of their tables."""

_SYNTAX_VERSION = 3


@dataclass(frozen=True, slots=True)
class Numbers:
    """Control numbers of ours, from the ledger: ISA13 or 0020, and GS06, which EDIFACT has none of."""

    interchange: int
    group: int


def write_interchange(
    guide: Guide, documents: Sequence[Tables], envelope: Envelope, now: datetime, numbers: Numbers
) -> bytes:
    """The bytes of an interchange with a set or message for each document, in one group where the syntax is X12.

    Args:
        guide: What they are written by.
        documents: Their rows.
        envelope: From whom to whom.
        now: The time of writing, as the partner is told it.
        numbers: Of the interchange and the group; sets count from 0001, messages from 1.

    Raises:
        PermanentError: when rows make no valid set, see `write_set`.
        ConfigError: when something has no place in the envelope.
    """
    if guide.syntax is Syntax.EDIFACT:
        signs = default_delimiters(_SYNTAX_VERSION)
        messages = [
            write_set(guide, tables, str(number), signs, encoding=ENCODING)
            for number, tables in enumerate(documents, 1)
        ]
        return write_edifact(messages, envelope, now, numbers.interchange, syntax_version=_SYNTAX_VERSION)
    names = (envelope.sender.partition(":")[2], envelope.receiver.partition(":")[2])
    texts = [*names, envelope.group_sender, envelope.group_receiver, *_texts(documents)]
    signs = pick_delimiters(texts, guide.version)
    sets = tuple(write_set(guide, tables, f"{number:04d}", signs) for number, tables in enumerate(documents, 1))
    group = SetGroup(guide.group, guide.version, numbers.group, sets)
    return write_x12([group], envelope, signs, now, numbers.interchange)


def check_envelope(guide: Guide, envelope: Envelope) -> None:
    """Refuse an envelope that no document of a guide could be sent in.

    Raises:
        ConfigError: for an identity or a usage that has no place in it.
    """
    if guide.syntax is Syntax.EDIFACT:
        check_edifact(envelope)
    else:
        check_x12(guide.group, guide.version, envelope)


def check_written(data: bytes, guides: Guides) -> None:
    """Read what was written, as the partner will.

    Args:
        data: One interchange.
        guides: What its sets are checked by.

    Raises:
        PermanentError: if there is anything to be said of it but that it is accepted.
    """
    documents = list(read_documents([data], GuideBook((guides,))))
    findings = [finding.shown() for document in documents for finding in _findings(document)]
    if findings or [outcome(document) for document in documents] != [Outcome.ACCEPTED]:
        raise PermanentError(
            "what was written does not read as accepted",
            guide=guides.name,
            findings=findings[:20],
            next_step="Correct the rows; nothing is sent.",
        )


def same_interchange(one: bytes, other: bytes) -> bool:
    """Whether two interchanges are from and to the same, with the same usage and control number, whatever is in them."""
    return _identity(one) == _identity(other)


def _identity(data: bytes) -> list[object]:
    found: list[object] = []
    for document in read_documents([data]):
        if isinstance(document, Interchange):
            found.append(document.identity)
        elif isinstance(document, InterchangeVerdict) and document.header is not None:
            header = document.header
            found.append((header.sender, header.recipient, header.test, header.reference))
    return found


def _findings(document: Document) -> list[Finding]:
    if isinstance(document, Outside):
        return [document.finding]
    found = list(document.findings)
    if isinstance(document, Interchange):
        for group in document.groups:
            found += group.findings
            found += (finding for one in group.sets.flawed.values() for finding in one.findings)
    else:
        found += (finding for message in document.refused for finding in message.findings)
    return found


def _texts(documents: Sequence[Tables]) -> Iterator[str]:
    for tables in documents:
        for rows in tables.values():
            for row in rows:
                yield from (value for value in row.values() if isinstance(value, str))
