"""The expressions that the fast reading of X12 goes by, made once for each set of delimiters."""

from __future__ import annotations

import re
from functools import lru_cache

from airflow_provider_integrations.connectors.edi.model import Delimiters

__all__ = ["patterns"]

_CONTROL = bytes([*range(32), 127])


@lru_cache(maxsize=64)
def patterns(delimiters: Delimiters) -> tuple[re.Pattern[bytes], re.Pattern[bytes], bytes]:
    """What is no plain segment, what is no plain character, and all characters that are plain, line breaks among them."""
    element, terminator = delimiters.element.encode("latin-1"), delimiters.terminator.encode("latin-1")
    e, t = re.escape(element), re.escape(terminator)
    breaks = re.escape(bytes(byte for byte in b"\r\n" if byte != terminator[0]))
    # The last alternative must not match between two line breaks, to where the engine would step back.
    fast = (
        rb"%(t)b[%(n)b]*(?:ST%(e)b((\d{3})%(e)b([0-9A-Za-z]{4,9})(?:%(e)b([0-9A-Za-z]{1,35}))?)(?=%(t)b)"
        rb"|SE%(e)b(\d{1,10})%(e)b([0-9A-Za-z]{4,9})(?=%(t)b)"
        rb"|(ISA|GS|ST|SE|GE|IEA|TA1|BIN|BDS)(?=%(e)b|%(t)b)"
        rb"|(?![%(n)b]|[A-Z][A-Z0-9]{1,2}%(e)b))"
    ) % {b"e": e, b"t": t, b"n": breaks}
    own = {ord(text) for text in (delimiters.element, delimiters.component, delimiters.terminator)}
    own |= {ord(delimiters.repetition)} if delimiters.repetition else set()
    odd = bytes(byte for byte in _CONTROL if byte not in own)
    plain = bytes(byte for byte in range(256) if byte not in odd or byte in b"\r\n")
    return re.compile(fast), re.compile(rb"[%b]+" % re.escape(odd)), plain
