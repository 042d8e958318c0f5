"""Opening OpenPGP messages: the port that engines implement, and the judgement on what an engine saw.

The judgement is pure: from GnuPG's status lines and the partner's policy to a `Proof` or a refusal. What it decides
where the standards leave a choice:

- Exactly one encryption holds exactly one content, and the signatures stand inside of it. A signature around the
  encryption, a message beside another, encryption in encryption: refused.
- Integrity goes first. GnuPG says VALIDSIG for a message whose last bytes were changed, and BADMDC only afterwards.
- A key that has expired by now is refused, even for a signature from before that: the time in a signature is the
  signer's own claim. A revoked key is refused whatever the reason of the revocation, for the same cause.
- A signature that does not fit refuses the message, also where any one signer would do. One by an unknown key is passed
  over: it says nothing, and the required ones are still looked for.
- A signature over text (class 1) does not cover line ends; it counts as text mode.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol, Self

from airflow_provider_integrations.connectors.sftp_pgp.gnupg_status import Signature, StatusSummary
from airflow_provider_integrations.core.errors import ConfigError, RejectedError, TransientError
from airflow_provider_integrations.core.reasons import Reason
from airflow_provider_integrations.core.source import OpenPgpPolicy

__all__ = ["Evidence", "OpenMessage", "OpenPgpEngine", "Proof", "judge", "normalize_fingerprint", "proven_signers"]

_NO_CERTIFICATE = 9
_REFUSED_BY_GNUPG = {4, 5}  # GPG_ERR_PUBKEY_ALGO, GPG_ERR_DIGEST_ALGO: MD5 among them
_AGENT_FAILED = {77, 85, 106, 176}  # No agent, no pinentry, protection of the key not read, not operational
_TEXT_FORMATS = {"74", "75", "6D"}  # t, u, and m of MIME


@dataclass(frozen=True, slots=True)
class Proof:
    """What was proved about a message that was read to its end.

    Args:
        signers: Required fingerprints whose signatures were verified, sorted; empty if none was required.
        plaintext_sha256: SHA-256 of the content, in hexadecimal digits.
        size, ciphertext_size: Bytes of content and of the message.
        encrypted: Whether it was encrypted.
        decrypted_by: Full fingerprint of the key of ours that opened it.
        cipher: Name of the symmetric algorithm.
    """

    signers: tuple[str, ...]
    plaintext_sha256: str
    size: int
    ciphertext_size: int
    encrypted: bool
    decrypted_by: str = ""
    cipher: str = ""


class OpenMessage(Protocol):
    """A message that is being opened; nothing that it gave is to be believed before `verify` has returned."""

    def read(self, size: int = -1, /) -> bytes:
        """The next `size` bytes of content, fewer only at the end, which may be the end of a message that is
        refused."""

    def verify(self) -> Proof:
        """Read what is left, and prove the whole.

        Raises:
            RejectedError: with the reason.
        """


class OpenPgpEngine(Protocol):
    """Opens and seals messages with one set of keys; it may be used by several threads at once."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc: object) -> None: ...

    def open(self, source: Path | BinaryIO, policy: OpenPgpPolicy) -> AbstractContextManager[OpenMessage]:
        """Begin to open a message."""

    def seal(self, source: BinaryIO, target: Path, *, recipients: Sequence[str], sign: bool = True) -> object:
        """Encrypt to certificates, and sign."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known about a message after its end.

    Args:
        status: GnuPG's status lines, taken together.
        exit_code: GnuPG's own.
        size: Bytes of content that it gave.
        our_keys: Key ids of our secret keys for decryption.
    """

    status: StatusSummary
    exit_code: int
    size: int
    our_keys: frozenset[str] = frozenset()


def normalize_fingerprint(text: str) -> str:
    """A full fingerprint as GnuPG writes it: upper case, no blanks, no `0x`.

    Raises:
        ConfigError: for a key id, which can be forged, and for anything else.
    """
    bare = text.replace(" ", "").upper().removeprefix("0X")
    if len(bare) not in {40, 64} or set(bare) - set("0123456789ABCDEF"):
        raise ConfigError(
            "not a full fingerprint", value=text[:80], next_step="Give the 40 digits that `gpg --fingerprint` shows."
        )
    return bare


def judge(evidence: Evidence, policy: OpenPgpPolicy, required: Sequence[str]) -> tuple[str, ...]:
    """Decide on a message; the signers that were proved come back.

    Args:
        evidence: What was seen.
        policy: What must hold.
        required: Full fingerprints, of primary keys or of signing subkeys.

    Raises:
        RejectedError: with the reason.
        ConfigError: when our own key, not the message, is at fault.
        TransientError: when GnuPG lost its home or its agent.
    """
    status = evidence.status
    if status.decryptions or policy.require_encryption:
        _judge_encryption(evidence, policy)
    if len(status.plaintexts) > 1 or status.second_plaintext:
        raise RejectedError(Reason.SEVERAL_MESSAGES)
    if not status.plaintexts:
        raise RejectedError(Reason.NOT_OPENPGP, "the message has no content")
    if not policy.allow_text_mode and status.plaintexts[0].upper() in _TEXT_FORMATS:
        raise RejectedError(Reason.TEXT_MODE)
    signers = proven_signers(status.signatures, policy, required)
    length = status.plaintext_length
    if length is not None and length != evidence.size and status.plaintexts[0] == "62":
        raise RejectedError(Reason.TRUNCATED, "the content is not as long as it says", says=length, size=evidence.size)
    if evidence.exit_code and all(signature.verdict == "good" for signature in status.signatures):
        raise RejectedError(Reason.INTEGRITY_FAILED, "GnuPG failed without a reason", errors=status.errors)
    return signers


def _judge_encryption(evidence: Evidence, policy: OpenPgpPolicy) -> None:
    status = evidence.status
    if status.password_asked:
        raise RejectedError(Reason.PASSWORD_ONLY, "a password opens the message")
    if not status.cipher:  # GnuPG says BEGIN_DECRYPTION also where it has no key
        raise _not_begun(evidence)
    several = status.second_plaintext or (len(status.plaintexts) > 1 and not status.bad_mdc)
    if several or (status.decryptions > 1 and not status.bad_mdc):
        raise RejectedError(Reason.SEVERAL_MESSAGES)
    if not status.mdc_method and not status.aead:
        raise RejectedError(Reason.INTEGRITY_MISSING)
    if status.cipher in policy.refused_algorithms:
        raise RejectedError(Reason.WEAK_ALGORITHM, algorithm=status.cipher)
    proved = status.decryption_okay and status.finished and (status.good_mdc or bool(status.aead))
    if status.bad_mdc or status.decryption_failed or not proved:
        raise RejectedError(Reason.INTEGRITY_FAILED)
    outside = [signature for signature in status.signatures if not signature.inside]
    if status.plaintext_outside or outside:
        raise RejectedError(Reason.SEVERAL_MESSAGES, "there is content or a signature outside of the encryption")


def _not_begun(evidence: Evidence) -> RejectedError | ConfigError | TransientError:
    """Why no decryption began: mostly that the message is for others.

    That our key opens was proved when the engine took it in. So if GnuPG misses it now, the home or the agent went
    away, which is no fault of the message; any other failure with our key is a session key that was changed.
    """
    status = evidence.status
    ours = evidence.our_keys & set(status.recipients)
    if status.bad_passphrase:
        return ConfigError(
            "our private key does not open with the passphrase given",
            next_step="Correct the passphrase in the connection.",
        )
    if ours & set(status.missing_secret_keys):
        return TransientError("GnuPG lost our private key while it ran", keys=sorted(ours), errors=status.errors)
    if ours and {f"ERROR pkdecrypt_failed {code}" for code in _AGENT_FAILED} & {*status.errors}:
        return TransientError("GnuPG's agent did not open our private key", keys=sorted(ours), errors=status.errors)
    if ours:
        return RejectedError(Reason.INTEGRITY_FAILED, "the session key does not open", errors=status.errors)
    if status.recipients:
        return RejectedError(Reason.NOT_FOR_US, recipients=status.recipients[:10])
    if status.plaintexts:
        return RejectedError(Reason.NOT_ENCRYPTED)
    return RejectedError(Reason.NOT_OPENPGP, errors=status.errors)


def proven_signers(signatures: Sequence[Signature], policy: OpenPgpPolicy, required: Sequence[str]) -> tuple[str, ...]:
    """The required signers whose signatures hold: all of them, or any, as the policy says.

    Raises:
        RejectedError: `signature_bad`, `not_signed`, `wrong_signer`, `signer_expired`, `signer_revoked`,
            `weak_algorithm` or `text_mode`.
    """
    bad = next((signature for signature in signatures if signature.verdict == "bad"), None)
    if bad:
        raise RejectedError(Reason.SIGNATURE_BAD, key_id=bad.key_id)
    if not policy.require_signature:
        return ()
    if not signatures:
        raise RejectedError(Reason.NOT_SIGNED)
    refusals = {signer: _refusal(signer, signatures, policy) for signer in sorted(set(required))}
    proved = tuple(signer for signer, refusal in refusals.items() if refusal is None)
    if proved and (policy.signers == "any" or len(proved) == len(refusals)):
        return proved
    # The most telling refusal: an expired signer says more than a missing one.
    found = [refusal for refusal in refusals.values() if refusal is not None]
    raise next((refusal for refusal in found if refusal.reason is not Reason.WRONG_SIGNER), found[0])


def _refusal(signer: str, signatures: Sequence[Signature], policy: OpenPgpPolicy) -> RejectedError | None:
    """Why no signature proves this signer; None when one does."""
    refusals = []
    for signature in signatures:
        if signer not in (signature.fingerprint, signature.primary):
            continue
        reason = _reason(signature, policy)
        if reason is None:
            return None
        refusals.append(RejectedError(reason, signer=signer, hash_algorithm=signature.hash_algorithm))
    if refusals:
        return refusals[0]
    refused = next((one for one in signatures if one.code in _REFUSED_BY_GNUPG and signer.endswith(one.key_id)), None)
    if refused or any(
        one.code in _REFUSED_BY_GNUPG and one.hash_algorithm in policy.refused_algorithms for one in signatures
    ):
        return RejectedError(Reason.WEAK_ALGORITHM, signer=signer)
    seen = tuple(sorted({one.primary or one.key_id for one in signatures}))
    return RejectedError(Reason.WRONG_SIGNER, required=signer, signed_by=seen)


def _reason(signature: Signature, policy: OpenPgpPolicy) -> Reason | None:
    """What is wrong with a signature whose fingerprint is proved."""
    if signature.verdict in {"key_expired", "signature_expired"}:
        return Reason.SIGNER_EXPIRED
    if signature.verdict == "key_revoked":
        return Reason.SIGNER_REVOKED
    if signature.hash_algorithm in policy.refused_algorithms:
        return Reason.WEAK_ALGORITHM
    if signature.signature_class == 1 and not policy.allow_text_mode:
        return Reason.TEXT_MODE
    if signature.signature_class > 1 or signature.verdict != "good":
        return Reason.SIGNATURE_BAD
    return None
