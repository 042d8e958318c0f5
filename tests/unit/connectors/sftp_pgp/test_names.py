"""The naming contract."""

from __future__ import annotations

import datetime as dt
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integrations.connectors.sftp_pgp.names import (
    MOST_GAPS,
    check_digest,
    parse_name,
    safe_name,
    sequence_gaps,
)
from airflow_provider_integrations.core.errors import ConfigError, RejectedError
from airflow_provider_integrations.core.reasons import Reason
from airflow_provider_integrations.core.source import NamePolicy

ACME = NamePolicy(pattern="{system}_{entity}_{date}_seq-{sequence}_crc32-{checksum}.csv.gpg", checksum="crc32")


def test_reads_every_field() -> None:
    name = parse_name(ACME, "acme_customers_2025-11-05_seq-00023_crc32-1A2B3C4D.csv.gpg")
    assert (name.system, name.entity) == ("acme", "customers")
    assert name.date == dt.date(2025, 11, 5)
    assert (name.sequence, name.checksum) == (23, "1a2b3c4d")


@pytest.mark.parametrize(
    "name",
    [
        "acme_customers_2025-02-30_seq-1_crc32-1A2B3C4D.csv.gpg",  # no such day
        "acme_customers_2025-11-05_seq-1_crc32-1A2B3C4.csv.gpg",  # a digit short
        "acme_customers_2025-11-05_seq-1_crc32-1A2B3C4D.csv.gpg.part",
        "acme_customers_2025-11-05_seq-1_crc32-1A2B3C4DXcsv.gpg",  # a dot is a dot
        "xx acme_customers_2025-11-05_seq-1_crc32-1A2B3C4D.csv.gpg",
        "acme_customers_2025-11-05_seq-\u0661_crc32-1A2B3C4D.csv.gpg",  # an Arabic digit is no digit here
        "ACME_customers_2025-11-05_seq-1_CRC32-1A2B3C4D.csv.gpg",
    ],
)
def test_a_name_out_of_contract_is_refused(name: str) -> None:
    with pytest.raises(RejectedError) as refused:
        parse_name(ACME, name)
    assert refused.value.reason is Reason.NAME_OUT_OF_CONTRACT


@pytest.mark.parametrize(
    "name",
    [
        "..", ".", "", "a/b", "../../x", "a\\b", "a\nb", "a\rb", "a\0b", "a\x1bb", " a", "a ", "a\u202egpg.exe",
        "a\u2028b", "x" * 256, b"caf\xe9".decode("utf-8", "surrogateescape"),
    ],
)  # fmt: skip
def test_control_characters_separators_and_broken_bytes_are_unsafe(name: str) -> None:
    with pytest.raises(RejectedError) as refused:
        safe_name(name)
    assert refused.value.reason is Reason.NAME_UNSAFE
    assert str(refused.value).isprintable()


def test_decomposed_names_match_the_composed_contract_and_stay_as_they_are() -> None:
    policy = NamePolicy(pattern="übersicht_{date}.gpg")
    decomposed = unicodedata.normalize("NFD", "übersicht_2025-11-05.gpg")
    assert parse_name(policy, decomposed).name == decomposed


@pytest.mark.parametrize("pattern", ["", "{nothing}.gpg", "{date}_{date}.gpg", "{date", "date}", "a/{date}.gpg"])
def test_a_wrong_pattern_is_a_setting_error(pattern: str) -> None:
    with pytest.raises(ConfigError):
        parse_name(NamePolicy(pattern=pattern), "x.gpg")


def test_a_checksum_policy_without_the_field_is_a_setting_error() -> None:
    with pytest.raises(ConfigError, match="checksum"):
        parse_name(NamePolicy(pattern="{date}.gpg", checksum="md5"), "2025-11-05.gpg")


def test_everything_outside_braces_is_literal() -> None:
    policy = NamePolicy(pattern="a.*[x]+({sequence})")
    assert parse_name(policy, "a.*[x]+(7)").sequence == 7
    with pytest.raises(RejectedError):
        parse_name(policy, "abcx(7)")


def test_gaps_in_the_sequence_are_reported() -> None:
    assert sequence_gaps([5, 3, 8, 3]) == [4, 6, 7]
    assert sequence_gaps([5], after=2) == [3, 4]
    assert sequence_gaps([1, 2, 6], after=4) == [5]
    assert sequence_gaps([], after=4) == []
    assert sequence_gaps([1, 2], after=2) == []


def test_a_wild_jump_of_the_sequence_does_not_fill_the_memory() -> None:
    assert sequence_gaps([1, 10**17]) == list(range(2, 2 + MOST_GAPS))


@given(st.sets(st.integers(0, 500)))
def test_gaps_and_seen_numbers_fill_the_range(seen: set[int]) -> None:
    gaps = sequence_gaps(seen)
    assert not set(gaps) & seen
    assert set(gaps) | seen == (set(range(min(seen), max(seen) + 1)) if seen else set())


@given(st.text())
def test_no_name_crashes_the_contract(name: str) -> None:
    try:
        assert parse_name(ACME, name).name == name
    except RejectedError as refused:
        assert refused.reason in (Reason.NAME_UNSAFE, Reason.NAME_OUT_OF_CONTRACT)  # noqa: PT017 both outcomes are right


def test_checksums_compare_without_regard_to_case() -> None:
    check_digest("crc32", "1A2B3C4D", "1a2b3c4d")
    with pytest.raises(RejectedError) as refused:
        check_digest("crc32", "1A2B3C4D", "1a2b3c4e")
    assert refused.value.reason is Reason.CHECKSUM_MISMATCH
    with pytest.raises(ConfigError):
        check_digest("md5", "00", None)
