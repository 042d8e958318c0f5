"""A digest of all that a document is judged by: it changes whenever a row or a verdict could.

>>> book_digest(GuideBook(), agreement) == book_digest(GuideBook(), agreement)  # doctest: +SKIP
True
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from airflow_provider_integrations.connectors.edi.documents import GuideBook
from airflow_provider_integrations.core.edi_source import EdiAgreement

__all__ = ["book_digest"]


def book_digest(book: GuideBook, agreement: EdiAgreement) -> str:
    """SHA-256, in hexadecimal digits, of guides and agreement; the same in every process."""
    told = [_plain(book.guides), agreement.model_dump(mode="json")]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return [type(value).__name__, *(_plain(getattr(value, of.name)) for of in fields(value))]
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return value
