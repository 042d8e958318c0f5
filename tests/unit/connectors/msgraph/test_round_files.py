"""What the files of a round are, and how they grow."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq

from airflow_provider_integrations.connectors.msgraph.changes import Change, Op, RelationChange
from airflow_provider_integrations.connectors.msgraph.round_files import RoundFiles, file_name


def test_files_are_called_by_resource_relation_and_round() -> None:
    assert file_name("drives/1/root", 3) == "drives-1-root-round-000003.parquet"
    assert file_name("drives/1/root", 3, "members") == "drives-1-root-members-round-000003.parquet"


def test_a_round_is_written_as_it_grows(tmp_path: Path) -> None:
    with RoundFiles(tmp_path, "users", 3, ("city",)) as out:
        for number in range(25_000):
            out.add(Change(Op.UPSERT, str(number), 3, number, {"city": "Oslo"}))
    file = pq.ParquetFile(tmp_path / "users-round-000003.parquet")
    assert (file.metadata.num_rows, file.num_row_groups) == (25_000, 5)
    assert file.schema_arrow.names == ["id", "_op", "_round", "_seq", "city"]


def test_each_relation_that_changed_has_a_file_of_its_own(tmp_path: Path) -> None:
    members = tmp_path / "groups-members-round-000003.parquet"
    members.write_bytes(b"of a try that died")
    with RoundFiles(tmp_path, "groups", 3, ()) as out:
        out.add(Change(Op.UPSERT, "g", 3, 1))
        out.add(RelationChange(Op.UPSERT, "members", "g", "u", "#microsoft.graph.user", 3, 1))
        out.add(RelationChange(Op.REMOVE_HARD, "members", "g", "v", "", 3, 1))
    assert {path.name for path in tmp_path.iterdir()} == {members.name, "groups-round-000003.parquet"}
    place = {"_round": 3, "_seq": 1}
    assert pq.read_table(members).to_pylist() == [
        {"owner_id": "g", "member_id": "u", "member_type": "#microsoft.graph.user", "_op": "upsert", **place},
        {"owner_id": "g", "member_id": "v", "member_type": None, "_op": "remove_hard", **place},
    ]
