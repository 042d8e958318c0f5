"""The naming contract: a pattern with named fields, against which each file's name is read. Pure.

>>> policy = NamePolicy(pattern="acme_{entity}_{date}_seq-{sequence}_crc32-{checksum}.csv.gpg", checksum="crc32")
>>> name = parse_name(policy, "acme_customers_2025-11-05_seq-00023_crc32-1A2B3C4D.csv.gpg")
>>> name.entity, name.date.isoformat(), name.sequence, name.checksum
('customers', '2025-11-05', 23, '1a2b3c4d')
>>> sequence_gaps([21, 22, 25], after=20)
[23, 24]
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from itertools import pairwise
from typing import Any

from airflow_provider_integrations.connectors.sftp_pgp.paths import is_safe_name, shown
from airflow_provider_integrations.core.errors import ConfigError, RejectedError
from airflow_provider_integrations.core.reasons import Reason
from airflow_provider_integrations.core.source import NamePolicy

__all__ = ["FileName", "check_digest", "facts_of_name", "parse_name", "safe_name", "sequence_gaps", "spans"]

_FIELDS = {
    "system": r"[A-Za-z0-9][A-Za-z0-9-]*?",
    "entity": r"[A-Za-z0-9][A-Za-z0-9_-]*?",
    "date": r"[0-9]{4}-[0-9]{2}-[0-9]{2}",
    "sequence": r"[0-9]{1,18}",
    "checksum": r"[0-9A-Fa-f]+",
}
_DIGITS = {"crc32": 8, "md5": 32, "sha256": 64}
_FIELD = re.compile(r"\{([^{}]*)\}")
MOST_GAPS = 10_000
"""So many missing numbers are named at most: a wild jump is the partner's mistake, and not a list to hold."""


@dataclass(frozen=True, slots=True)
class FileName:
    """What a name says; fields that the pattern does not have are None. `checksum` is in small letters."""

    name: str
    system: str | None = None
    entity: str | None = None
    date: date | None = None
    sequence: int | None = None
    checksum: str | None = None


def safe_name(name: str) -> str:
    """The name itself, if it is safe to use in paths and logs.

    Raises:
        RejectedError: `NAME_UNSAFE`; the message shows the name escaped.
    """
    if not is_safe_name(name):
        raise RejectedError(Reason.NAME_UNSAFE, name=shown(name))
    return name


def parse_name(policy: NamePolicy, name: str) -> FileName:
    """Read a file's name by the contract; all of it must match.

    The pattern and the name are compared in composed form (NFC), so that a partner on macOS, whose names come
    decomposed, is understood; the path to the file keeps the server's own bytes.

    Raises:
        RejectedError: `NAME_UNSAFE`, or `NAME_OUT_OF_CONTRACT` with what does not fit.
        ConfigError: if the pattern itself is wrong.
    """
    expression = _compiled(policy.pattern, policy.checksum)
    found = expression.fullmatch(unicodedata.normalize("NFC", safe_name(name)))
    if found is None:
        raise RejectedError(Reason.NAME_OUT_OF_CONTRACT, name=shown(name), pattern=policy.pattern)
    fields = found.groupdict()
    day = None
    if fields.get("date") is not None:
        try:
            day = date.fromisoformat(fields["date"])
        except ValueError:
            raise RejectedError(
                Reason.NAME_OUT_OF_CONTRACT, name=shown(name), pattern=policy.pattern, no_such_date=fields["date"]
            ) from None
    sequence = fields.get("sequence")
    checksum = fields.get("checksum")
    return FileName(
        name=name,
        system=fields.get("system"),
        entity=fields.get("entity"),
        date=day,
        sequence=None if sequence is None else int(sequence),
        checksum=None if checksum is None else checksum.lower(),
    )


def facts_of_name(policy: NamePolicy, name: str) -> dict[str, Any]:
    """Date, sequence and checksum as facts of a work item; none for a name out of contract, which the intake refuses."""
    try:
        found = parse_name(policy, name)
    except RejectedError:
        return {}
    facts = {"date": found.date and found.date.isoformat(), "sequence": found.sequence, "checksum": found.checksum}
    return {field: value for field, value in facts.items() if value is not None}


def sequence_gaps(seen: Iterable[int], *, after: int | None = None) -> list[int]:
    """Numbers that are missing between those seen, in order; with `after`, also those between it and the first.

    At most `MOST_GAPS` are listed. Numbers at or below `after` are old and count as nothing.
    """
    numbers = sorted({number for number in seen if after is None or number > after})
    if after is not None and numbers:
        numbers.insert(0, after)
    gaps: list[int] = []
    for low, high in pairwise(numbers):
        gaps.extend(range(low + 1, min(high, low + 2 + MOST_GAPS - len(gaps))))
    return gaps[:MOST_GAPS]


def spans(numbers: Iterable[int], most: int = 20) -> str:
    """Ascending numbers in short.

    >>> spans([3, 4, 5, 9])
    '3-5, 9'
    """
    found: list[list[int]] = []
    for number in numbers:
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    texts = [str(low) if low == high else f"{low}-{high}" for low, high in found[:most]]
    return ", ".join([*texts, "..."] if len(found) > most else texts)


def check_digest(algorithm: str, announced: str, actual: str | None) -> None:
    """Compare an announced checksum with that of the bytes; letters' case does not matter.

    Raises:
        RejectedError: `CHECKSUM_MISMATCH`, with both.
        ConfigError: if no digest of that algorithm was computed.
    """
    if actual is None:
        raise ConfigError(
            "no digest of this algorithm was computed",
            algorithm=algorithm,
            next_step="Ask for it when fetching: fetch(..., algorithms={...}).",
        )
    if announced.strip().lower() != actual.lower():
        raise RejectedError(
            Reason.CHECKSUM_MISMATCH, algorithm=algorithm, announced=announced.strip()[:64], actual=actual.lower()
        )


@lru_cache(maxsize=256)
def _compiled(pattern: str, checksum: str | None) -> re.Pattern[str]:
    names = _FIELD.findall(pattern)
    unknown = [name for name in names if name not in _FIELDS]
    twice = {name for name in names if names.count(name) > 1}
    rest = _FIELD.sub("", pattern)
    if not pattern or unknown or twice or "{" in rest or "}" in rest or "/" in rest:
        raise ConfigError(
            "the naming pattern is wrong",
            pattern=pattern,
            unknown=unknown,
            twice=sorted(twice),
            next_step=f"Use each of {', '.join('{' + name + '}' for name in _FIELDS)} at most once; the rest is literal.",
        )
    if checksum is not None and "checksum" not in names:
        raise ConfigError(
            "a checksum is required of names but the pattern has no {checksum}", pattern=pattern, checksum=checksum
        )
    parts: list[str] = []
    end = 0
    for field in _FIELD.finditer(pattern):
        parts.append(re.escape(unicodedata.normalize("NFC", pattern[end : field.start()])))
        name = field.group(1)
        body = f"[0-9A-Fa-f]{{{_DIGITS[checksum]}}}" if name == "checksum" and checksum else _FIELDS[name]
        parts.append(f"(?P<{name}>{body})")
        end = field.end()
    parts.append(re.escape(unicodedata.normalize("NFC", pattern[end:])))
    return re.compile("".join(parts))
