"""Lands what was in a message whole, as one file, for sources whose content somebody else judges."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Final

from airflow_provider_integrations.core.manifest import DataFile
from airflow_provider_integrations.formats.delimited import Decoded
from airflow_provider_integrations.formats.transcode import SupportsRead

__all__ = ["DOCUMENT", "DOCUMENT_CONTRACT", "write_document"]

DOCUMENT: Final = "document"
"""Name of the file in the batch."""

DOCUMENT_CONTRACT: Final = (DOCUMENT, "1.0.0", hashlib.sha256(b"document 1.0.0").hexdigest())
"""Name, version and digest that stand in the manifest in the place of a contract's."""

_PIECE = 1 << 20


def write_document(stream: SupportsRead, folder: Path) -> Decoded:
    """Write the content to `document` in a private folder, for its owner only; it counts as one row."""
    digest, size = hashlib.sha256(), 0
    descriptor = os.open(folder / DOCUMENT, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        while data := stream.read(_PIECE):
            digest.update(data)
            size += file.write(data)
    return Decoded(
        rows_read=1,
        rows_landed=1,
        rows_rejected=0,
        rejects_by_rule={},
        drift={},
        files=(DataFile(DOCUMENT, digest.hexdigest(), size, 1),),
        rejects=None,
    )
