"""The contract and the files that several benchmarks share: rows of about 105 bytes, the same on any machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

__all__ = ["CONTRACT", "VARIANTS", "write_csv"]

CONTRACT: dict[str, Any] = {
    "contract": "bench_customers",
    "version": "1.0.0",
    "keys": ["customer_id"],
    "max_reject_share": 1,
    "columns": [
        {"name": "customer_id", "type": "integer", "nullable": False, "range": {"min": 1}, "unique": True},
        {"name": "full_name", "type": "string", "nullable": False, "max_length": 200, "pii": "name"},
        {"name": "email", "type": "string", "pattern": r"^[^@\s]+@[^@\s]+\.[^@\s]+$", "pii": "email"},
        {"name": "country", "type": "string", "nullable": False, "pattern": "^[A-Z]{2}$"},
        {"name": "segment", "type": "string", "nullable": False, "enum": ["residential", "business", "public"]},
        {"name": "balance", "type": "decimal(18,2)", "nullable": False},
        {"name": "signed_up", "type": "date", "nullable": False, "range": {"min": "1990-01-01"}},
        {"name": "updated_at", "type": "timestamp", "nullable": False},
    ],
}

_NAME = "'Customer Name ' || (i * 7919 % 1000003)"
VARIANTS = {
    "clean": ("i", _NAME),
    "quoted": ("i", '\'"Name, \' || (i * 7919 % 1000003) || \' ""Jr"""\''),
    "bad_1pct": ("CASE WHEN i % 100 = 7 THEN 'x' || i ELSE i::VARCHAR END", _NAME),
    "stray_1pct": ("i", f"CASE WHEN i % 100 = 7 THEN 'A \"stray\" quote' ELSE {_NAME} END"),
    "shuffled": ("(i * 7919) % 1000000007", _NAME),
}
"""SQL of the key and of the name: clean, quoted with delimiters inside, and with what a decoder must reject or undo."""


def write_csv(path: Path, megabytes: int, variant: str = "clean") -> None:
    """Write about that many megabytes."""
    import duckdb

    key, name = VARIANTS[variant]
    duckdb.execute(
        f"""COPY (SELECT {key} AS customer_id, {name} AS full_name, 'user' || (i * 31 % 9999991) || '@example.org' AS email,
        ['DE','AT','CH','FR','IT','NL','BE','PL'][1 + (i % 8)] AS country,
        ['residential','business','public'][1 + (i % 3)] AS segment,
        CAST((i * 7717 % 100000000) / 100.0 AS DECIMAL(18,2)) AS balance,
        DATE '1995-01-01' + CAST(i % 9000 AS INT) AS signed_up,
        strftime(TIMESTAMP '2025-11-01 00:00:00' + to_seconds(i % 864000), '%Y-%m-%dT%H:%M:%SZ') AS updated_at
        FROM range(1, {megabytes * 1_000_000 // 105} + 1) t(i)) TO '{path}' (HEADER, DELIMITER ',', QUOTE '', ESCAPE '')"""
    )
