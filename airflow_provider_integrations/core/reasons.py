"""Why a file or batch was refused: the codes that the ledger, the quarantine and the partner see.

A code never changes its meaning. Each carries what it means and what to do next.

    >>> Reason.NOT_SIGNED
    <Reason.NOT_SIGNED: 'not_signed'>
    >>> Reason("not_signed").meaning
    'the message carries no signature, and the partner must sign'
"""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Reason"]

_RESEND = "Ask the partner to send the file again."
_RELEASE = "If the file is right after all, change the policy and run `integrations ledger release ITEM`."


class Reason(StrEnum):
    """A stable code with its meaning and the next step."""

    meaning: str
    next_step: str

    def __new__(cls, code: str, meaning: str, next_step: str) -> Reason:
        """Make the code the value and keep its texts beside it."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        member.next_step = next_step
        return member

    # What the listing and the fetch can see.
    NAME_OUT_OF_CONTRACT = "name_out_of_contract", "the file's name does not follow the naming contract", _RELEASE
    NAME_UNSAFE = "name_unsafe", "the file's name could leave its folder or hide what it is", _RESEND
    NAME_REUSED = (
        "name_reused",
        "a known name came again with other bytes, and the partner must not reuse names",
        _RELEASE,
    )
    SEQUENCE_REUSED = "sequence_reused", "a sequence number came again with other bytes", _RELEASE
    CHECKSUM_MISMATCH = "checksum_mismatch", "the bytes do not have the checksum that was announced for them", _RESEND
    EMPTY_FILE = "empty_file", "the file holds no bytes", _RESEND
    FILE_TOO_LARGE = "file_too_large", "the file is larger than the partner's limit", _RELEASE
    WRONG_TYPE = "wrong_type", "the file's first bytes are not of an accepted type", _RESEND
    MALWARE = "malware", "the scanner refused the file", "Look at the scanner's report; do not release."
    DUPLICATE_BYTES = "duplicate_bytes", "the same bytes came before", "Nothing is to be done; the first one counts."
    DUPLICATE_CONTENT = (
        "duplicate_content",
        "the same content came before in other encryption",
        "Nothing is to be done; the first one counts.",
    )
    OVERTAKEN = (
        "overtaken",
        "the watermark was set elsewhere after the run was planned",
        "Nothing is to be done; the runs from there read the rows.",
    )
    VANISHED = "vanished", "the file was gone before it could be fetched", _RESEND
    # What opening the message can see.
    NOT_OPENPGP = "not_openpgp", "the bytes are no OpenPGP message", _RESEND
    NOT_ENCRYPTED = "not_encrypted", "the message is not encrypted, and the partner must encrypt", _RESEND
    NOT_SIGNED = "not_signed", "the message carries no signature, and the partner must sign", _RESEND
    WRONG_SIGNER = "wrong_signer", "a required signer has not signed", _RELEASE
    SIGNER_EXPIRED = "signer_expired", "the key that signed has expired", "Ask the partner for a renewed certificate."
    SIGNER_REVOKED = "signer_revoked", "the key that signed was revoked", "Ask the partner for a new certificate."
    SIGNATURE_BAD = "signature_bad", "a signature does not fit the content", _RESEND
    INTEGRITY_MISSING = "integrity_missing", "the message has no integrity protection", _RESEND
    INTEGRITY_FAILED = "integrity_failed", "the message was changed on its way", _RESEND
    TRUNCATED = "truncated", "the message ends before its end", _RESEND
    NOT_FOR_US = "not_for_us", "the message is encrypted to none of our keys", "Send the partner our certificate again."
    PASSWORD_ONLY = "password_only", "the message is encrypted with a password and not to our key", _RESEND
    WEAK_ALGORITHM = "weak_algorithm", "an algorithm was used that the policy refuses", _RESEND
    SEVERAL_MESSAGES = "several_messages", "the file holds more than one message", _RESEND
    TEXT_MODE = "text_mode", "the message is in text mode, which may change line ends", _RESEND
    CONTENT_TOO_LARGE = "content_too_large", "the content is larger than the partner's limit", _RELEASE
    EXPANSION_TOO_LARGE = "expansion_too_large", "the content expands more than the partner's limit", _RELEASE
    # What decoding by contract can see.
    UNREADABLE = "unreadable", "the content cannot be read as the contract's format and encoding", _RESEND
    COLUMNS_MISSING = "columns_missing", "columns that the contract requires are missing", _RESEND
    COLUMNS_UNKNOWN = "columns_unknown", "there are columns that the contract does not know", _RELEASE
    NO_ROWS = "no_rows", "the file holds no rows", _RESEND
    TOO_MANY_REJECTS = "too_many_rejects", "more rows break the contract than it allows", _RESEND
    # What judging a document by agreement and guides can see.
    NOT_EDI = "not_edi", "there is no interchange in the document", _RESEND
    TOO_MANY_INTERCHANGES = (
        "too_many_interchanges",
        "the document has more interchanges than the source takes in one",
        "Ask the partner for smaller files. If it is right after all, raise `max_interchanges` of the source and run"
        " `integrations ledger release ITEM`.",
    )
    EDI_REJECTED = (
        "edi_rejected",
        "nothing in the document is accepted by the agreement and its guides",
        "The partner is told by acknowledgement, unless `unanswered` in the facts names it. If a guide or the agreement was"
        " wrong, correct it and run `integrations ledger release ITEM`.",
    )
    DUPLICATE_INTERCHANGE = (
        "duplicate_interchange",
        "the control number of each interchange in the document came before",
        "Nothing is to be done; the first one counts. If it is another interchange all the same, run"
        " `integrations ledger release ITEM`: it is taken then.",
    )
    # What the gate and the load can see.
    GATE_FAILED = "gate_failed", "an expectation that blocks did not hold", _RELEASE
    GATE_NO_BATCH = "gate_no_batch", "the gate found no batch to look at", "Replay the item."
    GATE_NO_ROWS = "gate_no_rows", "the gate found no rows to look at", _RESEND
    GATE_EMPTY_SUITE = "gate_empty_suite", "the suite has no expectations: nothing was proved", "Give it expectations."
    GATE_ERROR = "gate_error", "an expectation raised instead of answering", "Correct the suite, then release the item."
