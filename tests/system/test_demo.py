"""`make demo`, twice, and `make demo-stop`, in a state folder of its own: a newcomer's first ten minutes."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
from pathlib import Path

import pytest

from demo.erp import INSTALL, driver
from tests.fakes.graph.identity import App
from tests.system.demo_runs import Demo

pytestmark = [
    pytest.mark.system,
    pytest.mark.timeout(900),
    pytest.mark.skipif(shutil.which("gpg") is None, reason="the demo needs the Debian package gnupg"),
]

VERDICTS = {
    "acme_customers_2025-11-03_seq-00020": ("archived", "", 400, 0, 400),
    "acme_customers_2025-11-04_seq-00021": ("archived", "", 120, 6, 120),
    "acme_customers_2025-11-05_seq-00022": ("archived", "", 42, 0, 39),
    "acme_customers_2025-11-06_seq-00023": ("archived", "", 30, 0, 30),
    "acme_customers_2025-11-10_seq-00025": ("archived", "", 25, 0, 25),
    "acme_customers_2025-11-10_seq-00026": ("quarantined", "not_signed", 0, 0, 0),
    "acme_customers_2025-11-10_seq-00027": ("quarantined", "wrong_signer", 0, 0, 0),
    "acme_customers_2025-11-10_seq-00028": ("quarantined", "integrity_failed", 0, 0, 0),
    "acme_customers_2025-11-10_seq-00029": ("quarantined", "not_encrypted", 0, 0, 0),
    "acme_customers_2025-11-10_seq-00030": ("quarantined", "checksum_mismatch", 0, 0, 0),
    "acme_customers_2025-11-11_seq-00031": ("quarantined", "too_many_rejects", 0, 10, 0),
    "acme_customers_2025-11-11_seq-00032": ("duplicate", "duplicate_content", 0, 0, 0),
    "acme_customers_2025-11-11_seq-00033": ("duplicate", "duplicate_bytes", 0, 0, 0),
    "acme_customers_FINAL_v2.csv.gpg": ("quarantined", "name_out_of_contract", 0, 0, 0),
    "acme_customers_2025-11-11_seq-00034": ("", "", 0, 0, 0),
}


def _stem(name: str) -> str:
    return re.sub(r"_crc32-.*", "", name)


def test_every_file_gets_its_verdict(demo: Demo) -> None:
    found = {
        _stem(line["name"]): (line["state"], line["reason"], line["landed"], line["rejected"], line["loaded"])
        for line in demo.first.result["files"]
    }
    assert found == VERDICTS


def test_the_warehouse_holds_each_good_row_once_and_the_history_of_those_that_changed(demo: Demo) -> None:
    totals = demo.first.result["totals"]
    # 400 + 60 + 39 + 25 new customers; 60 of them changed on Tuesday, 30 again on Thursday.
    assert totals["customers"] == 524
    assert totals["versions"] == 524 + 60 + 30
    assert totals["batches"] == 5


def test_orders_over_odbc_are_the_same_on_both_sides(demo: Demo) -> None:
    if driver() is None:
        assert INSTALL in demo.first.output
        pytest.skip(f"SQLite's ODBC driver is not installed: {INSTALL}")
    for runs in (demo.first.result["orders"], demo.second.result["orders"]):
        assert [run["source"] for run in runs] == [run["warehouse"] for run in runs]
        assert {run["guarantee"] for run in runs} == {"lag"}
    first, second = demo.first.result["orders"]
    assert (first["rows_read"], first["source"][0]) == (5000, 5000)
    assert 40 <= second["rows_read"] < 1000
    assert second["rows_late"] >= 1


def test_of_two_edi_orders_the_good_one_is_loaded_and_the_997_says_what_is_wrong_with_the_other(demo: Demo) -> None:
    found = demo.first.result["edi"]
    assert (found["again"], found["state"], found["reason"]) == (False, "archived", "")
    assert [one[:2] for one in found["sets"]] == [["0001", "accepted"], ["0002", "rejected"]]
    assert (found["orders"], found["lines"], found["owed"]) == (1, 2, 0)
    told = [one for one in found["answer"] if one.startswith(("AK5", "AK3", "AK4", "AK9"))]
    assert [one.split("*")[:2] for one in told] == [
        ["AK5", "A"], ["AK3", "BEG"], ["AK4", "1"], ["AK3", "PO1"], ["AK4", "2"], ["AK5", "R"], ["AK9", "P"]
    ]  # fmt: skip
    for shown in ("AK9*P*2*2*1", "opened with its own key", "EDI_ORDER_LINES 2 lines"):
        assert shown in demo.first.output


def test_the_edi_document_sent_again_is_answered_as_a_duplicate_and_adds_no_row(demo: Demo) -> None:
    first, second = demo.first.result["edi"], demo.second.result["edi"]
    assert (second["again"], second["state"], second["reason"]) == (True, "quarantined", "duplicate_interchange")
    assert [one for one in second["answer"] if one.startswith("TA1*")] == ["TA1*000000001*251112*0304*R*025"]
    for name in ("sets", "orders", "lines", "owed"):
        assert second[name] == first[name], name


def test_users_groups_and_memberships_are_the_same_on_both_sides_through_a_lost_link(demo: Demo) -> None:
    first, second = demo.first.result["graph"], demo.second.result["graph"]
    for run in (*first, *second):
        assert run["tenant"] == run["warehouse"], run["title"]
    assert [run["reset"] for run in first] == [[], [], ["entra_users"]]
    assert [run["resync"] for run in first] == [{}, {}, {"entra_users": ["resyncRequired"]}]
    assert [run["tenant"]["users"][0] for run in first] == [3000, 3001, 2997]
    assert first[2]["removals"] == 4 + 5, "who is gone unseen is found by a resync, and their memberships are told"
    assert [run["resync"] for run in second] == [{"entra_users": ["resyncRequired"]}]
    assert second[0]["tenant"]["users"][0] == 2997 + 5 - 4 - 4
    assert "the users' link lost, 4 of them gone unseen" in demo.first.output


def test_two_weeks_of_a_plant_are_in_the_warehouse_and_a_correction_is_one_revision(demo: Demo) -> None:
    first, second = demo.first.result["plant"], demo.second.result["plant"]
    assert (first["again"], second["again"]) == (False, True)
    assert first["at_source"] == first["warehouse"] == second["warehouse"] + 1, "one sample was deleted since"
    assert (first["revised"], first["gone"], second["revised"], second["gone"]) == (0, 0, 1, 1)
    # 25 hours of five minutes; of the power the two hours are missing in which clocks are set back.
    assert first["days"]["plant1.boiler1.steam_flow"] == [25.0, 300, 100.0]
    assert first["days"]["plant1.turbine1.power"] == [25.0, 300, 92.0]
    assert first["days"]["plant1.cooling.inlet_temperature"][1] is None, "it tells changes alone"
    assert first["gaps"] == {"bad_quality": 3, "compressed_ok": 2, "missing": 3}
    assert second["gaps"] == {**first["gaps"], "missing": 4}, "what was deleted is missing"
    assert first["missing"] == [
        "plant1.boiler2.steam_flow, 36 samples, 2025-10-28T06:00:00Z to 2025-10-28T09:00:00Z",
        "plant1.boiler2.steam_pressure, 36 samples, 2025-10-28T06:00:00Z to 2025-10-28T09:00:00Z",
        "plant1.turbine1.power, 24 samples, 2025-11-02T06:00:00Z to 2025-11-02T08:00:00Z",
    ]
    assert "airflow dags trigger historian_backfill__plant1 -c" in demo.first.output


def test_the_table_names_each_file_and_how_to_log_in(demo: Demo) -> None:
    for name in VERDICTS:
        assert name.removeprefix("acme_customers_") in demo.first.output
    assert re.search(r"Airflow: +http://127\.0\.0\.1:\d+/dags/partner_intake__acme_customers", demo.first.output)
    assert re.search(r"Login: +admin, password \S+", demo.first.output)
    assert "Sequence 24 never came" in demo.first.output


def test_running_it_again_changes_nothing_in_the_warehouse_and_says_so(demo: Demo) -> None:
    assert demo.second.code == 0, demo.second.output
    assert demo.second.result["again"] is True
    assert demo.second.result["before"] == demo.second.result["totals"] == demo.first.result["totals"]
    assert "the warehouse is unchanged" in demo.second.output
    assert demo.second.result["files"] == demo.first.result["files"]


def test_an_upload_under_way_is_left_where_it_is(demo: Demo) -> None:
    inbox = demo.home / "partner" / "site" / "outbound" / "customers"
    assert [path.suffix for path in inbox.iterdir()] == [".part"]


def test_no_plaintext_and_no_key_is_in_the_landing_or_in_a_log(demo: Demo) -> None:
    keys = json.loads((demo.home / "keys.json").read_text(encoding="utf-8"))
    canaries = [keys["our_passphrase"].encode(), b"BEGIN PGP PRIVATE KEY", b"customer7@mail.example", b"nobody at home"]
    canaries += [App().secret.encode(), b"deltatoken=", b"skiptoken="]
    for folder in ("landing", "airflow/logs", "logs"):
        for path in (demo.home / folder).rglob("*"):
            # Parquet holds the rows, and Airflow's own first log line holds nothing of ours.
            if path.is_file() and path.suffix != ".parquet":
                content = path.read_bytes()
                assert not [canary for canary in canaries if canary in content], path


def test_no_log_holds_a_value_of_an_edi_document(demo: Demo) -> None:
    logs = [path for folder in ("airflow/logs", "logs") for path in (demo.home / folder).rglob("*") if path.is_file()]
    assert logs
    for path in logs:
        content = path.read_bytes()
        assert not [value for value in (b"4500012345", b"4500012346", b"A-100") if value in content], path


def test_servers_listen_on_loopback_only(demo: Demo) -> None:
    inodes = {str(Path(fd).readlink()) for pid in demo.pids for fd in _descriptors(pid)}
    for table, width in (("tcp", 8), ("tcp6", 32)):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
                address = fields[1].split(":")[0]
                assert width == 8, "nothing of the demo listens on IPv6"
                assert socket.inet_ntoa(bytes.fromhex(address)[::-1]) == "127.0.0.1"


def _descriptors(pid: int) -> list[str]:
    folder = f"/proc/{pid}/fd"
    try:
        return [f"{folder}/{name}" for name in os.listdir(folder) if Path(f"{folder}/{name}").is_symlink()]  # noqa: PTH208
    except OSError:
        return []
