"""The partner: seals ACME's files with GnuPG alone, nothing of ours, and drops them as a partner would.

Two deliveries, fifteen files: five good ones and ten of the kinds that arrive in real life. Each says which verdict it
must get, so that the demo can be checked.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

from demo.home import Home, write_whole
from demo.keys import GnuPg, Keys
from demo.rows import Customer, changed, customers, to_csv

__all__ = ["INBOX", "Sent", "deliver", "prepare"]

INBOX = "outbound/customers"


@dataclass(frozen=True, slots=True)
class Sent:
    """One file of the partner and what must become of it.

    Args:
        name: As it lies in the inbox.
        delivery: 1 or 2; the second is sent when the first is taken in.
        story: What is special about it, for people.
        state: The ledger's state that it must reach; empty if it must not be taken at all.
        reason: The reason code that goes with it.
        landed, rejected, held: Rows that must land, be rejected by the contract, and be held back by the gate.
    """

    name: str
    delivery: int
    story: str
    state: str = "archived"
    reason: str = ""
    landed: int = 0
    rejected: int = 0
    held: int = 0

    @property
    def loaded(self) -> int:
        """Rows that must reach the warehouse."""
        return self.landed - self.held if self.state == "archived" else 0


def prepare(home: Home, keys: Keys) -> list[Sent]:
    """The partner's outbox: built once, since encryption never gives the same bytes twice."""
    index = home / "partner" / "outbox.json"
    if not index.exists():
        sent = []
        for entry, content in _build(keys):
            write_whole(_outbox(home, entry), content)
            sent.append(asdict(entry))
        write_whole(index, json.dumps(sent, indent=2))
    return [Sent(**entry) for entry in json.loads(index.read_text(encoding="utf-8"))]


def deliver(home: Home, files: list[Sent]) -> int:
    """Upload as a client does: under a temporary name, then renamed. Returns how many were sent anew.

    What lies in the inbox already is left alone, and so is an upload that is still under way.
    """
    inbox = home / "partner" / "site" / INBOX
    for folder in ("customers", "archive", "quarantine"):
        (inbox.parent / folder).mkdir(parents=True, exist_ok=True)
    count = 0
    for entry in files:
        target = inbox / entry.name
        if target.exists():
            continue
        content = _outbox(home, entry).read_bytes()
        partial = inbox / f"{entry.name}.part" if not entry.name.endswith(".part") else target
        partial.write_bytes(content)
        partial.replace(target)
        count += 1
    return count


def _outbox(home: Home, entry: Sent) -> Path:
    return home / "partner" / "outbox" / entry.name


def _named(day: date, sequence: int, content: bytes, *, checksum: int | None = None) -> str:
    value = zlib.crc32(content) if checksum is None else checksum
    return f"acme_customers_{day}_seq-{sequence:05d}_crc32-{value:08X}.csv.gpg"


def _build(keys: Keys) -> Iterator[tuple[Sent, bytes]]:
    with GnuPg.opened() as gnupg:
        gnupg.take(keys.partner_secret)
        gnupg.take(keys.our_certificate)
        gnupg.take(keys.stranger_secret)
        monday = _good(gnupg, keys, to_csv(_monday()))
        yield from _first_delivery(gnupg, keys, monday)
        yield from _second_delivery(gnupg, keys, monday)


def _good(gnupg: GnuPg, keys: Keys, content: bytes) -> bytes:
    return gnupg.seal(content, sign_with=keys.partner_fingerprint, encrypt_to=[keys.our_fingerprint])


def _monday() -> list[Customer]:
    return customers(1, 400, date(2025, 11, 3))


def _wednesday() -> list[Customer]:
    held = [row.broken("balance", "25000000.00") for row in customers(500, 3, date(2025, 11, 5))]
    return [*customers(461, 39, date(2025, 11, 5)), *held]


def _first_delivery(gnupg: GnuPg, keys: Keys, monday: bytes) -> Iterator[tuple[Sent, bytes]]:
    """Monday to Thursday: good files, with the bad rows that good files have."""
    name = _named(date(2025, 11, 3), 20, monday)
    yield Sent(name, 1, "all customers, line breaks within names", landed=400), monday

    day = date(2025, 11, 4)
    bad = [
        row.broken(column, text)
        for row, (column, text) in zip(
            customers(900, 6, day),
            (
                ("customer_id", "abc"),
                ("country", "Deutschland"),
                ("segment", "wholesale"),
                ("balance", "1.234,56"),
                ("signed_up", "31/12/2019"),
                ("email", "nobody at home"),
            ),
            strict=True,
        )
    ]
    rows = [*changed(_monday()[:60], day), *customers(401, 60, day)]
    message = _good(gnupg, keys, to_csv([*rows[:50], *bad, *rows[50:]], line_end="\r\n", mark=True))
    yield (
        Sent(
            _named(day, 21, message),
            1,
            "60 changed, 60 new, 6 that break the contract; CRLF, BOM",
            landed=120,
            rejected=6,
        ),
        message,
    )

    day = date(2025, 11, 5)
    message = _good(gnupg, keys, to_csv(_wednesday()))
    yield Sent(_named(day, 22, message), 1, "three balances that the gate holds back", landed=42, held=3), message

    day = date(2025, 11, 6)
    message = _good(gnupg, keys, to_csv(changed(_monday()[:30], day)))
    yield Sent(_named(day, 23, message), 1, "30 customers changed once more", landed=30), message


def _second_delivery(gnupg: GnuPg, keys: Keys, monday: bytes) -> Iterator[tuple[Sent, bytes]]:
    """What follows a good week: a gap, duplicates, and mail that must not get in."""
    day = date(2025, 11, 10)

    def refused(name: str, story: str, reason: str, content: bytes, state: str = "quarantined") -> tuple[Sent, bytes]:
        return Sent(name, 2, story, state=state, reason=reason), content

    message = _good(gnupg, keys, to_csv(customers(503, 25, day)))
    yield Sent(_named(day, 25, message), 2, "good, but sequence 24 never came", landed=25), message

    fresh = to_csv(customers(600, 20, day))
    recipients = [keys.our_fingerprint]
    message = gnupg.seal(fresh, sign_with=None, encrypt_to=recipients)
    yield refused(_named(day, 26, message), "not signed", "not_signed", message)

    message = gnupg.seal(fresh, sign_with=_fingerprint(gnupg, "stranger.example"), encrypt_to=recipients)
    yield refused(_named(day, 27, message), "signed by somebody else", "wrong_signer", message)

    message = _flipped(_good(gnupg, keys, to_csv(customers(600, 200, day))))
    yield refused(_named(day, 28, message), "one bit flipped on the way", "integrity_failed", message)

    message = gnupg.seal(fresh, sign_with=keys.partner_fingerprint, encrypt_to=[])
    yield refused(_named(day, 29, message), "signed but not encrypted", "not_encrypted", message)

    message = _good(gnupg, keys, to_csv(customers(620, 5, day)))
    wrong = zlib.crc32(message) ^ 1
    yield refused(
        _named(day, 30, message, checksum=wrong), "another checksum in its name", "checksum_mismatch", message
    )

    day = date(2025, 11, 11)
    rows = [row.broken("balance", "n/a") if row.customer_id % 3 == 0 else row for row in customers(640, 30, day)]
    message = _good(gnupg, keys, to_csv(rows))
    yield refused(_named(day, 31, message), "a third of its rows break the contract", "too_many_rejects", message)

    message = _good(gnupg, keys, to_csv(_wednesday()))
    name = _named(day, 32, message)
    yield refused(name, "Wednesday's content, encrypted again", "duplicate_content", message, "duplicate")

    name = _named(day, 33, monday)
    yield refused(name, "Monday's bytes under a new name", "duplicate_bytes", monday, "duplicate")

    message = _good(gnupg, keys, to_csv(customers(660, 5, day)))
    yield refused("acme_customers_FINAL_v2.csv.gpg", "named by hand", "name_out_of_contract", message)

    message = _good(gnupg, keys, to_csv(customers(700, 50, day)))
    part = f"{_named(day, 34, message)}.part"
    yield Sent(part, 2, "an upload that is still under way", state=""), message[: len(message) // 2]


def _flipped(message: bytes) -> bytes:
    middle = len(message) // 2
    return message[:middle] + bytes([message[middle] ^ 0x01]) + message[middle + 1 :]


def _fingerprint(gnupg: GnuPg, who: str) -> str:
    listing = gnupg.run("--with-colons", "--list-secret-keys", who).decode()
    return next(line.split(":")[9] for line in listing.splitlines() if line.startswith("fpr"))
