"""From GnuPG's status lines to a proof or a refusal, without GnuPG."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integrations.connectors.sftp_pgp.gnupg_status import read_status
from airflow_provider_integrations.connectors.sftp_pgp.openpgp import Evidence, judge, normalize_fingerprint
from airflow_provider_integrations.core.errors import ConfigError, RejectedError, TransientError
from airflow_provider_integrations.core.reasons import Reason
from airflow_provider_integrations.core.source import OpenPgpPolicy

OURS = "D5D940224E51BB3E"
SUBKEY, PRIMARY = "A" * 24 + "1" * 16, "B" * 24 + "2" * 16
OTHER = "C" * 24 + "3" * 16

# As GnuPG 2.2.40 wrote it for a good message.
GOOD = f"""\
ENC_TO {OURS} 1 0
KEY_CONSIDERED {PRIMARY} 0
DECRYPTION_KEY 05FF40F2E82FB191E1B3E9F7{OURS} B9889493B0143BCFC3995A55200DA51A41F55C09 u
BEGIN_DECRYPTION
DECRYPTION_INFO 2 9 0
PLAINTEXT 62 1795217846 a.csv
PLAINTEXT_LENGTH 100
NEWSIG
SIG_ID 5ltuIIndEMt5vaW3kB7uEPmv7vA 2026-11-20 1795217847
GOODSIG {SUBKEY[-16:]} Partner <p@x>
VALIDSIG {SUBKEY} 2026-11-20 1795217847 0 4 0 22 10 00 {PRIMARY}
DECRYPTION_OKAY
GOODMDC
END_DECRYPTION"""


def verdict(
    text: str, *required: str, exit_code: int = 0, size: int = 100, **policy: object
) -> tuple[str, ...] | Reason:
    status = read_status("[GNUPG:] " + line for line in text.splitlines())
    evidence = Evidence(status, exit_code, size, frozenset({OURS}))
    try:
        return judge(evidence, OpenPgpPolicy.model_validate(policy), required or (PRIMARY,))
    except RejectedError as error:
        return error.reason


def swap(old: str, new: str, text: str = GOOD) -> str:
    assert old in text
    return text.replace(old, new)


def signed_too(verdict_line: str, valid: str = "") -> str:
    return swap("DECRYPTION_OKAY", f"NEWSIG\n{verdict_line}\n{valid}\nDECRYPTION_OKAY")


def test_a_good_message_names_the_required_signer_as_it_was_asked_for() -> None:
    assert verdict(GOOD) == (PRIMARY,)
    assert verdict(GOOD, SUBKEY) == (SUBKEY,)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("GOODMDC", "", Reason.INTEGRITY_FAILED),
        ("GOODMDC", "BADMDC", Reason.INTEGRITY_FAILED),
        ("DECRYPTION_OKAY", "DECRYPTION_FAILED", Reason.INTEGRITY_FAILED),
        ("DECRYPTION_OKAY\n", "", Reason.INTEGRITY_FAILED),
        ("END_DECRYPTION", "", Reason.INTEGRITY_FAILED),
        ("DECRYPTION_INFO 2 9 0", "DECRYPTION_INFO 0 9 0", Reason.INTEGRITY_MISSING),
        ("DECRYPTION_INFO 2 9 0", "DECRYPTION_INFO 2 2 0", Reason.WEAK_ALGORITHM),
        ("22 10 00", "22 2 00", Reason.WEAK_ALGORITHM),
        ("22 10 00", "22 10 01", Reason.TEXT_MODE),
        ("22 10 00", "22 10 10", Reason.SIGNATURE_BAD),
        ("PLAINTEXT 62", "PLAINTEXT 74", Reason.TEXT_MODE),
        ("PLAINTEXT 62", "PLAINTEXT 75", Reason.TEXT_MODE),
        ("PLAINTEXT_LENGTH 100", "PLAINTEXT_LENGTH 101", Reason.TRUNCATED),
        ("GOODSIG", "EXPKEYSIG", Reason.SIGNER_EXPIRED),
        ("GOODSIG", "EXPSIG", Reason.SIGNER_EXPIRED),
        ("GOODSIG", "REVKEYSIG", Reason.SIGNER_REVOKED),
        ("GOODSIG", "BADSIG", Reason.SIGNATURE_BAD),
        ("VALIDSIG", "OTHERSIG", Reason.WRONG_SIGNER),  # GOODSIG names a key id, which proves nothing
        ("NEWSIG", "ERROR proc_pkt.plaintext 89_BAD_DATA\nNEWSIG", Reason.SEVERAL_MESSAGES),
        ("NEWSIG", "PLAINTEXT 62 0 b\nNEWSIG", Reason.SEVERAL_MESSAGES),
        ("NEWSIG", "BEGIN_DECRYPTION\nDECRYPTION_INFO 2 9 0\nNEWSIG", Reason.SEVERAL_MESSAGES),
        (
            "BEGIN_DECRYPTION\nDECRYPTION",
            "NEED_PASSPHRASE_SYM 9 3 2\nBEGIN_DECRYPTION\nDECRYPTION",
            Reason.PASSWORD_ONLY,
        ),
    ],
)
def test_each_line_that_is_not_as_it_should_be_refuses(old: str, new: str, reason: Reason) -> None:
    assert verdict(swap(old, new)) is reason


def test_exit_code_zero_proves_nothing_and_another_one_must_be_explained() -> None:
    assert verdict("\n".join(GOOD.splitlines()[:7]), exit_code=0) is Reason.INTEGRITY_FAILED
    assert verdict(GOOD, exit_code=2) is Reason.INTEGRITY_FAILED
    unknown = signed_too(f"ERRSIG {OTHER[-16:]} 22 10 00 1795217847 9 {OTHER}")
    assert verdict(unknown, exit_code=2) == (PRIMARY,)


def test_a_valid_signature_on_a_changed_message_is_not_enough() -> None:
    """GnuPG says VALIDSIG first, and BADMDC after it, when the last bytes were changed."""
    assert verdict(swap("DECRYPTION_OKAY\nGOODMDC", "BADMDC\nDECRYPTION_FAILED")) is Reason.INTEGRITY_FAILED


def test_a_signature_or_content_outside_of_the_encryption_does_not_count() -> None:
    lines = GOOD.splitlines()
    outside = "\n".join(lines[:7] + lines[11:] + lines[7:11])
    assert verdict(outside) is Reason.SEVERAL_MESSAGES
    assert verdict("\n".join([*lines[:5], *lines[11:], lines[5]])) is Reason.SEVERAL_MESSAGES


def test_authenticated_encryption_needs_no_mdc() -> None:
    assert verdict(swap("GOODMDC\n", "", swap("DECRYPTION_INFO 2 9 0", "DECRYPTION_INFO 0 9 2"))) == (PRIMARY,)


def test_all_or_any_of_the_required_signers() -> None:
    assert verdict(GOOD, PRIMARY, OTHER) is Reason.WRONG_SIGNER
    assert verdict(GOOD, PRIMARY, OTHER, signers="any") == (PRIMARY,)
    both = signed_too(f"GOODSIG {OTHER[-16:]} Other", f"VALIDSIG {OTHER} 2026-11-20 1795217847 0 4 0 22 10 00 {OTHER}")
    assert verdict(both, PRIMARY, OTHER) == (PRIMARY, OTHER)


@pytest.mark.parametrize("signers", ["all", "any"])
def test_a_bad_signature_beside_a_good_one_refuses(signers: str) -> None:
    assert verdict(signed_too(f"BADSIG {OTHER[-16:]} Other"), signers=signers) is Reason.SIGNATURE_BAD


def test_a_second_good_signature_of_an_expired_signer_helps() -> None:
    again = signed_too(f"GOODSIG {SUBKEY[-16:]} P", f"VALIDSIG {SUBKEY} 2026-11-20 1795217847 0 4 0 22 10 00 {PRIMARY}")
    assert verdict(again.replace("GOODSIG", "EXPKEYSIG", 1)) == (PRIMARY,)


def test_a_digest_that_gnupg_itself_refuses_is_weak() -> None:
    md5 = swap(f"GOODSIG {SUBKEY[-16:]} Partner <p@x>", f"ERRSIG {SUBKEY[-16:]} 22 1 00 1795217847 5 {SUBKEY}")
    assert verdict(md5.replace("VALIDSIG", "X"), exit_code=2) is Reason.WEAK_ALGORITHM


def test_unsigned() -> None:
    lines = GOOD.splitlines()
    unsigned = "\n".join(lines[:7] + lines[11:])
    assert verdict(unsigned) is Reason.NOT_SIGNED
    assert verdict(unsigned, require_signature=False) == ()


def test_not_for_us_and_what_looks_like_it() -> None:
    others = swap(OURS, "0000000000000000", f"ENC_TO {OURS} 1 0\nNO_SECKEY {OURS}\nBEGIN_DECRYPTION\nDECRYPTION_FAILED")
    assert verdict(others, exit_code=2) is Reason.NOT_FOR_US
    broken = f"ENC_TO {OURS} 1 0\nERROR pkdecrypt_failed 33554450\nBEGIN_DECRYPTION\nDECRYPTION_FAILED"
    assert verdict(broken, exit_code=2) is Reason.INTEGRITY_FAILED
    with pytest.raises(TransientError):
        verdict(f"ENC_TO {OURS} 1 0\nNO_SECKEY {OURS}\nBEGIN_DECRYPTION\nDECRYPTION_FAILED", exit_code=2)
    # Seen once in thousands of messages on a busy machine: the message is not at fault, and the next try opens it.
    with pytest.raises(TransientError, match="agent"):
        verdict(f"ENC_TO {OURS} 1 0\nERROR pkdecrypt_failed 67108970\nBEGIN_DECRYPTION", exit_code=2)
    with pytest.raises(ConfigError, match="passphrase"):
        verdict(f"ENC_TO {OURS} 1 0\nERROR pkdecrypt_failed 67108875\nBEGIN_DECRYPTION", exit_code=2)


def test_no_data_at_all() -> None:
    assert verdict("NODATA 1", exit_code=2) is Reason.NOT_OPENPGP
    assert verdict("", exit_code=2) is Reason.NOT_OPENPGP
    assert verdict("PLAINTEXT 62 0 x") is Reason.NOT_ENCRYPTED
    assert verdict("", require_encryption=False) is Reason.NOT_OPENPGP


def test_lines_of_gnupg_before_2_1_16_have_no_newsig() -> None:
    old = signed_too(f"BADSIG {OTHER[-16:]} Other").replace("NEWSIG\n", "")
    assert verdict(old) is Reason.SIGNATURE_BAD
    assert verdict(GOOD.replace("NEWSIG\n", "")) == (PRIMARY,)


def test_a_fingerprint_is_whole_or_refused() -> None:
    assert normalize_fingerprint("0x" + PRIMARY.lower()) == PRIMARY
    assert normalize_fingerprint(" ".join(PRIMARY[i : i + 4] for i in range(0, 40, 4))) == PRIMARY
    for wrong in (PRIMARY[-16:], "", "g" * 40, PRIMARY + "0"):
        with pytest.raises(ConfigError):
            normalize_fingerprint(wrong)


@given(st.lists(st.sampled_from(GOOD.splitlines()), max_size=20), st.integers(0, 2))
def test_only_a_signature_and_integrity_together_ever_prove(lines: list[str], exit_code: int) -> None:
    try:
        proved = verdict("\n".join(lines), exit_code=exit_code)
    except (ConfigError, TransientError):
        return
    if not isinstance(proved, Reason):
        keywords = [line.split()[0] for line in lines]
        for keyword in ("VALIDSIG", "GOODSIG", "GOODMDC", "DECRYPTION_OKAY", "END_DECRYPTION", "DECRYPTION_INFO"):
            assert keyword in keywords
        assert keywords.count("PLAINTEXT") == keywords.count("BEGIN_DECRYPTION") == 1


@given(st.lists(st.text(max_size=60).map(lambda text: "[GNUPG:] " + text), max_size=10))
def test_any_text_is_read(lines: list[str]) -> None:
    read_status(lines)


@given(
    st.lists(
        st.builds(
            lambda keyword, rest: f"[GNUPG:] {keyword} {rest}",
            st.sampled_from([line.split()[0] for line in GOOD.splitlines()] + ["ERRSIG", "ERROR", "IMPORT_OK"]),
            st.text(max_size=30),
        ),
        max_size=10,
    )
)
def test_any_arguments_are_read(lines: list[str]) -> None:
    read_status(lines)
