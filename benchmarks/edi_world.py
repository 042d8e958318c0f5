"""Documents of any size, and the ways to read them that are compared."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.machine import clock

__all__ = ["ours", "ours_edifact", "peer", "split_floor", "write_enrolment", "write_orders", "write_purchases"]

INCLUDE = Path(__file__).parents[1] / "include"
_CHUNK = 1 << 20
_NOW = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


def _isa(repetition: str, version: str) -> str:
    parties = "*ZZ*ACME           *ZZ*HUB            "
    return f"ISA*00*          *00*          {parties}*260102*0304*{repetition}*{version}*000000007*0*P*:~"


def write_purchases(path: Path, segments: int) -> int:
    """An interchange of 850s with 40 segments each; how many segments it has."""
    sets = max(1, segments // 40)
    lines = "".join(f"PO1*{n}*10*EA*9.95**VN*A{n}*BP*B{n}~PID*F****Widget number {n}~" for n in range(1, 19))
    with path.open("w") as out:
        out.write(_isa("U", "00401") + "GS*PO*ACME*HUB*20260102*0304*7*X*004010~")
        for n in range(1, sets + 1):
            out.write(f"ST*850*{n:04d}~BEG*00*SA*PO-{n}**20260102~{lines}CTT*18~SE*40*{n:04d}~")
        out.write(f"GE*{sets}*7~IEA*1*000000007~")
    return 40 * sets + 4


def write_enrolment(path: Path, segments: int) -> int:
    """An 834 of 005010X220A1 that pyx12 accepts."""
    members = max(1, segments // 11)
    head = ["ST*834*0001*005010X220A1~", "BGN*00*12456*20260102*0304*ES***2~", "REF*38*ABCD012354~",
            "N1*P5*ACME*FI*999888777~", "N1*IN*HUB*FI*654456654~"]  # fmt: skip
    with path.open("w") as out:
        out.write(_isa("^", "00501") + "GS*BE*ACME*HUB*20260102*0304*7*X*005010X220A1~" + "".join(head))
        for n in range(members):
            out.write(
                f"INS*Y*18*021*20*A***FT~REF*0F*{100000000 + n}~REF*1L*123456001~DTP*356*D8*20250520~"
                f"NM1*IL*1*DOE*JOHN*P***34*{100000000 + n}~PER*IP**HP*7172343334*WP*7172341240~N3*100 MARKET ST*APT 3G~"
                "N4*CAMP HILL*PA*17011**CY*CUMBERLAND~DMG*D8*19400816*M~HD*021**HLT~DTP*348*D8*20250601~"
            )
        out.write(f"SE*{11 * members + 6}*0001~GE*1*7~IEA*1*000000007~")
    return 11 * members + 10


def write_orders(path: Path, segments: int) -> int:
    """An interchange of ORDERS D.96A with 40 segments each."""
    messages = max(1, segments // 40)
    lines = "".join(f"LIN+{n}++590000{n:04d}:EN'QTY+21:10'PRI+AAA:9.95'" for n in range(1, 12))
    with path.open("w") as out:
        out.write("UNB+UNOA:3+ACME:14+HUB:14+260102:0304+7'")
        for n in range(1, messages + 1):
            out.write(f"UNH+{n}+ORDERS:D:96A:UN'BGM+220+{n}+9'DTM+137:20260102:102'NAD+BY+1::9'NAD+SU+2::9'{lines}"
                      f"UNS+S'UNT+40+{n}'")  # fmt: skip
        out.write(f"UNZ+{messages}+7'")
    return 40 * messages + 2


def split_floor(path: str) -> dict[str, Any]:
    """The floor: every segment and element of the whole text, and nothing looked at."""
    text = Path(path).read_text()
    with clock() as spent:
        segments = [segment.split("*") for segment in text.split("~")]
    return {**spent, "segments": len(segments) - 1}


def ours(path: str, kind: str, guide: str) -> dict[str, Any]:
    """Check a stream and write its acknowledgement; by a guide, or by envelope and syntax alone."""
    from airflow_provider_integrations.connectors.edi.answering import answer
    from airflow_provider_integrations.connectors.edi.documents import GuideBook, Outcome, outcome, read_documents
    from airflow_provider_integrations.connectors.edi.x12_envelope import Interchange
    from airflow_provider_integrations.include import read_guides

    book = GuideBook((read_guides(INCLUDE, guide),)) if guide else None
    with clock() as spent:
        (document,) = read_documents(_chunks(path), book)
        with Path(os.devnull).open("wb") as out:
            out.writelines(answer(document, kind, _NOW, 1))
    assert outcome(document) is Outcome.ACCEPTED
    assert isinstance(document, Interchange)
    return {**spent, "segments": document.segments}


def ours_edifact(path: str) -> dict[str, Any]:
    """Every message with its segments, the envelope checked."""
    from airflow_provider_integrations.connectors.edi.parsing import read_sets

    with clock() as spent:
        segments = sum(len(found.segments) for found in read_sets(_chunks(path)))
    return {**spent, "segments": segments + 2}


def peer(python: str, way: str, path: str) -> dict[str, Any]:
    """A way of another package, by that package's own Python; it tells its seconds, segments and memory itself."""
    script = Path(__file__).with_name("edi_peers.py")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run([python, script, way, path], check=True, capture_output=True, text=True, env=environment)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def _chunks(path: str) -> Iterator[bytes]:
    with Path(path).open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            yield chunk
