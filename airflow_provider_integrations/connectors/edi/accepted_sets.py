"""Which sets and messages of a stream are accepted, each whole and with its envelope; the others are told of.

What refuses an interchange may stand at its very end, so that the stream is read twice, in step: the first reading is an
interchange ahead and says what is accepted, the second gives the sets. Memory is that of one interchange's verdict and
of one set, however long the stream.

    >>> stream = b"UNB+UNOA:3+A+B+260102:0304+7'UNH+1+ORDERS:D:96A:UN'BGM+220+1'UNT+3+1'UNZ+1+7'"
    >>> found = read_accepted([stream], [stream], GuideBook(), lambda one: print(one.envelope.set_control))
    1
    >>> found.accepted, found.refused
    (1, 0)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from airflow_provider_integrations.connectors.edi.accepted import AcceptedSet, Ahead, Reading, changed
from airflow_provider_integrations.connectors.edi.documents import Document, GuideBook, outcome, read_documents
from airflow_provider_integrations.connectors.edi.edifact_accepted import read_edifact
from airflow_provider_integrations.connectors.edi.edifact_verdict import InterchangeVerdict
from airflow_provider_integrations.connectors.edi.model import Syntax
from airflow_provider_integrations.connectors.edi.turns import Turns
from airflow_provider_integrations.connectors.edi.x12_accepted import read_x12
from airflow_provider_integrations.connectors.edi.x12_envelope import Outside

__all__ = ["read_accepted", "take_accepted"]


def read_accepted(
    first: Iterable[bytes], second: Iterable[bytes], book: GuideBook, take: Callable[[AcceptedSet], None]
) -> Reading:
    """Give each accepted set of a stream to `take`, in order.

    Args:
        first: The stream.
        second: The same stream, in the same chunks, to be read independently.
        book: What sets and messages are checked by.
        take: Called with each.

    Raises:
        TransientError: when the two were not the same.
    """
    return take_accepted(read_documents(first, book, whole=True), second, book, take, Reading())


def take_accepted(
    documents: Iterator[Document],
    second: Iterable[bytes],
    book: GuideBook,
    take: Callable[[AcceptedSet], None],
    reading: Reading,
) -> Reading:
    """As `read_accepted`, of interchanges that are judged elsewhere, as by an agreement or the ledger.

    Args:
        documents: The interchanges of the stream, and bytes outside of any; drawn on an interchange ahead of the sets.
        second: The stream.
        book: What sets and messages were checked by.
        take: Called with each.
        reading: What becomes of the stream is told to it.

    Raises:
        TransientError: when the two were not the same.
    """
    ahead, turns = Ahead(_heard(documents, reading)), Turns(second)
    for syntax in turns.parts():
        read = read_edifact if syntax is Syntax.EDIFACT else read_x12
        read(ahead, turns, book, take, reading)
    # Drawing on the first reading also tells of what stands after the last interchange.
    if ahead.see() is not None:
        raise changed()
    return reading


def _heard(documents: Iterator[Document], reading: Reading) -> Iterator[Document]:
    """The interchanges; bytes outside of any are told of by the way."""
    for document in documents:
        reading.outcomes.add(outcome(document))
        if isinstance(document, Outside):
            reading.tell((document.finding,), offset=document.offset, length=document.length)
        elif isinstance(document, InterchangeVerdict) and document.header is None:
            reading.tell(document.findings, offset=document.offset, length=document.length)
        else:
            yield document
