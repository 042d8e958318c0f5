"""Values of elements to typed values and back, both ways exactly.

    >>> read_value("1050", "decimal", 2, ".")
    Decimal('10.50')
    >>> write_value(Decimal("10.50"), "decimal", 2)
    '1050'

An integer or decimal is never a float. A date without a calendar day, a number that is none, and an amount with more
decimals than its element implies are refused, not bent.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal

__all__ = ["PRECISION", "SCALE", "Value", "read_value", "released", "unreleased", "write_value"]

PRECISION, SCALE = 38, 12
"""Of a column for numbers with a decimal mark: X12 and EDIFACT have at most 20 digits in one."""

_EXACT = Context(prec=1_000, Emax=MAX_EMAX, Emin=MIN_EMIN)
Value = str | int | Decimal | date | time | None
"""What a cell of a row holds."""

_NUMBER = re.compile(r"-?(?:[0-9]{1,400}\.?[0-9]{0,400}|\.[0-9]{1,400})(?:E-?[0-9]{1,2})?")
_INTEGER = re.compile(r"-?[0-9]{1,400}")


def read_value(text: str, kind: str, decimals: int, mark: str) -> Value:
    """The typed value of an element's text.

    Args:
        text: Without release characters, not empty.
        kind: Of the column.
        decimals: Implied ones, of a type N.
        mark: The decimal mark; where it is a comma the point is one too, as ISO 9735-1 lets either stand.

    Raises:
        ValueError: when it is no value of this kind.
    """
    match kind:
        case "text":
            return text
        case "integer":
            if not _INTEGER.fullmatch(text):
                raise ValueError("is no integer")
            if len(text.lstrip("-")) > 18:
                raise ValueError("has more than 18 digits")
            return int(text)
        case "decimal":
            if decimals:
                if not _INTEGER.fullmatch(text):
                    raise ValueError("is no number with implied decimals")
                return _bounded(Decimal(text).scaleb(-decimals, _EXACT))
            number = text.replace(",", ".") if mark == "," else text
            if not _NUMBER.fullmatch(number):
                raise ValueError("is no number")
            return _bounded(Decimal(number))
        case "date":
            return _date(text)
        case "time":
            return _time(text)
    raise ValueError(f"{kind} is no kind of value")


def write_value(value: Value, kind: str, decimals: int) -> str:
    """The element's text of a typed value, with the point as decimal mark; nothing for None and for no text.

    Raises:
        ValueError: when the value does not fit the kind, or would lose decimals.
    """
    if value is None or value == "":
        return ""
    match kind:
        case _ if isinstance(value, bool):
            pass  # It would be taken for 1 or 0.
        case "text" if isinstance(value, str):
            return value
        case "integer" if isinstance(value, int):
            return str(value)
        case "decimal" if isinstance(value, Decimal | int) and Decimal(value).is_finite():
            number = Decimal(value)
            if not decimals:
                return _plain(number)
            whole = number.scaleb(decimals, _EXACT)
            if whole != whole.to_integral_value():
                raise ValueError(f"has more than the {decimals} decimals that its element implies")
            return format(whole.to_integral_value(), "f")
        case "date" | "edifact_date" if isinstance(value, date) and not isinstance(value, datetime):
            return f"{value.year:04}{value.month:02}{value.day:02}"
        case "time" if isinstance(value, time):
            if value.microsecond % 10_000:
                raise ValueError("has more than hundredths of a second")
            hundredths = f"{value.microsecond // 10_000:02}" if value.microsecond else ""
            seconds = f"{value.second:02}" if value.second or hundredths else ""
            return f"{value.hour:02}{value.minute:02}{seconds}{hundredths}"
    raise ValueError(f"is a {type(value).__name__}, not a value of kind {kind}")


def released(text: str, signs: str, release: str) -> str:
    """The text with the release character before each service character, as it stands in a message."""
    return "".join(release + sign if sign in signs else sign for sign in text)


def unreleased(text: str, release: str) -> str:
    """The text without release characters: each takes its meaning from the next character."""
    return re.sub(re.escape(release) + "(.)", r"\1", text, flags=re.DOTALL) if release in text else text


def _bounded(number: Decimal) -> Decimal:
    """The number as it is, if a column of `row_schema` holds it exactly; trailing zeros beyond it are dropped."""
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int)  # The texts have neither NaN nor infinity.
    if exponent < -SCALE:
        number = number.normalize(_EXACT)
        exponent = number.as_tuple().exponent
        assert isinstance(exponent, int)
    if exponent < -SCALE:
        raise ValueError(f"has more than {SCALE} decimals")
    if number.adjusted() >= PRECISION - SCALE:
        raise ValueError(f"has more than {PRECISION - SCALE} digits before its mark")
    return number


def _plain(number: Decimal) -> str:
    text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _date(text: str) -> date:
    """CCYYMMDD, or YYMMDD of this century's half before or after 50."""
    if not (text.isascii() and text.isdigit()):
        raise ValueError("is no date")
    if len(text) == 6:
        text = f"{'19' if text >= '5' else '20'}{text}"
    if len(text) != 8:
        raise ValueError("is no date of six or eight digits")
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        raise ValueError("is no day of the calendar") from None


def _time(text: str) -> time:
    """HHMM, HHMMSS, HHMMSSD or HHMMSSDD."""
    if not (text.isascii() and text.isdigit()) or len(text) not in (4, 6, 7, 8):
        raise ValueError("is no time")
    hundredths = int(text[6:].ljust(2, "0")) if len(text) > 6 else 0
    try:
        return time(int(text[:2]), int(text[2:4]), int(text[4:6] or 0), hundredths * 10_000)
    except ValueError:
        raise ValueError("is no time of day") from None
