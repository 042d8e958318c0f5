"""What waits to be sent to a partner: written once below the landing root, and a work item that says where it goes.

    enqueue ──> discovered ──(deliver)──> loaded ──(settled by whoever enqueued it)──> archived

A document is enqueued before anything of it goes out, and its name and bytes are the same at every run. So a process that
dies anywhere sends at worst the same bytes under the same name again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Outgoing"]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One file for a partner.

    Args:
        name: Its name on the partner's server; with the source it names it once.
        data: Its bytes, as they are before they are sealed.
        facts: What whoever settles it must know when it is delivered; no payload.
    """

    name: str
    data: bytes = field(repr=False)
    facts: Mapping[str, Any] = field(default_factory=dict)
