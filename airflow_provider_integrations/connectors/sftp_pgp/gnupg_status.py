"""Reads what GnuPG says on `--status-fd` (GnuPG, doc/DETAILS, "Format of the --status-fd output").

GnuPG's exit code proves nothing: it is 0 for an unsigned message and 2 for a good one with a further, unknown signer.
The status lines prove it. They are parsed here into values, with no judgement; that is in `openpgp.py`.

    >>> read_status(["[GNUPG:] DECRYPTION_INFO 2 9 0", "[GNUPG:] DECRYPTION_OKAY"]).cipher
    'AES256'
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

__all__ = ["CIPHERS", "HASHES", "Signature", "StatusSummary", "read_status"]

PREFIX: Final = "[GNUPG:] "

# RFC 9580, sections 9.3 and 9.5.
CIPHERS: Final = {
    1: "IDEA",
    2: "3DES",
    3: "CAST5",
    4: "BLOWFISH",
    7: "AES128",
    8: "AES192",
    9: "AES256",
    10: "TWOFISH",
    11: "CAMELLIA128",
    12: "CAMELLIA192",
    13: "CAMELLIA256",
}
HASHES: Final = {
    1: "MD5",
    2: "SHA1",
    3: "RIPEMD160",
    8: "SHA256",
    9: "SHA384",
    10: "SHA512",
    11: "SHA224",
    12: "SHA3-256",
    14: "SHA3-512",
}
# libgpg-error: the low 16 bits of an error are its code.
_BAD_PASSPHRASE, _NO_PASSPHRASE, _SECOND_PLAINTEXT = 11, 177, 89

_VERDICTS: Final = {
    "GOODSIG": "good",
    "BADSIG": "bad",
    "EXPSIG": "signature_expired",
    "EXPKEYSIG": "key_expired",
    "REVKEYSIG": "key_revoked",
    "ERRSIG": "unchecked",
}


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature as GnuPG saw it.

    Args:
        verdict: `good`, `bad`, `signature_expired`, `key_expired`, `key_revoked` or `unchecked`; empty if GnuPG never
            said.
        key_id: What the verdict named: a key id, which proves nothing.
        fingerprint, primary: Full fingerprints of the key that signed and of its primary key, from VALIDSIG alone.
        hash_algorithm, signature_class: As in the signature packet; class 1 is a signature over text.
        code: Why it was not checked: 9 is a missing certificate, 4 and 5 an algorithm that GnuPG refuses.
        inside: Whether it stood inside of the encryption.
    """

    verdict: str = ""
    key_id: str = ""
    fingerprint: str = ""
    primary: str = ""
    hash_algorithm: str = ""
    signature_class: int = 0
    code: int = 0
    inside: bool = True


@dataclass(frozen=True, slots=True)
class StatusSummary:
    """What the status lines of one run say, taken together."""

    recipients: tuple[str, ...] = ()
    decrypted_by: str = ""
    decryptions: int = 0
    finished: bool = False
    decryption_okay: bool = False
    decryption_failed: bool = False
    good_mdc: bool = False
    bad_mdc: bool = False
    mdc_method: int = 0
    aead: int = 0
    cipher: str = ""
    plaintexts: tuple[str, ...] = ()
    plaintext_outside: bool = False
    plaintext_length: int | None = None
    second_plaintext: bool = False
    signatures: tuple[Signature, ...] = ()
    missing_secret_keys: tuple[str, ...] = ()
    bad_passphrase: bool = False
    password_asked: bool = False
    no_data: bool = False
    imported: tuple[str, ...] = ()
    errors: tuple[str, ...] = field(default=())


def read_status(lines: Iterable[str]) -> StatusSummary:
    """Take the status lines of one run together; what is not known is passed over, as doc/DETAILS asks for."""
    summary = StatusSummary()
    for line in lines:
        if line.startswith(PREFIX):
            keyword, _, rest = line[len(PREFIX) :].partition(" ")
            summary = _read(summary, keyword, rest.split(" "))
    return summary


def _read(summary: StatusSummary, keyword: str, args: list[str]) -> StatusSummary:
    match keyword:
        case "ENC_TO":
            return replace(summary, recipients=(*summary.recipients, args[0]))
        case "DECRYPTION_KEY":
            return replace(summary, decrypted_by=args[0])
        case "BEGIN_DECRYPTION":
            return replace(summary, decryptions=summary.decryptions + 1, finished=False)
        case "END_DECRYPTION":
            return replace(summary, finished=True)
        case "DECRYPTION_INFO":
            cipher = CIPHERS.get(_number(args, 1), f"cipher {_number(args, 1)}")
            return replace(summary, mdc_method=_number(args, 0), cipher=cipher, aead=_number(args, 2))
        case "DECRYPTION_OKAY":
            return replace(summary, decryption_okay=True)
        case "DECRYPTION_FAILED":
            return replace(summary, decryption_failed=True)
        case "GOODMDC":
            return replace(summary, good_mdc=True)
        case "BADMDC":
            return replace(summary, bad_mdc=True)
        case "PLAINTEXT":
            outside = summary.plaintext_outside or not _inside(summary)
            return replace(summary, plaintexts=(*summary.plaintexts, args[0]), plaintext_outside=outside)
        case "PLAINTEXT_LENGTH":
            return replace(summary, plaintext_length=_number(args, 0))
        case "NO_SECKEY":
            return replace(summary, missing_secret_keys=(*summary.missing_secret_keys, args[0]))
        case "BAD_PASSPHRASE" | "MISSING_PASSPHRASE":
            return replace(summary, bad_passphrase=True)
        case "NEED_PASSPHRASE_SYM":
            return replace(summary, password_asked=True)
        case "NODATA" | "UNEXPECTED":
            return replace(summary, no_data=True)
        case "IMPORT_OK":
            return replace(summary, imported=(*summary.imported, args[1])) if len(args) > 1 else summary
        case "ERROR" | "FAILURE" | "WARNING":
            return _read_error(summary, keyword, args)
        case "NEWSIG" | "VALIDSIG" | "GOODSIG" | "BADSIG" | "EXPSIG" | "EXPKEYSIG" | "REVKEYSIG" | "ERRSIG":
            return replace(summary, signatures=_read_signature(summary, keyword, args))
    return summary


def _read_error(summary: StatusSummary, keyword: str, args: list[str]) -> StatusSummary:
    code = _number(args, 1) & 0xFFFF
    return replace(
        summary,
        errors=(*summary.errors, f"{keyword} {args[0]} {code}"),
        bad_passphrase=summary.bad_passphrase or code in {_BAD_PASSPHRASE, _NO_PASSPHRASE},
        second_plaintext=summary.second_plaintext or (args[0] == "proc_pkt.plaintext" and code == _SECOND_PLAINTEXT),
    )


def _read_signature(summary: StatusSummary, keyword: str, args: list[str]) -> tuple[Signature, ...]:
    if keyword == "NEWSIG":
        return (*summary.signatures, Signature(inside=_inside(summary)))
    *before, last = summary.signatures or (Signature(inside=_inside(summary)),)
    if keyword in _VERDICTS and last.verdict:  # GnuPG before 2.1.16 has no NEWSIG
        before, last = [*before, last], Signature(inside=_inside(summary))
    if keyword == "VALIDSIG":
        read = replace(
            last,
            fingerprint=args[0],
            primary=args[9] if len(args) > 9 else args[0],
            hash_algorithm=_hash(_number(args, 7)),
            signature_class=_number(args, 8, 16),
        )
    elif keyword == "ERRSIG":
        read = replace(
            last,
            verdict=_VERDICTS[keyword],
            key_id=args[0],
            hash_algorithm=_hash(_number(args, 2)),
            signature_class=_number(args, 3, 16),
            code=_number(args, 5),
        )
    else:
        read = replace(last, verdict=_VERDICTS[keyword], key_id=args[0])
    return (*before, read)


def _inside(summary: StatusSummary) -> bool:
    return summary.decryptions > 0 and not summary.finished


def _hash(number: int) -> str:
    return HASHES.get(number, f"hash {number}")


def _number(args: list[str], index: int, base: int = 10) -> int:
    """A number of a status line, which may have a name behind it (`89_BAD_DATA`); 0 where there is none."""
    try:
        return int(args[index].partition("_")[0], base)
    except (IndexError, ValueError):
        return 0
