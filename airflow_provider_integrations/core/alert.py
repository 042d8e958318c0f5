"""What a person is told once, and once more when it is over.

An alert is named by a key: whoever receives it takes the same key twice as one alert, so that it may be sent again after a kill.

    >>> alert_key("edi-overdue", "owed_to_us", "ZZ:ACME", 17)
    'edi-overdue:6f4516c2e30191f035563f0558c8d0b3'
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any, TypeAlias

__all__ = ["Alert", "AlertAction", "Notify", "Severity", "alert_key"]


class Severity(StrEnum):
    """How bad it is, in the words of the PagerDuty Common Event Format."""

    CRITICAL = "critical"
    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class AlertAction(StrEnum):
    """What is said of an alert."""

    TRIGGER = "trigger"
    RESOLVE = "resolve"


@dataclass(frozen=True, slots=True)
class Alert:
    """One thing that a person must know.

    Args:
        key: Names it; the same key is the same alert.
        summary: One sentence; holds no payload.
        source: Whose trouble it is, e.g. a partner or a DAG.
        at: When it began.
        kind: What sort of trouble, e.g. `edi-overdue`.
        details: Names and values for whoever looks into it; never a secret, never a payload.
    """

    key: str
    summary: str
    source: str
    at: datetime
    severity: Severity = Severity.ERROR
    kind: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


Notify: TypeAlias = Callable[[AlertAction, Alert], bool]
"""Sends an alert or its end; False where nobody is there to receive it."""


def alert_key(kind: str, *parts: object) -> str:
    """A key for what the parts name: short whatever they are, and never the same for two."""
    text = json.dumps([str(part) for part in parts])
    return f"{kind}:{sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"
