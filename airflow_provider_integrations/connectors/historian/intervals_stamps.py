"""Stamps as text: ISO 8601 with or without an offset, 24:00 for the end of a day, or a form that is given.

Nothing is guessed: 03/04/2025 is read by a form alone (`%m/%d/%Y %H:%M`), since it is March in one country and April in another.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial

import numpy as np
import numpy.typing as npt

from airflow_provider_integrations.connectors.historian.intervals import Kind
from airflow_provider_integrations.connectors.historian.intervals_clock import DAY, Flags, Ints
from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.formats.arrow import Array, pc

__all__ = ["Stamps", "check_form", "offset_seconds", "stamps_of"]

_ISO = re.compile(
    r"(\d{4})([-/.]?)(\d\d)\2(\d\d)[T ]?(\d\d):?(\d\d)(?::?(\d\d)(?:[.,]0+)?)? ?(Z|[+-]\d\d(?::?\d\d)?)?",
    re.ASCII | re.IGNORECASE,
)
_OFFSET = re.compile(r"(?:UTC|GMT)?([+-])(\d\d?)(?::?(\d\d))?", re.ASCII | re.IGNORECASE)
_YEARS = range(1970, 2100)
_MONTHS = np.array([date(year, month, 1).toordinal() for year in _YEARS for month in range(1, 13)], np.int64)
_MONTHS -= date(1970, 1, 1).toordinal()
_LENGTHS = np.diff(np.append(_MONTHS, date(2100, 1, 1).toordinal() - date(1970, 1, 1).toordinal()))
_KNOWN = 200_000
"""Texts that are remembered; a year of quarters has 35,040."""

_Read = tuple[int, int, bool] | None


@dataclass(frozen=True, slots=True)
class Stamps:
    """Seconds since 1970, `Kind`, whether the text was a stamp, and whether it said 24:00."""

    seconds: Ints
    kinds: npt.NDArray[np.int8]
    valid: Flags
    midnight: Flags


def check_form(form: str) -> None:
    """Refuse a form that cannot tell a time.

    Raises:
        ConfigError: it has no year, month, day or hour, or is none of `strptime`.
    """
    probe = datetime(2003, 11, 25, 13, 45)
    try:
        told = datetime.strptime(probe.strftime(form), form)
    except ValueError:
        told = None
    if told is None or told.replace(tzinfo=None, second=0) != probe:
        raise ConfigError(
            "no form of a stamp",
            form=form,
            next_step="Write it as strptime has it, e.g. %m/%d/%Y %H:%M or %d.%m.%Y %H:%M.",
        )


def offset_seconds(text: str) -> int | None:
    """An offset from UTC such as `-06:00`, `+0530`, `-6`, `Z`; None for anything else.

    >>> offset_seconds("-06:00"), offset_seconds("Z"), offset_seconds("CST")
    (-21600, 0, None)
    """
    text = text.strip()
    if text.upper() in ("Z", "UTC", "GMT"):
        return 0
    match = _OFFSET.fullmatch(text)
    if match is None:
        return None
    sign, hours, minutes = match.groups()
    seconds = int(hours) * 3600 + int(minutes or 0) * 60
    if seconds > 15 * 3600 or int(minutes or 0) > 59:
        return None
    return -seconds if sign == "-" else seconds


def stamps_of(texts: Array, form: str | None, known: dict[str, _Read]) -> Stamps:
    """Stamps of a column of strings without nulls; `known` is kept between calls."""
    if form is None and (quick := _plain(texts)) is not None:
        return quick
    read = partial(_by_form, form) if form is not None else _iso
    encoded = texts.dictionary_encode()
    if len(known) > _KNOWN:
        known.clear()
    found = [_remembered(text, read, known) for text in encoded.dictionary.to_pylist()]
    at = encoded.indices.to_numpy(zero_copy_only=False)
    seconds = np.array([one[0] if one else 0 for one in found], np.int64)
    kinds = np.array([one[1] if one else Kind.LOCAL for one in found], np.int8)
    midnight = np.array([one is not None and one[2] for one in found], dtype=bool)
    valid = np.array([one is not None for one in found], dtype=bool)
    return Stamps(seconds[at], kinds[at], valid[at], midnight[at])


def _plain(texts: Array) -> Stamps | None:
    """The quick way, where all are `YYYY-MM-DD HH:MM`, with seconds or not, and with Z or an offset or not."""
    count = len(texts)
    if not count:
        return None
    told = pc.min_max(pc.binary_length(texts)).as_py()
    width = told["min"]
    if width != told["max"] or width not in (16, 17, 19, 20, 22, 25):
        return None
    _, offsets, data = texts.buffers()
    first = int(np.frombuffer(offsets, np.int32)[texts.offset])
    letters = np.frombuffer(data, np.uint8)[first : first + count * width]
    parts: list[Stamps] = []
    # A few at a time, so that the processor's caches hold them.
    for begin in range(0, count, _FEW):
        part = _few(letters[begin * width : (begin + _FEW) * width], width)
        if part is None:
            return None
        parts.append(part)
    names = ("seconds", "kinds", "valid", "midnight")
    return Stamps(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


_FEW = 16_384


def _few(letters: npt.NDArray[np.uint8], width: int) -> Stamps | None:
    """Eight letters are one number of 64 bits, and all of its bytes are worked on at once."""
    count = len(letters) // width
    between = bytes(letters[10:11])
    if between not in b" Tt":
        return None
    dates, times = _eight(letters, width, 0, b"dddd-dd-"), _eight(letters, width, 8, b"dd" + between + b"dd:dd")
    rest = letters.reshape(count, width)[:, 16:]
    if dates is None or times is None or not _fits(rest, _RESTS[width]):
        return None
    year, month, day = _pair(dates, 0) * 100 + _pair(dates, 2), _pair(dates, 5), _pair(times, 0)
    hour, minute = _pair(times, 3), _pair(times, 6)
    second = _two(rest, 1) if width in (19, 20, 25) else np.int64(0)
    months = (year - 1970) * 12 + month - 1
    of_day = hour * 3600 + minute * 60 + second
    valid = (months >= 0) & (months < len(_MONTHS)) & (month >= 1) & (month <= 12)
    if not valid.all():
        months = np.where(valid, months, 0)
    valid &= (day >= 1) & (day <= _LENGTHS[months]) & (of_day <= DAY) & (minute <= 59) & (second <= 59)
    stamps = (_MONTHS[months] + (day - 1)) * DAY + of_day
    kinds = np.full(count, Kind.LOCAL if width in (16, 19) else Kind.INSTANT, np.int8)
    if width in (22, 25):
        ahead = _two(rest, -5) * 3600 + _two(rest, -2) * 60
        valid &= (ahead <= 15 * 3600) & (_two(rest, -2) <= 59)
        stamps = stamps - np.where(rest[:, -6] == ord("-"), -ahead, ahead)
    return Stamps(stamps, kinds, valid, hour == 24)


_RESTS = {16: b"", 17: b"Z", 19: b":dd", 20: b":ddZ", 22: b"+dd:dd", 25: b":dd+dd:dd"}
"""What follows the minutes, by the length of the whole; d for a digit."""

_CHOICES = {ord("+"): b"+-", ord("Z"): b"Zz"}


def _eight(letters: npt.NDArray[np.uint8], width: int, begin: int, form: bytes) -> npt.NDArray[np.int64] | None:
    """Eight letters of each text with digits as their values; None where a letter does not fit the form."""
    count = len(letters) // width
    words = np.ndarray((count,), "<u8", letters.data, offset=begin, strides=(width,))
    digits = bytes(0xFF if one == ord("d") else 0 for one in form)
    plain = np.uint64(int.from_bytes(bytes(ord("0") if one == ord("d") else one for one in form), "little"))
    found = words ^ plain
    # A digit is at most 9, so that 6 more leave the upper half of its byte empty; any other letter must be the form's own.
    wrong = (found + np.uint64(int.from_bytes(digits, "little") & _SIXES)) | found
    if np.bitwise_or.reduce(wrong) & np.uint64(_HIGH) or np.bitwise_or.reduce(found) & ~np.uint64(
        int.from_bytes(digits, "little")
    ):
        return None
    return (found * np.uint64(10) + (found >> np.uint64(8))).view(np.int64)


_SIXES, _HIGH = 0x0606060606060606, 0xF0F0F0F0F0F0F0F0


def _pair(words: npt.NDArray[np.int64], place: int) -> npt.NDArray[np.int64]:
    """The number of two digits from a place on."""
    return np.asarray((words >> (8 * place)) & 0xFF)


def _two(letters: npt.NDArray[np.uint8], place: int) -> npt.NDArray[np.int64]:
    return np.asarray(letters[:, place].astype(np.int64) * 10 + letters[:, place + 1] - 11 * ord("0"))


def _fits(letters: npt.NDArray[np.uint8], form: bytes) -> bool:
    for place, kind in enumerate(form):
        letter = letters[:, place]
        if kind == ord("d"):
            good = letter - np.uint8(48) <= 9
        else:
            good = np.isin(letter, np.frombuffer(_CHOICES.get(kind, bytes([kind])), np.uint8))
        if not good.all():
            return False
    return True


def _remembered(text: str, read: Callable[[str], _Read], known: dict[str, _Read]) -> _Read:
    if text not in known:
        known[text] = read(text)
    return known[text]


def _iso(text: str) -> _Read:
    match = _ISO.fullmatch(text.strip())
    if match is None:
        return None
    year, _, month, day, hour, minute, second, zone = match.groups()
    return _built(int(year), int(month), int(day), int(hour), int(minute), int(second or 0), zone)


def _by_form(form: str, text: str) -> _Read:
    text = text.strip()
    late = re.search(r"(?<!\d)24:00(?::00)?(?!\d)", text, re.ASCII) if "%H" in form else None
    if late:
        text = f"{text[: late.start()]}00{text[late.start() + 2 :]}"
    try:
        told = datetime.strptime(text, form)
    except ValueError:
        return None
    ahead = told.utcoffset()
    built = _built(told.year, told.month, told.day, 24 if late else told.hour, told.minute, told.second, None)
    if built is None or ahead is None:
        return built
    return built[0] - round(ahead.total_seconds()), Kind.INSTANT, built[2]


def _built(year: int, month: int, day: int, hour: int, minute: int, second: int, zone: str | None) -> _Read:
    of_day = hour * 3600 + minute * 60 + second
    if year not in _YEARS or minute > 59 or second > 59 or of_day > DAY:
        return None
    try:
        days = date(year, month, day).toordinal() - date(1970, 1, 1).toordinal()
    except ValueError:
        return None
    ahead = None if zone is None else offset_seconds(zone)
    if zone is not None and ahead is None:
        return None
    kind = Kind.LOCAL if ahead is None else Kind.INSTANT
    return days * DAY + of_day - (ahead or 0), kind, hour == 24
