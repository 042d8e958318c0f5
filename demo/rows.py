"""ACME's customers: the same rows on every machine, by a seeded generator. Pure."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

__all__ = ["Customer", "changed", "customers", "to_csv"]

COLUMNS = ("customer_id", "full_name", "email", "country", "segment", "balance", "signed_up", "updated_at")
_FIRST = ("Ana", "Björn", "Chloé", "Dmitri", "Esra", "Farid", "Grace", "Hana", "Iñigo", "Jun", "Kofi", "Léa")
_LAST = (
    "Almeida",
    "Bergström",
    "Castro",
    "Dubois",
    "Evans",
    "Fischer",
    "García",
    "Haddad",
    "Ito",
    "Jansen",
    "Kowalska",
)
_COUNTRIES = ("DE", "ES", "FR", "GB", "JP", "MX", "PL", "SE", "TR", "US")
_SEGMENTS = ("residential", "business", "public")


@dataclass(frozen=True, slots=True)
class Customer:
    """One row; all of it is text-ready, `raw` replaces single fields by what breaks the contract."""

    customer_id: int
    full_name: str
    email: str | None
    country: str
    segment: str
    balance: Decimal
    signed_up: date
    updated_at: datetime
    raw: tuple[tuple[str, str], ...] = ()

    def broken(self, column: str, text: str) -> Customer:
        """The same row with one field that the contract refuses."""
        return replace(self, raw=(*self.raw, (column, text)))

    def fields(self) -> list[str]:
        """The row as text, in the contract's order."""
        row = {
            "customer_id": str(self.customer_id),
            "full_name": self.full_name,
            "email": self.email or "",
            "country": self.country,
            "segment": self.segment,
            "balance": str(self.balance),
            "signed_up": self.signed_up.isoformat(),
            "updated_at": self.updated_at.strftime("%Y-%m-%dT%H:%M:%S"),
        }
        row.update(self.raw)
        return [row[name] for name in COLUMNS]


def customers(first: int, count: int, as_of: date) -> list[Customer]:
    """Customers `first` to `first + count - 1`; every 40th has a line break within its name, every 25th no e-mail."""
    return [_customer(number, as_of) for number in range(first, first + count)]


def changed(rows: Iterable[Customer], as_of: date) -> list[Customer]:
    """The same customers later, each with another balance and some in another segment."""
    later = datetime(as_of.year, as_of.month, as_of.day, 4, 30)
    result = []
    for row in rows:
        random_ = random.Random(f"{row.customer_id}/{as_of}")  # noqa: S311 the same rows each time is the point
        segment = random_.choice(_SEGMENTS) if random_.random() < 0.2 else row.segment
        balance = row.balance + Decimal(random_.randrange(1, 500_000)) / 100
        result.append(replace(row, balance=balance, segment=segment, updated_at=later))
    return result


def to_csv(rows: Iterable[Customer], *, line_end: str = "\n", mark: bool = False) -> bytes:
    """The rows as UTF-8 CSV with a header; `mark` puts a byte order mark in front, as some exports do."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=line_end)
    writer.writerow(COLUMNS)
    writer.writerows(row.fields() for row in rows)
    return text.getvalue().encode("utf-8-sig" if mark else "utf-8")


def _customer(number: int, as_of: date) -> Customer:
    random_ = random.Random(number)  # noqa: S311 the same rows each time is the point
    first, last = random_.choice(_FIRST), random_.choice(_LAST)
    name = f"{first}\n{last}, c/o {random_.choice(_LAST)}" if number % 40 == 0 else f"{first} {last}"
    return Customer(
        customer_id=number,
        full_name=name,
        email=None if number % 25 == 0 else f"customer{number}@mail.example",
        country=random_.choice(_COUNTRIES),
        segment=random_.choice(_SEGMENTS),
        balance=Decimal(random_.randrange(-50_000, 900_000)) / 100,
        signed_up=date(2010, 1, 1) + timedelta(days=random_.randrange(5000)),
        updated_at=datetime(as_of.year, as_of.month, as_of.day, 3, random_.randrange(60)),
    )
