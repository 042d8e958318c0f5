"""Messages to the bytes of a whole EDIFACT interchange: UNA, UNB, the messages, UNZ.

Clock and control reference are arguments, so that the same documents give the same bytes at every run. The characters are
those of UNOC, the date in UNB has two digits of the year below syntax version 4 and four in it (ISO 9735-1 annex C).

    >>> from datetime import datetime
    >>> from airflow_provider_integrations.connectors.edi.model import Segment
    >>> unh = Segment("UNH", ("1", "ORDERS:D:96A:UN"), 1, 0)
    >>> envelope = Envelope("14:HUB", "ZZ:ACME", "T", asks=True)
    >>> print(write_edifact([(unh, Segment("UNT", ("2", "1"), 2, 0))], envelope, datetime(2026, 1, 2, 3, 4), 17).decode())
    UNA:+.? 'UNB+UNOC:3+HUB:14+ACME:ZZ+260102:0304+17++++1++1'UNH+1+ORDERS:D:96A:UN'UNT+2+1'UNZ+1+17'
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from airflow_provider_integrations.connectors.edi.edifact_charsets import encode
from airflow_provider_integrations.connectors.edi.edifact_tokens import default_delimiters, escape, write_advice
from airflow_provider_integrations.connectors.edi.envelope import Envelope, check_control, check_count, unusable
from airflow_provider_integrations.connectors.edi.model import Delimiters, Segment
from airflow_provider_integrations.connectors.edi.write import render

__all__ = ["CHARACTERS", "ENCODING", "HIGHEST_CONTROL", "check_edifact", "write_edifact"]

HIGHEST_CONTROL = 99_999_999_999_999
"""0020 has fourteen places."""

CHARACTERS, ENCODING = "UNOC", "iso8859-1"
"""0001 of what we write, and Python's name of it."""

_MOST_MESSAGES = 999_999
"""0036 has six digits."""


def write_edifact(
    messages: Sequence[Sequence[Segment]], envelope: Envelope, now: datetime, control: int, *, syntax_version: int = 3
) -> bytes:
    """The bytes of one interchange without groups.

    Args:
        messages: From UNH to UNT, of `write_set` with `default_delimiters(syntax_version)` and `ENCODING`.
        envelope: From whom to whom; a party without a qualifier is written as `:name`.
        now: The time of writing, as the partner is told it.
        control: 0020.
        syntax_version: 0002, 3 or 4.

    Raises:
        ConfigError: for an identity, a usage or a number that has no place in UNB, and for messages whose own envelope is
            wrong.
    """
    if syntax_version not in (3, 4):
        raise unusable("no syntax version that we write", "Give 3 or 4.", version=syntax_version)
    _check_usage(envelope)
    check_control("the control reference of the interchange", control, HIGHEST_CONTROL)
    check_count(messages, "UNH", "UNT", 0)
    if len(messages) > _MOST_MESSAGES:
        raise unusable("an interchange has too many messages", f"Give up to {_MOST_MESSAGES}.", messages=len(messages))
    delimiters = default_delimiters(syntax_version)
    join = delimiters.component.join
    elements = [
        join((CHARACTERS, str(syntax_version))),
        *(_party(envelope, who, delimiters) for who in ("sender", "receiver")),
        join((now.strftime("%Y%m%d" if syntax_version == 4 else "%y%m%d"), now.strftime("%H%M"))),
        str(control),
        *("", "", ""),
        "1" if envelope.asks else "",
        "",
        "1" if envelope.usage == "T" else "",
    ]
    while not elements[-1]:
        elements.pop()
    whole = [Segment("UNB", tuple(elements), 0, 0)]
    for message in messages:
        whole.extend(message)
    whole.append(Segment("UNZ", (str(len(messages)), str(control)), 0, 0))
    return write_advice(delimiters).encode("latin-1") + render(whole, delimiters)


def check_edifact(envelope: Envelope) -> None:
    """Refuse what has no place in UNB, whatever is sent.

    Args:
        envelope: From whom to whom.

    Raises:
        ConfigError: as `write_edifact` for identities and usage; and for identities of a group, which is not written here.
    """
    _check_usage(envelope)
    for who in ("sender", "receiver"):
        _party(envelope, who, default_delimiters(3))
    if envelope.group_sender or envelope.group_receiver:
        raise unusable("EDIFACT is written without groups", "Leave out sender and receiver of the group.")


def _check_usage(envelope: Envelope) -> None:
    if envelope.usage not in {"P", "T"}:
        raise unusable("the usage is none of EDIFACT's", "Give P or T.", usage=envelope.usage[:20])


def _party(envelope: Envelope, who: str, delimiters: Delimiters) -> str:
    """S002 or S003: name, then qualifier."""
    qualifier, name = envelope.party(who)
    if len(name) > 35 or len(qualifier) > 4 or name != name.strip() or encode(qualifier, CHARACTERS) is None:
        raise unusable(
            f"the {who} has no place in UNB",
            "Give up to 35 characters for the name, without blanks around them, and up to 4 for the qualifier.",
            **{who: getattr(envelope, who)[:60]},
        )
    text = encode(name, CHARACTERS)
    if text is None:
        raise unusable(f"the {who} has characters that {CHARACTERS} does not have", "Correct it.")
    return delimiters.component.join(escape(part, delimiters) for part in (text, qualifier) if part)
