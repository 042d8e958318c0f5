"""The shipped guides, and one real-looking document for each, for the tests of this folder."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from airflow_provider_integrations.connectors.edi.guide import Guides
from airflow_provider_integrations.connectors.edi.guide_rules import Guide
from airflow_provider_integrations.connectors.edi.model import Delimiters, Finding, Segment, Syntax
from airflow_provider_integrations.connectors.edi.segment_check import divide
from airflow_provider_integrations.include import read_guides

REPOSITORY = Path(__file__).parents[4]
GOLDEN = REPOSITORY / "tests" / "golden" / "edi" / "guided"
X12 = Delimiters("*", ">", "~", "^")
EDIFACT = Delimiters("+", ":", "'", None, "?", ",")

NAMES = {
    "850": "x12_850",
    "810": "x12_810",
    "855": "x12_855",
    "856": "x12_856",
    "orders": "edifact_orders_d96a",
    "invoic": "edifact_invoic_d96a",
}
"""The shipped guides by the golden document of each."""


@cache
def guides(name: str) -> Guides:
    return read_guides(REPOSITORY / "include", name)


def guide(document: str, version: str | None = None) -> Guide:
    """The guide of a golden document, in its first version unless another is asked for."""
    found = guides(NAMES[document])
    return found.of(version or next(iter(found.versions)))


def signs(of: Guide) -> Delimiters:
    return X12 if of.syntax is Syntax.X12 else EDIFACT


def text(document: str) -> str:
    return (GOLDEN / f"{document}.edi").read_text(encoding="latin-1")


def split(body: str, delimiters: Delimiters) -> list[Segment]:
    """Segments of well-formed text."""
    segments = []
    for number, part in enumerate(divide(body, delimiters.terminator, delimiters.release)[:-1], 1):
        tag, *elements = divide(part, delimiters.element, delimiters.release)
        segments.append(Segment(tag, tuple(elements), number, 0))
    return segments


def briefly(findings: list[Finding]) -> list[str]:
    """Findings as `code TAG position[.element[.component]]`."""
    shown = []
    for finding in findings:
        where = [finding.position, finding.element, finding.component]
        shown.append(f"{finding.code} {finding.segment} {'.'.join(str(at) for at in where if at is not None)}")
    return shown
