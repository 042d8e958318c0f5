"""pyx12 and pydifact, run by a Python that has them; prints one JSON object. Not imported: a script of its own."""

from __future__ import annotations

import io
import json
import sys
import time
from pathlib import Path


def main() -> None:
    """`edi_peers.py pyx12_reader|pyx12_valid|pydifact FILE`."""
    way, path = sys.argv[1:]
    began = time.perf_counter()
    segments = {"pyx12_reader": _reader, "pyx12_valid": _valid, "pydifact": _pydifact}[way](path)
    seconds = time.perf_counter() - began
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    print(json.dumps({"seconds": seconds, "segments": segments, "child_mb": int(peak.split()[1]) // 1024}))


def _reader(path: str) -> int:
    """Envelope only, as its own documentation reads a file."""
    import pyx12.x12file

    with Path(path).open() as stream:
        return sum(1 for _ in pyx12.x12file.X12Reader(stream))


def _valid(path: str) -> int:
    """What its command `x12valid` does: by guide, with a 999 at the end."""
    import pyx12.params
    import pyx12.x12n_document

    with Path(path).open() as stream:
        if not pyx12.x12n_document.x12n_document(pyx12.params.params(), stream, io.StringIO(), None, None):
            raise SystemExit("x12valid does not accept the document")
    return Path(path).read_text().count("~")


def _pydifact(path: str) -> int:
    """Messages with their segments."""
    from pydifact.segmentcollection import Interchange

    interchange = Interchange.from_str(Path(path).read_text())
    return sum(len(message.segments) + 2 for message in interchange.get_messages()) + 2


if __name__ == "__main__":
    main()
