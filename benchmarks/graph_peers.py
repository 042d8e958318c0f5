"""Microsoft's own SDK, run by a Python that has it; prints one JSON object. Not imported: a script of its own."""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import time
from pathlib import Path
from typing import Any

_ROWS = 10_000


async def _read(url: str, ca: str, token: str, names: list[str], out: Path) -> int:
    """Every user by `PageIterator` over the same pages of the delta function, written as they come."""
    import httpx
    import pyarrow as pa
    import pyarrow.parquet as pq
    from azure.core.credentials import AccessToken
    from kiota_abstractions.base_request_configuration import RequestConfiguration
    from kiota_authentication_azure.azure_identity_authentication_provider import AzureIdentityAuthenticationProvider
    from msgraph import GraphRequestAdapter, GraphServiceClient
    from msgraph.generated.users.delta.delta_request_builder import DeltaRequestBuilder
    from msgraph_core import GraphClientFactory
    from msgraph_core.tasks.page_iterator import PageIterator

    class Held:
        async def get_token(self, *_: Any, **__: Any) -> AccessToken:
            return AccessToken(token, int(time.time()) + 3600)

        async def close(self) -> None: ...

    kept = httpx.AsyncClient(verify=ssl.create_default_context(cafile=ca), timeout=60)
    access = AzureIdentityAuthenticationProvider(Held(), allowed_hosts=[])
    adapter = GraphRequestAdapter(access, GraphClientFactory.create_with_default_middleware(client=kept))
    adapter.base_url = url
    client = GraphServiceClient(request_adapter=adapter)
    attributes = {name: "".join(f"_{c.lower()}" if c.isupper() else c for c in name) for name in names}
    rows: list[dict[str, Any]] = []
    count, writer = 0, None

    def flush() -> None:
        nonlocal writer
        table = pa.Table.from_pylist(rows, schema=schema)
        writer = writer or pq.ParquetWriter(out / "sdk.parquet", schema, compression="zstd")
        writer.write_table(table)
        rows.clear()

    special = {"accountEnabled": pa.bool_(), "businessPhones": pa.list_(pa.string())}
    schema = pa.schema([(name, special.get(name, pa.string())) for name in names])

    def take(user: Any) -> bool:
        nonlocal count
        count += 1
        rows.append({name: getattr(user, attribute) for name, attribute in attributes.items()})
        if len(rows) >= _ROWS:
            flush()
        return True

    asked = DeltaRequestBuilder.DeltaRequestBuilderGetQueryParameters(select=names)
    first = await client.users.delta.get(RequestConfiguration(query_parameters=asked))
    await PageIterator(response=first, request_adapter=adapter).iterate(take)
    flush()
    if writer is not None:
        writer.close()
    return count


def main() -> None:
    """`graph_peers.py URL CA TOKEN NAMES FOLDER`."""
    url, ca, token, names, folder = sys.argv[1:]
    import msgraph.generated.users.delta.delta_request_builder  # noqa: F401  Imports are not counted.
    import pyarrow.parquet  # noqa: F401

    began, before = time.perf_counter(), time.process_time()
    rows = asyncio.run(_read(url, ca, token, names.split(","), Path(folder)))
    spent = {"seconds": time.perf_counter() - began, "cpu": time.process_time() - before}
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    print(json.dumps({**spent, "rows": rows, "child_mb": int(peak.split()[1]) // 1024}))


if __name__ == "__main__":
    main()
