"""Airflow's REST API, as far as the demo needs it: is it up, is the DAG there, start it, watch it."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from demo.home import DemoError

__all__ = ["AirflowApi", "AnswerError", "Task"]

_TRIES = 6
ENDED = frozenset({"success", "failed", "upstream_failed", "skipped", "removed"})


@dataclass(frozen=True, slots=True)
class Task:
    """One task instance; `index` is -1 for one that is not mapped."""

    name: str
    index: int
    state: str
    attempt: int

    @property
    def ended(self) -> bool:
        """Whether this try was the last."""
        return self.state in ENDED

    @property
    def retrying(self) -> bool:
        """Whether it failed and waits for its next try."""
        return self.state == "up_for_retry"

    @property
    def ended_badly(self) -> bool:
        """Whether it failed by itself."""
        return self.state == "failed"


class AnswerError(DemoError):
    """Airflow has answered, but not with what was asked for."""

    def __init__(self, code: int, what: str) -> None:
        super().__init__(f"Airflow answers {code} to {what}")
        self.code = code


class AirflowApi:
    """A client that logs in as `admin` and again when its token has run out.

    Args:
        url: Such as `http://127.0.0.1:8080`.
        password: Asked for at each login, since Airflow makes it while it starts.
    """

    def __init__(self, url: str, password: Callable[[], str | None]) -> None:
        self.url = url
        self._password = password
        self._token: str | None = None
        # No proxy stands between a machine and itself.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def is_up(self) -> bool:
        """Whether every component of Airflow says that it is well."""
        try:
            health = self._send("GET", "/api/v2/monitor/health", token=None)
        except (DemoError, OSError, ValueError):
            return False
        parts = ("metadatabase", "scheduler", "triggerer", "dag_processor")
        return all(health.get(part, {}).get("status") == "healthy" for part in parts)

    def dag(self, dag_id: str) -> dict[str, Any] | None:
        """The DAG, or None while it is not parsed yet."""
        try:
            return self.call("GET", f"/dags/{dag_id}")
        except AnswerError as error:
            if error.code == 404:
                return None
            raise

    def import_errors(self) -> list[str]:
        """What kept DAG files from being read."""
        found = self.call("GET", "/importErrors")["import_errors"]
        return [f"{entry['filename']}: {entry['stack_trace'].strip()}" for entry in found]

    def unpause(self, dag_id: str) -> None:
        """Let the scheduler run the DAG."""
        self.call("PATCH", f"/dags/{dag_id}", {"is_paused": False})

    def trigger(self, dag_id: str, conf: dict[str, Any], run_id: str) -> None:
        """Start one run; asked twice for the same `run_id`, it starts one."""
        try:
            self.call("POST", f"/dags/{dag_id}/dagRuns", {"dag_run_id": run_id, "logical_date": None, "conf": conf})
        except AnswerError as error:
            if error.code != 409:
                raise

    def run_state(self, dag_id: str, run_id: str) -> str:
        """`queued`, `running`, `success` or `failed`."""
        return str(self.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}")["state"])

    def active_runs(self, dag_id: str) -> list[str]:
        """Runs that an earlier demo left behind."""
        found = self.call("GET", f"/dags/{dag_id}/dagRuns?state=queued&state=running")["dag_runs"]
        return [str(run["dag_run_id"]) for run in found]

    def end_run(self, dag_id: str, run_id: str) -> None:
        """Give up a run; its tasks are ended."""
        self.call("PATCH", f"/dags/{dag_id}/dagRuns/{run_id}", {"state": "failed"})

    def tasks(self, dag_id: str, run_id: str) -> list[Task]:
        """All task instances of a run."""
        found = self.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances?limit=500")["task_instances"]
        return [Task(t["task_id"], t["map_index"], t["state"] or "waiting", t["try_number"] or 0) for t in found]

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """One call of the public API; a server that is too busy to answer is asked again, since all calls repeat."""
        for attempt in range(_TRIES):
            try:
                if self._token is None:
                    credentials = {"username": "admin", "password": self._password()}
                    self._token = str(self._send("POST", "/auth/token", credentials, token=None)["access_token"])
                return self._send(method, f"/api/v2{path}", body, token=self._token)
            except AnswerError as error:
                if error.code != 401 or attempt:
                    raise
                self._token = None
            except OSError as error:
                last = error
                time.sleep(1 + attempt)
        raise DemoError(f"Airflow does not answer {method} {path}: {last}")

    def _send(self, method: str, path: str, body: Any = None, *, token: str | None) -> dict[str, Any]:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, headers=headers, method=method)  # noqa: S310 loopback
        try:
            with self._opener.open(request, timeout=30) as answer:
                content: dict[str, Any] = json.load(answer)
                return content
        except urllib.error.HTTPError as error:
            raise AnswerError(error.code, f"{method} {path}: {error.read(500)!r}") from None
