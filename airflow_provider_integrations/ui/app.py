"""The FastAPI app of the pages, with all that it needs as arguments, so that it knows nothing of Airflow."""

# No `from __future__ import annotations`: FastAPI reads the annotations of the functions inside `make_app`.
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from upath import UPath

from airflow_provider_integrations.core.errors import ConfigError, IntegrationError
from airflow_provider_integrations.core.work_item import State
from airflow_provider_integrations.system import utc_now
from airflow_provider_integrations.ui import historian_page, pages
from airflow_provider_integrations.ui.docs_folder import docs_address, read_page, relative_page

__all__ = ["make_app"]

_MOST = 50
_MOST_ITEMS = 5_000
_OWN_PAGE = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}
# Data docs carry scripts: the sandbox gives them an origin of their own, so that they cannot act as the Airflow user.
_DOCS_PAGE = _OWN_PAGE | {
    "Content-Security-Policy": "sandbox allow-scripts allow-popups; connect-src 'none'; form-action 'none';"
    " default-src 'self' 'unsafe-inline' data:; frame-ancestors 'self'",
}


def make_app(
    *,
    may_read: Callable[..., Any],
    items: Callable[[], Any],
    docs: Callable[[], UPath],
    historian: Callable[[], Any] | None = None,
) -> FastAPI:
    """The app.

    Args:
        may_read: A FastAPI dependency that raises unless the caller may see the pages.
        items: Gives the ledger's items.
        docs: Gives the folder of the data docs.
        historian: Gives the ledger's progress and gaps of historians; without it there is no page of them.
    """
    app = FastAPI(dependencies=[Depends(may_read)], docs_url=None, redoc_url=None, openapi_url=None)

    @app.exception_handler(IntegrationError)
    def out_of_order(request: Request, error: IntegrationError) -> Response:
        return JSONResponse({"detail": str(error)}, status_code=503)

    def find(item_id: str) -> tuple[Any, list[Any]]:
        try:
            return items().get(item_id), list(items().history(item_id))
        except ConfigError:
            raise HTTPException(404, "There is no such work item.") from None

    # Plain functions: FastAPI runs them in threads, and the ledger blocks.
    @app.get("/items/{item_id}")
    def item(item_id: str, request: Request) -> Response:
        found, history = find(item_id)
        if "application/json" in request.headers.get("accept", ""):
            return JSONResponse(pages.item_json(found, history), headers=_OWN_PAGE)
        page = found.facts.get("docs")
        address = docs_address(_base(request), relative_page(docs(), page)) if page else None
        return HTMLResponse(pages.item_page(found, history, docs=address), headers=_OWN_PAGE)

    @app.get("/items")
    def some_items(request: Request, id: Annotated[list[str], Query(max_length=_MOST)]) -> Response:
        found = [find(item_id)[0] for item_id in id]
        return HTMLResponse(pages.items_page(found, base=f"{_base(request)}/items"), headers=_OWN_PAGE)

    @app.get("/historian/{source}")
    def backfills(source: str, request: Request) -> Response:
        states = [state for state in State if state is not State.DUPLICATE]
        found = items().list(source, states, limit=_MOST_ITEMS)
        if historian is None or not (known := [item for item in found if item.path.startswith("historian/")]):
            raise HTTPException(404, "There are no backfills of a source of that name.")
        runs = historian_page.runs_of(known, historian().progress(source), utc_now())
        gaps = historian().gaps(source)
        if "application/json" in request.headers.get("accept", ""):
            return JSONResponse(historian_page.historian_json(runs, gaps), headers=_OWN_PAGE)
        return HTMLResponse(historian_page.historian_page(source, runs, gaps), headers=_OWN_PAGE)

    @app.get("/docs/{page:path}")
    def docs_page(page: str) -> Response:
        found = read_page(docs(), page)
        if found is None:
            raise HTTPException(404, "There is no such page.")
        return Response(found[0], media_type=found[1], headers=_DOCS_PAGE)

    @app.get("/docs")
    def some_docs(request: Request, page: Annotated[list[str], Query(max_length=_MOST)]) -> Response:
        links = [(docs_address(_base(request), one), one) for one in page]
        return HTMLResponse(pages.link_list("Data docs", links), headers=_OWN_PAGE)

    return app


def _base(request: Request) -> str:
    """Where the app is mounted, also behind a proxy that takes off a part of the path."""
    base: str = request.scope.get("root_path", "")
    return base.rstrip("/")
