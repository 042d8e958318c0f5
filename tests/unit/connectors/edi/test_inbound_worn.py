"""Damaged documents: rows come of accepted sets alone, and the counts in ledger, facts and tables agree, whatever the damage."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.fakes.edi_documents import Documents
from tests.unit.connectors.edi.test_inbound import BAD, GOOD, MESSAGE, OTHER, children, parsed, read
from tests.unit.connectors.edi.test_inbound_acknowledgements import said
from tests.unit.connectors.edi.x12_streams import stream, worn

HEAD = "UNB+UNOC:3+ACME:14+HUB:14+260102:0304+R{}'"
GROUP = "UNG+ORDERS+A+B+260102:0304+G1+UN+D:96A'"
SECOND = MESSAGE.replace("UNH+1", "UNH+2").replace("UNT+8+1", "UNT+8+2")
CONTRL = "UNH+1+CONTRL:D:3:UN'UCI+17+HUB:14+ACME:14+7'UCM+2+ORDERS:D:96A:UN+4+12'UNT+4+1'"


def x12(first: int) -> list[bytes]:
    orders = stream(GOOD, BAD, OTHER, control=f"{first:09d}")
    return [orders, said("A", control=first + 1), stream(GOOD, control=f"{first + 2:09d}"), orders]


def edifact(first: int) -> list[bytes]:
    grouped = HEAD.format(first) + GROUP + MESSAGE + SECOND + f"UNE+2+G1'UNZ+1+R{first}'"
    plain = HEAD.format(first + 1) + MESSAGE + SECOND + f"UNZ+2+R{first + 1}'"
    contrl = HEAD.format(first + 2) + CONTRL + f"UNZ+1+R{first + 2}'"
    return [one.encode() for one in (grouped, plain, contrl, plain)]


@pytest.mark.parametrize("seed", [1, 2])
def test_ledger_facts_and_tables_agree_on_worn_documents(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    documents = Documents(tmp_path, guides=("x12_850", "edifact_orders_d96a"))
    verdicts = set()
    for number in range(20):
        parts = rng.choice((x12, edifact))(10 * number + 1)
        data = worn(b"".join(rng.choices(parts, k=rng.randrange(1, 4))), rng)
        item = parsed(documents, data, f"{number}.edi.gpg")
        verdicts.add(item.facts["verdict"])
        judged, sets = item.facts["judged"], item.facts["sets"]
        assert len(judged) == len(documents.ledger.interchanges.of_family(item.id))
        for which in ("accepted", "refused"):
            assert sum(one[which] for one in judged) == sets[which]
        mine = [child for table in ("sets", "orders", "edifact_orders") for child in children(documents, table)]
        mine = [child for child in mine if child.facts["parent"] == item.id]
        told = [row for child in mine if child.source.endswith("__sets") for row in read(documents, child)]
        assert len({row["set_number"] for row in told}) == len(told)
        accepted = {row["set_number"] for row in told if row["level"] == "set" and row["verdict"] != "rejected"}
        assert len(accepted) == sets["accepted"]
        # Of what came before nothing is told.
        refused = sum(one["refused"] for one in judged if one["verdict"] != "duplicate")
        assert sum(row["level"] == "set" for row in told) == len(accepted) + refused
        rows = [row for child in mine if not child.source.endswith("__sets") for row in read(documents, child)]
        assert {row["set_number"] for row in rows} <= accepted
    assert verdicts >= {"partial", "rejected", "not_edi"}
