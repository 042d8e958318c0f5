"""A server on port 0 that takes events as PagerDuty's Events API v2 does.

It checks what https://developer.pagerduty.com/docs/events-api-v2/trigger-events/ demands of an event, answers as
https://developer.pagerduty.com/docs/events-api-v2/overview/ says, and keeps which alerts are open: a second trigger of an open
key adds nothing, one after its resolution opens another, and a resolution of what is not open is dropped.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ROUTING_KEY = "0123456789abcdef0123456789canary"
_SEVERITIES = {"critical", "error", "warning", "info"}


class EventsApi:
    """What the server was sent, and what it is to answer instead of taking an event."""

    def __init__(self) -> None:
        self.url = ""
        self.requests = 0
        self.taken: list[dict[str, Any]] = []
        self.opened: set[str] = set()
        self.incidents = 0
        self.answers: list[tuple[int, dict[str, str]]] = []
        self.lock = threading.Lock()

    def take(self, path: str, content_type: str, body: bytes) -> tuple[int, dict[str, str], dict[str, Any]]:
        """Status, headers and body of the answer to one request."""
        with self.lock:
            self.requests += 1
            if self.answers:
                return *self.answers.pop(0), {"message": "as the test asks"}
            if path != "/v2/enqueue":
                return 404, {}, {"message": "Not Found"}
            if len(body) > 512 * 1024:
                return 413, {}, {"message": "Payload Too Large"}
            try:
                event = json.loads(body)
                errors = list(_errors(event))
            except ValueError:
                errors = ["JSON cannot be parsed"]
            if "json" not in content_type:
                errors.append("not JSON")
            if errors:
                return 400, {}, {"status": "invalid event", "message": "Event object is invalid", "errors": errors}
            key = event["dedup_key"]
            if event["event_action"] == "resolve":
                self.opened.discard(key)
            elif key not in self.opened:
                self.opened.add(key)
                self.incidents += 1
            self.taken.append(event)
            return 202, {}, {"status": "success", "message": "Event processed", "dedup_key": key}


def _errors(event: dict[str, Any]) -> Iterator[str]:
    if len(event.get("routing_key", "")) != 32:
        yield "Length of 'routing_key' is incorrect (should be 32 characters)"
    action = event.get("event_action")
    if action not in {"trigger", "acknowledge", "resolve"}:
        yield "'event_action' is invalid"
    if not 0 < len(event.get("dedup_key", "")) <= 255:
        yield "'dedup_key' is missing or too long"
    if action != "trigger":
        return
    payload = event.get("payload", {})
    if not 0 < len(payload.get("summary", "")) <= 1024:
        yield "'payload.summary' is missing or too long"
    if not payload.get("source"):
        yield "'payload.source' is missing or blank"
    if payload.get("severity") not in _SEVERITIES:
        yield "'payload.severity' is invalid"


@contextmanager
def events_api() -> Iterator[EventsApi]:
    """The server, until the block ends."""
    api = EventsApi()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, headers, said = api.take(self.path, self.headers.get("Content-Type", ""), body)
            answer = json.dumps(said).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(answer))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: Any) -> None:
            """Keep the test's output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    api.url = f"http://127.0.0.1:{server.server_port}/v2/enqueue"
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
