"""Sets to the bytes of a whole X12 interchange: ISA, GS, the sets, GE, IEA.

Clock and control numbers are arguments, so that the same documents give the same bytes at every run. ISA has its 106 bytes
(X12.5 section 4), ISA11 is U below 00402 and the repetition separator from there on, GS04 has the century from 004010 on.

    >>> from datetime import datetime
    >>> from airflow_provider_integrations.connectors.edi.model import Segment
    >>> ack = (Segment("ST", ("864", "0001"), 1, 0), Segment("SE", ("2", "0001"), 2, 0))
    >>> group = SetGroup("TX", "004010", 23, (ack,))
    >>> signs = pick_delimiters(["4 * 4"], "004010")
    >>> data = write_x12([group], Envelope("ZZ:HUB", "ZZ:ACME"), signs, datetime(2026, 1, 2, 3, 4), 17)
    >>> data[:3], data[103:106], data[106:].split(b"~")[0]
    (b'ISA', b'|>~', b'GS|TX|HUB|ACME|20260102|0304|23|X|004010')
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from airflow_provider_integrations.connectors.edi.envelope import Envelope, check_control, check_count, unusable
from airflow_provider_integrations.connectors.edi.model import Delimiters, Segment
from airflow_provider_integrations.connectors.edi.write import render
from airflow_provider_integrations.connectors.edi.x12_codes import PARTY_QUALIFIERS
from airflow_provider_integrations.core.errors import PermanentError

__all__ = ["HIGHEST_CONTROL", "SetGroup", "check_x12", "pick_delimiters", "write_x12"]

HIGHEST_CONTROL = 999_999_999
"""ISA13 and GS06 have nine digits."""

_MOST_SETS = 999_999
"""GE01 has six digits."""
_FIRST_WITH_REPETITION = "00402"
_ANY_TIME = datetime(2000, 1, 1, tzinfo=UTC)
_CHOICES = {
    "element": "*|\x1d`",
    "component": ">:\x1f\\",
    "terminator": "~'\x1c!",
    "repetition": "^\x1e@}",
}
"""For each role the usual character and what takes its place where data holds it; no character has two roles."""


@dataclass(frozen=True, slots=True)
class SetGroup:
    """A functional group to be written.

    Args:
        functional: GS01, e.g. PO; the guide's `group`.
        version: GS08, e.g. 004010.
        control: GS06.
        sets: From ST to SE, of `write_set` with the delimiters of the interchange.
    """

    functional: str
    version: str
    control: int
    sets: tuple[Sequence[Segment], ...]


def pick_delimiters(texts: Iterable[str], version: str) -> Delimiters:
    """Delimiters that do not occur in the data: X12 has no release character.

    Args:
        texts: All values that will stand in the interchange.
        version: GS08 of what is written.

    Raises:
        PermanentError: if the data holds every character that could be one.
    """
    used = set().union(*texts)
    found: dict[str, str] = {}
    for role, choices in _CHOICES.items():
        free = next((sign for sign in choices if sign not in used), None)
        if free is None:
            raise PermanentError(
                "the data holds every character that could delimit it",
                role=role,
                tried=list(choices),
                next_step="Take them out of the texts; nothing was written.",
            )
        found[role] = free
    repetition = found["repetition"] if _isa_version(version) >= _FIRST_WITH_REPETITION else None
    return Delimiters(found["element"], found["component"], found["terminator"], repetition)


def write_x12(
    groups: Sequence[SetGroup], envelope: Envelope, delimiters: Delimiters, now: datetime, control: int
) -> bytes:
    """The bytes of one interchange.

    Args:
        groups: Its functional groups, at least one; ISA12 is of the version of the first.
        envelope: From whom to whom.
        delimiters: Those that the sets were written with.
        now: The time of writing, as the partner is told it.
        control: ISA13.

    Raises:
        ConfigError: for an identity, a usage, a version or a number that has no place in ISA or GS, and for sets whose own
            envelope is wrong.
    """
    if not groups:
        raise unusable("there is nothing to send", "Give at least one functional group.")
    check_control("the control number of the interchange", control, HIGHEST_CONTROL)
    parts = [_isa(groups[0].version, envelope, delimiters, now, control)]
    for group in groups:
        parts.extend(_group(group, envelope, delimiters, now))
    parts.append(_line(delimiters, "IEA", str(len(groups)), f"{control:09d}"))
    return b"".join(parts)


def check_x12(functional: str, version: str, envelope: Envelope) -> None:
    """Refuse what has no place in ISA or GS, whatever is sent.

    Args:
        functional, version: GS01 and GS08.
        envelope: From whom to whom.

    Raises:
        ConfigError: as `write_x12` for identities, usage and version.
    """
    names = (envelope.party("sender")[1], envelope.party("receiver")[1], envelope.group_sender, envelope.group_receiver)
    delimiters = pick_delimiters(names, version)
    _isa(version, envelope, delimiters, _ANY_TIME, 1)
    _applications(functional, version, envelope, delimiters)


def _isa(version: str, envelope: Envelope, delimiters: Delimiters, now: datetime, control: int) -> bytes:
    if envelope.usage not in {"P", "T", "I"}:
        raise unusable("the usage is none of X12's", "Give P, T or I.", usage=envelope.usage[:20])
    parties: list[str] = []
    for who in ("sender", "receiver"):
        qualifier, name = envelope.party(who)
        if qualifier not in PARTY_QUALIFIERS:
            raise unusable(
                f"the qualifier of the {who} is none of X12's", "Give one of I05, e.g. ZZ.", qualifier=qualifier
            )
        _fits(name, f"the name of the {who}", 15, delimiters)
        parties += [qualifier, name.ljust(15)]
    return _line(
        delimiters,
        *("ISA", "00", " " * 10, "00", " " * 10, *parties),
        now.strftime("%y%m%d"),
        now.strftime("%H%M"),
        delimiters.repetition or "U",
        _isa_version(version),
        f"{control:09d}",
        "1" if envelope.asks else "0",
        envelope.usage,
        delimiters.component,
    )


def _group(group: SetGroup, envelope: Envelope, delimiters: Delimiters, now: datetime) -> Iterable[bytes]:
    check_control("the control number of the group", group.control, HIGHEST_CONTROL)
    check_count(group.sets, "ST", "SE", 1)
    applications = _applications(group.functional, group.version, envelope, delimiters)
    if len(group.sets) > _MOST_SETS:
        raise unusable("a group has too many sets", f"Give up to {_MOST_SETS}.", sets=len(group.sets))
    day = now.strftime("%Y%m%d" if group.version >= "004010" else "%y%m%d")
    control = str(group.control)
    head = ("GS", group.functional, *applications, day, now.strftime("%H%M"), control, "X", group.version)
    yield _line(delimiters, *head)
    for segments in group.sets:
        yield render(segments, delimiters)
    yield _line(delimiters, "GE", str(len(group.sets)), control)


def _applications(functional: str, version: str, envelope: Envelope, delimiters: Delimiters) -> list[str]:
    """GS02 and GS03, once GS01 and GS08 are usable."""
    _isa_version(version)
    if len(functional) != 2 or not functional.isalnum():
        raise unusable(
            "the functional group is none of X12's", "Write it as `group` into the guide.", group=functional[:20]
        )
    applications = []
    for who, named in (("sender", envelope.group_sender), ("receiver", envelope.group_receiver)):
        name = named or envelope.party(who)[1]
        _fits(name, f"the {who} of the group", 15, delimiters, least=2)
        applications.append(name)
    return applications


def _isa_version(version: str) -> str:
    """ISA12 of a version in GS08: 00401 of 004010."""
    number = version[:6]
    if not (len(number) == 6 and number.isascii() and number.isdigit() and "003010" <= number <= "008010"):
        raise unusable("no version of X12", "Give one from 003010 to 008010.", version=version[:20])
    if len(version) > 12:
        raise unusable("the version has no place in GS08", "Give up to 12 characters.", version=version[:20])
    return number[:5]


def _fits(name: str, what: str, most: int, delimiters: Delimiters, *, least: int = 1) -> None:
    signs = {delimiters.element, delimiters.component, delimiters.terminator, delimiters.repetition}
    plain = name.isascii() and name.isprintable() and name == name.strip()
    if not least <= len(name) <= most or not plain or not signs.isdisjoint(name):
        raise unusable(
            f"{what} has no place in the envelope",
            f"Give {least} to {most} characters of ASCII, without blanks around them and without delimiters.",
            name=name[:60],
        )


def _line(delimiters: Delimiters, *parts: str) -> bytes:
    return (delimiters.element.join(parts) + delimiters.terminator).encode("latin-1")
