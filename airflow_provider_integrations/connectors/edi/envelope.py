"""What stands around the sets or messages that we send: from whom, to whom, test or production, what answer is asked for.

>>> Envelope("ZZ:HUB", "14:5012345678900", "T").party("receiver")
('14', '5012345678900')
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from airflow_provider_integrations.connectors.edi.model import Segment
from airflow_provider_integrations.core.errors import ConfigError

__all__ = ["Envelope", "check_control", "check_count", "unusable"]


@dataclass(frozen=True, slots=True)
class Envelope:
    """The parties of an interchange and what is agreed on it.

    Args:
        sender: We, as `qualifier:name`.
        receiver: The partner.
        usage: `P` production, `T` test; X12 knows `I` information too.
        group_sender: GS02; the sender's name without it.
        group_receiver: GS03; the receiver's name without it.
        asks: Whether the interchange itself asks for an answer: ISA14 for a TA1, 0031 for a CONTRL. Groups of X12 are
            acknowledged by agreement, whatever it says.
    """

    sender: str
    receiver: str
    usage: str = "P"
    group_sender: str = ""
    group_receiver: str = ""
    asks: bool = False

    def party(self, who: str) -> tuple[str, str]:
        """Qualifier and name of `sender` or `receiver`.

        Raises:
            ConfigError: if it is not written as `qualifier:name`.
        """
        text: str = getattr(self, who)
        qualifier, colon, name = text.partition(":")
        if not colon or not name.strip() or ":" in name:
            raise unusable(f"the {who} is not written as qualifier:name", "Write it as ZZ:ACME.", **{who: text[:60]})
        return qualifier, name


def check_control(what: str, number: int, highest: int) -> None:
    """Refuse a control number that is out of range: 0 is none, and one that is too long would be cut.

    Raises:
        ConfigError: with the range.
    """
    if not 1 <= number <= highest:
        raise unusable(f"{what} is out of range", f"Give 1 to {highest}.", number=number)


def check_count(sets: Sequence[Sequence[Segment]], header: str, trailer: str, place: int) -> None:
    """Refuse sets that a partner would refuse for their own envelope.

    Args:
        sets: From ST to SE or from UNH to UNT.
        header, trailer: The tags.
        place: Of the control number in the header, from 0.

    Raises:
        ConfigError: where header or trailer is missing, the trailer's count or control number is another, two sets have
            the same number, or there is no set.
    """
    if not sets:
        raise unusable("there is nothing to send", "Give at least one set or message.")
    seen: set[str] = set()
    for number, segments in enumerate(sets, 1):
        first, last = segments[0], segments[-1]
        control = first.elements[place] if first.tag == header and len(first.elements) > place else ""
        if last.tag != trailer or not control or last.elements != (str(len(segments)), control) or control in seen:
            raise unusable(
                f"a set does not stand whole between {header} and {trailer} with a number of its own",
                "Take the sets from `write_set`, each with another control number.",
                set=number,
            )
        seen.add(control)


def unusable(what: str, next_step: str, **values: object) -> ConfigError:
    """The error for what cannot stand in an envelope."""
    return ConfigError(what, next_step=next_step, **values)
