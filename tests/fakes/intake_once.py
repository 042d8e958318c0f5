"""Takes in what a chain's inbox holds, alone in a process, and prints what became of it and the peak of its memory.

`python -m tests.fakes.intake_once < chain.json`
"""

from __future__ import annotations

import asyncio
import json
import sys

from tests.fakes.chain import Chain
from tests.fakes.memory import peak_kib


def main() -> None:
    chain = Chain(**json.load(sys.stdin))
    from airflow_provider_integrations.connectors.sftp_pgp.discover import look_once
    from airflow_provider_integrations.connectors.sftp_pgp.intake import take_in

    job, _ = chain.jobs()
    found = asyncio.run(look_once(job))
    outcomes = asyncio.run(take_in(job, [item.id for item in found.pending]))
    print(json.dumps({"outcomes": [[o.state, o.reason, o.rows_landed] for o in outcomes], "peak_kib": peak_kib()}))


if __name__ == "__main__":
    main()
