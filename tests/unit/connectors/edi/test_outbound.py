"""Each document goes out once, with the same bytes at every run, whatever is killed; what cannot be written is told and left."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_integrations.connectors.edi.answering import answer
from airflow_provider_integrations.connectors.edi.documents import read_documents
from airflow_provider_integrations.connectors.edi.interchange_write import Numbers, check_written, write_interchange
from airflow_provider_integrations.connectors.edi.outbound_rows import QueryRows, documents_of
from airflow_provider_integrations.connectors.edi.parsing import parsed_sets
from airflow_provider_integrations.connectors.edi.reconcile import read_statements
from airflow_provider_integrations.connectors.edi.settle_outbox import sending_of, settle_outbox
from airflow_provider_integrations.core.errors import ConfigError, PermanentError
from airflow_provider_integrations.core.interchange import Level, SentStatus
from airflow_provider_integrations.core.work_item import State
from tests.unit.connectors.edi.outbound_world import (
    EDIFACT_QUERIES,
    EDIFACT_SOURCE,
    QUERIES,
    START,
    World,
    make_world,
)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = make_world(tmp_path)
    yield made
    made.ledger.close()


def test_each_order_becomes_an_interchange_of_its_own(world: World) -> None:
    world.order("A-1", 10, 2.5)
    world.order("B-2", 1)
    written = world.run()
    assert [item.facts["document"] for item in written.items] == ["A-1", "B-2"]
    assert written.items == world.outbox()
    first, second = written.items
    assert (first.facts["to"], first.state, first.facts["seal"]) == (
        "/inbound/edi/acme_850_000000001.x12",
        State.DISCOVERED,
        True,
    )
    data = world.data(first)
    # The clock moves: the bytes tell the instant at which the number was drawn.
    drawn = world.ledger.control_numbers.drawn(world.job.pair, Level.INTERCHANGE, ["document:acme_orders_out:A-1"])
    at = drawn["document:acme_orders_out:A-1"].at
    assert at >= START
    assert data == (
        b"ISA*00*          *00*          *ZZ*HUB            *ZZ*ACME           *260102*%b*U*00401*000000001*0*P*>~"
        b"GS*PO*HUB*ACME*20260102*%b*1*X*004010~ST*850*0001~BEG*00*SA*A-1**20260102~PO1*1*10*EA*9.95~PO1*2*2.5*EA*9.95~"
        b"SE*5*0001~GE*1*1~IEA*1*000000001~" % ((at.strftime("%H%M").encode(),) * 2)
    )
    assert b"*B-2**" in world.data(second)
    assert b"~GE*1*2~IEA*1*000000002~" in world.data(second)


def test_the_facts_say_what_was_sent(world: World) -> None:
    """Only X12's groups are owed an acknowledgement; X12 interchanges ask for no TA1."""
    world.order("A-1", 10)
    [item] = world.run().items
    sending = sending_of(item.facts, START)
    assert (sending.pair, sending.control, sending.purpose) == (world.job.pair, "1", "document:acme_orders_out:A-1")
    assert (sending.due_at, sending.sha256) == (None, item.facts["sha256"])
    [group] = sending.groups
    assert (group.control, group.functional, group.due_at) == ("1", "PO", START + timedelta(hours=24))


def test_again_is_nothing_new(world: World) -> None:
    world.order("A-1", 10)
    before = world.run()
    kept = world.kept()
    again = world.run()
    assert (again.items, again.known, again.changed) == ([], ["A-1"], [])
    assert (world.outbox(), world.kept()) == (before.items, kept)
    world.order("B-2", 1)
    assert [item.facts["document"] for item in world.run().items] == ["B-2"]


def test_what_was_sent_and_came_with_other_content_is_told_and_not_sent_again(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.order("A-1", 10)
    [item] = world.run().items
    data = world.data(item)
    world.warehouse.execute("UPDATE lines SET quantity = 11")
    with caplog.at_level(logging.WARNING):
        written = world.run()
    assert (written.items, written.changed) == ([], ["A-1"])
    assert "not sent again: 'A-1'" in caplog.text
    assert (world.outbox(), world.data(item)) == ([item], data)
    # What could no longer be written at all was sent all the same: no failure for ever.
    world.warehouse.execute("UPDATE lines SET quantity = NULL, price = 1e12")
    world.warehouse.execute("UPDATE orders SET n = 'A-1', ordered_on = NULL")
    assert world.run().changed == ["A-1"]


def test_what_cannot_be_written_is_refused_by_key_and_column_and_the_others_go_on(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.order("A-1", 10)
    world.order("B-2" + "canary" * 5, 1)
    world.order("C-3", 1)
    world.warehouse.execute("UPDATE orders SET ordered_on = NULL WHERE n = 'C-3'")
    world.order("D-4")  # No lines.
    world.order("E-5", 1)
    with caplog.at_level(logging.ERROR), pytest.raises(PermanentError, match="documents were refused") as raised:
        world.run()
    assert [item.facts["document"] for item in world.outbox()] == ["A-1", "E-5"]
    told = raised.value.values["documents"]
    assert len(told) == 3
    assert "orders.order_number" in told[0]
    assert "'C-3'" in told[1]
    assert "orders.ordered_on" in told[1]
    assert "'D-4'" in told[2]
    assert "order_lines" in told[2]
    assert (raised.value.values["refused"], raised.value.values["written"]) == (3, 2)
    # Refused before a number is drawn: no gap.
    assert world.ledger.control_numbers.last(world.job.pair, Level.INTERCHANGE) == 2
    assert caplog.text.count("is refused") == 3
    world.warehouse.execute("UPDATE orders SET ordered_on = DATE '2026-01-03' WHERE n = 'C-3'")
    with pytest.raises(PermanentError):
        world.run()
    assert [item.facts["document"] for item in world.outbox()] == ["A-1", "E-5", "C-3"]


def test_a_value_of_another_kind_is_refused_and_never_left_out(world: World) -> None:
    """Or an order would go out without its price."""
    world.order("A-1", 10)
    floats = QUERIES | {"order_lines": QUERIES["order_lines"].replace("price AS", "price::DOUBLE AS")}
    with pytest.raises(PermanentError) as raised:
        world.run(queries=floats)
    assert "is a float" in raised.value.values["documents"][0]
    assert "(order_lines.unit_price)" in raised.value.values["documents"][0]
    assert world.outbox() == []
    # Of what was sent before it is told as changed: no failure for ever.
    world.run()
    assert world.run(queries=floats).changed == ["A-1"]


def test_characters_that_the_interchange_does_not_have_are_refused(tmp_path: Path) -> None:
    """Latin-1 has 85, UNOC has not: only reading the whole interchange shows it."""
    world = make_world(tmp_path, queries=EDIFACT_QUERIES, **EDIFACT_SOURCE, document="document_key")
    world.order("A\x85", 10)
    world.order("B-2", 10)
    with pytest.raises(PermanentError, match="character_invalid"):
        world.run()
    assert [item.facts["document"] for item in world.outbox()] == ["B-2"]
    world.ledger.close()


def test_a_refusal_never_tells_a_value(world: World, caplog: pytest.LogCaptureFixture) -> None:
    queries = QUERIES | {"order_lines": QUERIES["order_lines"].replace("line AS LINE_NUMBER", "secret AS LINE_NUMBER")}
    world.order("A-1", 1)
    world.order("B-2", 1)
    world.order("C-3", 1)
    world.warehouse.execute("ALTER TABLE lines ADD COLUMN secret VARCHAR")
    world.warehouse.execute("UPDATE lines SET secret = 'CANARY' || repeat('Y', 40) WHERE n = 'A-1'")
    world.warehouse.execute("UPDATE lines SET secret = 'CANARY Łódź' WHERE n = 'B-2'")
    world.warehouse.execute("UPDATE lines SET secret = 'CANARY' || chr(10) WHERE n = 'C-3'")
    with caplog.at_level(logging.INFO), pytest.raises(PermanentError) as raised:
        world.run(queries=queries)
    assert all("order_lines.line_number" in one for one in raised.value.values["documents"])
    assert "CANARY" not in caplog.text + str(raised.value)
    assert world.outbox() == []


def test_lines_of_no_order_are_told_and_the_orders_go_on(world: World) -> None:
    world.order("A-1", 1)
    world.warehouse.execute("INSERT INTO lines VALUES ('Z-9', 1, 1, 1), (NULL, 1, 1, 1)")
    with pytest.raises(PermanentError) as raised:
        world.run()
    assert sorted(raised.value.values["documents"]) == [
        "'': rows have no value that names their document (order_lines.document)",
        "'Z-9': rows belong to no document of the head table (order_lines)",
    ]
    assert [item.facts["document"] for item in world.outbox()] == ["A-1"]


def test_edifact_has_no_groups_and_asks_for_a_contrl(tmp_path: Path) -> None:
    world = make_world(tmp_path, queries=EDIFACT_QUERIES, **EDIFACT_SOURCE, document="document_key")
    world.order("A'1", 10)
    [item] = world.run().items
    data = world.data(item)
    sending = sending_of(item.facts, START)
    world.ledger.close()
    assert data.startswith(b"UNA:+.? 'UNB+UNOC:3+HUB:ZZ+ACME:ZZ+260102:")
    assert b"+1++++1'UNH+1+ORDERS:D:96A:UN'BGM+220+A?'1'" in data
    assert (sending.groups, sending.due_at) == ((), START + timedelta(hours=24))


def test_an_identity_without_a_place_stops_all_before_a_number_is_drawn(tmp_path: Path) -> None:
    world = make_world(tmp_path, partner="ZZ:" + "A" * 16)
    world.order("A-1", 10)
    with pytest.raises(ConfigError, match="name of the receiver"):
        world.run()
    assert world.ledger.control_numbers.last(world.job.pair, Level.INTERCHANGE) == 0
    world.ledger.close()


def test_queries_that_do_not_fit_the_guide_write_nothing(world: World) -> None:
    world.order("A-1", 10)
    for table, query in (
        ("orders", QUERIES["orders"].replace("AS PURPOSE", "AS PURPOSES")),
        ("orders", QUERIES["orders"].replace("n AS DOCUMENT", "n AS KEY")),
        ("order_lines", QUERIES["order_lines"].replace("AS DOCUMENT", "AS QUANTITY")),
        ("order_linez", QUERIES["order_lines"]),
    ):
        with pytest.raises(ConfigError):
            world.run(queries=QUERIES | {table: query})
    with pytest.raises(ConfigError, match="head table"):
        world.run(queries={"order_lines": QUERIES["order_lines"]})
    assert world.outbox() == []


@pytest.mark.parametrize("syntax", ["x12", "edifact"])
def test_the_partner_s_word_on_a_document_finds_it(tmp_path: Path, syntax: str) -> None:
    """Written, delivered, settled, and acknowledged by whoever read the bytes: the numbers and names are the same all along."""
    more = {} if syntax == "x12" else {**EDIFACT_SOURCE, "document": "document_key", "queries": EDIFACT_QUERIES}
    world = make_world(tmp_path, **more)
    world.order("A-1", 10)
    world.order("B-2", 10)
    items = world.run().items
    for item in items:
        taken = world.ledger.items.claim(item.id, "deliver", states=[State.DISCOVERED], lease=timedelta(hours=1))
        assert taken
        world.ledger.items.advance(taken[1], State.LOADED)
    settle_outbox(world.ledger, "acme_orders_out", "me")
    owed = world.ledger.interchanges.owed_to_us()
    assert len(owed) == 2
    [document] = read_documents([world.data(items[1])])
    heard = b"".join(answer(document, "997" if syntax == "x12" else "CONTRL", START, 5))
    [told] = world.ledger.interchanges.acknowledged(list(read_statements([heard])), items[1].id)
    assert told.sent is not None
    assert (told.after, told.sent.purpose) == (SentStatus.ACCEPTED, "document:acme_orders_out:B-2")
    assert [one.purpose for one in world.ledger.interchanges.owed_to_us()] == ["document:acme_orders_out:A-1"]
    world.ledger.close()


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    value=st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats() | st.text() | st.binary() | st.dates()
    | st.datetimes() | st.times() | st.decimals(allow_nan=True, places=3),
    column=st.sampled_from(["order_number", "ordered_on", "purpose", "terms_net_days", "quantity", "unit", "row"]),
    key=st.text(min_size=1).filter(str.strip),
)  # fmt: skip
def test_whatever_a_warehouse_gives_is_sent_or_refused(world: World, value: Any, column: str, key: str) -> None:
    order = {"key": key, "purpose": "00", "order_type": "SA", "order_number": "1", "ordered_on": START.date()}
    line = {"key": key, "quantity": 1, "unit": "EA"}
    (line if column in ("quantity", "unit", "row") else order)[column] = value
    found = {
        name: QueryRows(tuple(row), [tuple(row.values())]) for name, row in (("orders", order), ("order_lines", line))
    }
    documents = documents_of(world.job.guide, "key", found)
    for key, tables in documents.rows.items():
        if key not in documents.refused:
            why: PermanentError | None = None
            try:
                data = write_interchange(world.job.guide, [tables], world.job.envelope, START, Numbers(1, 1))
                check_written(data, world.job.guides)
            except PermanentError as error:
                why = error
            assert not isinstance(why, ConfigError)


def test_no_rows_are_no_documents(world: World) -> None:
    written = world.run()
    assert (written.items, written.known, written.changed) == ([], [], [])


def test_the_lines_stand_in_the_order_of_their_rows_however_they_come(world: World) -> None:
    world.order("A-1", 1, 2, 3)
    shuffled = QUERIES | {"order_lines": QUERIES["order_lines"] + " ORDER BY line DESC"}
    [item] = world.run(queries=shuffled).items
    [found] = parsed_sets([world.data(item)])
    assert [segment[1] for segment in found["segments"] if segment[0] == "PO1"] == ["1", "2", "3"]
    assert world.run().known == ["A-1"]
