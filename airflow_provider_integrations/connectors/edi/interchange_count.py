"""Whether a document has more interchanges than are taken, known before any of them is entered.

Each interchange is entered in the ledger and answered by itself, which takes some twenty milliseconds; a bare ISA takes 106
bytes. So a file of a few megabytes could hold a worker for an hour, and the ledger would keep a row for each.

    >>> stream = [b"UNB+UNOA:3+ACME:14+HUB:14+260102:0304+7'UNZ+0+7'"] * 3
    >>> [has_more_than(most, lambda: iter(stream)) for most in (2, 3)]
    [True, False]
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

from airflow_provider_integrations.connectors.edi.documents import read_documents
from airflow_provider_integrations.connectors.edi.x12_envelope import Interchange, Outside

__all__ = ["has_more_than"]

_BEGINS = (b"ISA", b"UNB")


def has_more_than(most: int, opened: Callable[[], Iterator[bytes]]) -> bool:
    """Whether it has; the exact count is not worked out.

    Args:
        most: Interchanges that are taken.
        opened: Gives the chunks of the document, from its beginning at each call.
    """
    # Hardly any document has so many places that look like a beginning, and only such a one is read to know.
    if _beginnings(opened()) <= most:
        return False
    found = (
        one
        for one in read_documents(opened())
        if isinstance(one, Interchange) or not (isinstance(one, Outside) or one.header is None)
    )
    return next(islice(found, most, None), None) is not None


def _beginnings(chunks: Iterator[bytes]) -> int:
    count, tail = 0, b""
    for chunk in chunks:
        # A wrapped stream may have a line break anywhere.
        data = tail + chunk.translate(None, b"\r\n")
        count += sum(map(data.count, _BEGINS))
        tail = data[-2:]
    return count
