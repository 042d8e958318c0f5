"""OPC UA's status codes: what an answer's code asks for, and what a value's code says beside its severity.

Sources: OPC 10000-4, 7.39 (the bits); OPC 10000-11, 6.3 (codes of history); OPC 10000-6, A.2 (the numbers).

>>> meaning_of(0x804B0000), words_of(0x00000406), shown(0x80340000)
(<Meaning.POINT_LOST: 'point_lost'>, 'interpolated,partial', 'BadNodeIdUnknown (0x80340000)')
"""

from __future__ import annotations

from enum import StrEnum

__all__ = ["GOOD_MORE_DATA", "Meaning", "is_bad", "is_bound", "meaning_of", "shown", "words_of"]

GOOD_MORE_DATA = 0x00A60000
_BOUND = {0x80D70000, 0x80D80000}  # BadBoundNotFound, BadBoundNotSupported


class Meaning(StrEnum):
    """What to do about the code of an answer."""

    DATA = "data"
    NO_DATA = "no_data"
    POINT_LOST = "point_lost"
    SESSION_LOST = "session_lost"
    TOO_LARGE = "too_large"
    BUSY = "busy"
    DENIED = "denied"


_NAMES: dict[Meaning, dict[int, str]] = {
    Meaning.DATA: {0x00000000: "Good", GOOD_MORE_DATA: "GoodMoreData"},
    # "No data exists for the requested time range": good or bad, there is none.
    Meaning.NO_DATA: {0x00A50000: "GoodNoData", 0x809B0000: "BadNoData"},
    Meaning.POINT_LOST: {0x804A0000: "BadContinuationPointInvalid", 0x804B0000: "BadNoContinuationPoints"},
    Meaning.SESSION_LOST: {
        0x80220000: "BadSecureChannelIdInvalid",
        0x80250000: "BadSessionIdInvalid",
        0x80260000: "BadSessionClosed",
        0x80270000: "BadSessionNotActivated",
        0x807F0000: "BadTcpSecureChannelUnknown",
        0x80860000: "BadSecureChannelClosed",
        0x80870000: "BadSecureChannelTokenUnknown",
        0x80AE0000: "BadConnectionClosed",
        0x80050000: "BadCommunicationError",
        0x800C0000: "BadShutdown",
        0x800D0000: "BadServerNotConnected",
        0x800E0000: "BadServerHalted",
    },
    Meaning.TOO_LARGE: {
        0x80080000: "BadEncodingLimitsExceeded",
        0x800A0000: "BadTimeout",
        0x80100000: "BadTooManyOperations",
        0x80800000: "BadTcpMessageTooLarge",
        0x80850000: "BadRequestTimeout",
        0x80B80000: "BadRequestTooLarge",
        0x80B90000: "BadResponseTooLarge",
    },
    Meaning.DENIED: {
        0x800B0000: "BadServiceUnsupported",
        0x80130000: "BadSecurityChecksFailed",
        0x801A0000: "BadCertificateUntrusted",
        0x801F0000: "BadUserAccessDenied",
        0x80200000: "BadIdentityTokenInvalid",
        0x80210000: "BadIdentityTokenRejected",
        0x802B0000: "BadTimestampsToReturnInvalid",
        0x80330000: "BadNodeIdInvalid",
        0x80340000: "BadNodeIdUnknown",
        0x80350000: "BadAttributeIdInvalid",
        0x80360000: "BadIndexRangeInvalid",
        0x80390000: "BadDataEncodingUnsupported",
        0x803A0000: "BadNotReadable",
        0x803D0000: "BadNotSupported",
        0x80400000: "BadNotImplemented",
        0x80710000: "BadHistoryOperationInvalid",
        0x80720000: "BadHistoryOperationUnsupported",
        0x80AB0000: "BadInvalidArgument",
        0x80BD0000: "BadInvalidTimestampArgument",
        0x80D50000: "BadAggregateNotSupported",
        0x80D60000: "BadAggregateInvalidInputs",
        0x80DA0000: "BadAggregateConfigurationRejected",
    },
    Meaning.BUSY: {
        0x80020000: "BadInternalError",
        0x80030000: "BadOutOfMemory",
        0x80040000: "BadResourceUnavailable",
        0x80310000: "BadNoCommunication",
        0x80560000: "BadTooManySessions",
        0x807D0000: "BadTcpServerTooBusy",
        0x809D0000: "BadDataLost",
        0x809E0000: "BadDataUnavailable",
        0x80EE0000: "BadServerTooBusy",
    },
}
_MEANINGS = {code: meaning for meaning, codes in _NAMES.items() for code in codes}
_SHOWN = {code: name for codes in _NAMES.values() for code, name in codes.items()}

# 7.39.1: of a data value's 16 info bits these are the historian's, and they count where the info type says so.
_DATA_VALUE_INFO, _INFO_TYPE = 0x0400, 0x0C00
_ORIGINS = {1: "calculated", 2: "interpolated"}
_FLAGS = ((0x04, "partial"), (0x08, "extra_data"), (0x10, "multi_value"), (0x80, "overflow"))
_NAMED = {
    0x00960000: "override",  # GoodLocalOverride
    0x00A20000: "inserted",  # GoodEntryInserted
    0x00A30000: "replaced",  # GoodEntryReplaced
    0x40910000: "substituted",  # UncertainSubstituteValue
}


def is_bad(code: int) -> bool:
    """Whether the severity is bad; the reserved one counts as bad."""
    return code >> 30 >= 2


def is_bound(code: int) -> bool:
    """Whether it marks a bound that is not there: such a value is no data."""
    return code & 0xFFFF0000 in _BOUND


def meaning_of(code: int) -> Meaning:
    """What an answer's code asks for, whatever its info bits; a bad one that is not known here may pass."""
    known = _MEANINGS.get(code & 0xFFFF0000)
    return known or (Meaning.BUSY if is_bad(code) else Meaning.DATA)


def words_of(code: int) -> str:
    """What a value's code says beside its severity, in words with commas between; empty for most."""
    words = []
    if named := _NAMED.get(code & 0xFFFF0000):
        words.append(named)
    if code & _INFO_TYPE == _DATA_VALUE_INFO:
        if origin := _ORIGINS.get(code & 0x03):
            words.append(origin)
        words += [word for bit, word in _FLAGS if code & bit]
    return ",".join(words)


def shown(code: int) -> str:
    """Name and number of an answer's code."""
    return f"{_SHOWN.get(code & 0xFFFF0000, 'a code of the server')} (0x{code:08X})"
