"""What the service works out says that it is no reading."""

from __future__ import annotations

import pytest

from airflow_provider_integrations.connectors.historian.model import Span, Tag, WindowTooLargeError, to_iso
from airflow_provider_integrations.connectors.historian.pi_calls import Call, Interpolated, Plot, Summary, calculated
from airflow_provider_integrations.connectors.historian.pi_find import look_up
from airflow_provider_integrations.connectors.historian.pi_model import Limits
from airflow_provider_integrations.core.errors import IntegrationError, TransientError
from tests.fakes.pi.archive import SECOND
from tests.fakes.pi.held import BEGIN, ROOT, Held, ramp
from tests.fakes.pi.service import PiService, Reply

SPAN = Span(BEGIN, BEGIN + 10 * SECOND)


def _called(service: PiService, call: Call) -> Held:
    held = Held(service)
    [stream] = held.hold(look_up([Tag("a", r"\\PISRV\A")], Limits(ROOT)))
    held.hold(calculated(stream, SPAN, call))
    return held


@pytest.mark.parametrize(
    ("call", "detail", "rows", "query"),
    [
        (Interpolated("1s"), "interpolated", 10, {"interval": ["1s"]}),
        (Plot(5), "plot", 10, {"intervals": ["5"]}),
        (
            Summary("Average", "1h"),
            "summary:average",
            1,
            {"summaryType": ["Average"], "summaryDuration": ["1h"], "calculationBasis": ["TimeWeighted"]},
        ),
    ],
)
def test_what_is_worked_out_says_so(call: Call, detail: str, rows: int, query: dict[str, list[str]]) -> None:
    service = PiService()
    service.archive.add(r"\\PISRV\A", ramp(20))
    [page] = _called(service, call).pages
    assert page.samples.column("quality_detail").to_pylist() == [detail] * rows
    assert (page.tag, page.read_to) == ("a", SPAN.end)
    assert {name: value for name, value in service.calls[-1].query.items() if name in query} == query


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply.error(400, "Parameter interval is greater than the maximum allowed (150000)."), WindowTooLargeError),
        (Reply(200, b'{"Items":null}'), TransientError),
        (Reply(200, b'{"Errors":["x"],"Items":[]}'), TransientError),
        (Reply(200, b'{"Items":[{"Timestamp":"2020-01-01T00:00:00Z","Value":1,"Good":true}]}'), TransientError),
        (Reply.error(409, "not supported"), IntegrationError),
    ],
)
def test_what_is_not_given_is_told_with_its_window(reply: Reply, kind: type[IntegrationError]) -> None:
    service = PiService()
    service.archive.add(r"\\PISRV\A", ramp(20))
    service.faults.append(lambda call: reply if "streams" in call.path else None)
    with pytest.raises(kind) as caught:
        _called(service, Interpolated())
    assert (caught.value.values["tag"], caught.value.values["unread_to"]) == ("a", to_iso(SPAN.end))
