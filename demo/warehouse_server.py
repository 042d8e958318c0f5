"""fakesnow as the local Snowflake, a process of its own: `python -m demo.warehouse_server FOLDER PORT`.

fakesnow's own command serves from memory only; here every database is a DuckDB file in the folder and outlives the
process.
"""

from __future__ import annotations

import importlib
import sys
import tempfile
from pathlib import Path
from typing import Any

__all__ = ["main"]


def main() -> None:
    """Serve until ended."""
    folder, port = Path(sys.argv[1]), int(sys.argv[2])
    stages = folder / "stages"
    stages.mkdir(parents=True, exist_ok=True)
    tempfile.tempdir = str(stages)  # fakesnow makes its stage folder here when it is imported.

    import uvicorn
    from fakesnow.instance import FakeSnow

    server: Any = importlib.import_module("fakesnow.server")  # The package has a function of the same name.
    server.shared_fs = FakeSnow(db_path=folder)
    uvicorn.run(server.app, host="127.0.0.1", port=port, log_level="warning")


if __name__ == "__main__":
    main()
