"""The accepted sets of an X12 stream: read a second time, each looked up in the verdict on its interchange."""

from __future__ import annotations

from collections.abc import Callable

from airflow_provider_integrations.connectors.edi.accepted import (
    AcceptedSet,
    Ahead,
    Envelope,
    Level,
    Reading,
    SetVerdict,
    changed,
    level_number,
)
from airflow_provider_integrations.connectors.edi.documents import GuideBook
from airflow_provider_integrations.connectors.edi.model import Finding, Syntax
from airflow_provider_integrations.connectors.edi.turns import Turns
from airflow_provider_integrations.connectors.edi.x12_codes import KNOWN_SETS
from airflow_provider_integrations.connectors.edi.x12_envelope import Interchange, SetRead
from airflow_provider_integrations.connectors.edi.x12_scan import scan
from airflow_provider_integrations.connectors.edi.x12_verdict import Policy, Verdict, judge, judge_set

__all__ = ["read_x12"]

_WORDS = {"A": "accepted", "E": "accepted_with_errors", "R": "rejected"}


def read_x12(
    documents: Ahead,
    turns: Turns,
    book: GuideBook,
    take: Callable[[AcceptedSet], None],
    reading: Reading,
) -> None:
    """Give each accepted set of one turn to `take`.

    Args:
        documents: The interchanges, from the first reading; drawn on no sooner than needed.
        turns: The stream, the second time.
        book: Which guide is of which set.
        take: Called with each set, in order.
        reading: What is refused is told to it.

    Raises:
        TransientError: when the two readings differ.
    """
    judged: _Judged | None = None
    expected = reading.accepted

    def advance(until: int | None) -> bool:
        nonlocal judged, expected
        document = documents.see()
        if not isinstance(document, Interchange) or (until is not None and document.offset >= until):
            return False
        judged = _Judged(document, reading.numbers, reading)
        reading.numbers = judged.end
        if reading.hear is not None:
            judged.tell_all(reading.hear, book, reading.places)
        reading.places += 1
        expected += judged.accepted
        documents.take()
        return True

    def visit(found: SetRead) -> list[Finding]:
        while judged is None or judged.interchange.offset < found.interchange:
            if not advance(None):
                raise changed()
        if judged.interchange.offset != found.interchange or found.group >= len(judged.starts):
            raise changed()
        if judged.accepts(found):
            header = judged.interchange.header
            envelope = Envelope(
                "/".join(header.sender), "/".join(header.receiver), header.usage, header.control,
                found.header.control, found.control, judged.starts[found.group] + found.index + 1,
            )  # fmt: skip
            guide = book.find(Syntax.X12, found.set_id, found.convention or found.header.version)
            reading.accepted += 1
            take(AcceptedSet(envelope, guide, found.segments(), found.delimiters, "latin-1", len(found.raw)))
        return []

    for _ in scan(turns, visit=visit, wanted=book.names(Syntax.X12) | KNOWN_SETS):
        pass
    while advance(turns.until):
        pass
    if reading.accepted != expected:
        raise changed()


class _Judged:
    """The X12 interchange that the second reading is in: which of its sets are accepted."""

    def __init__(self, interchange: Interchange, before: int, reading: Reading) -> None:
        self.interchange = interchange
        self.verdict: Verdict = judge(interchange, Policy())
        self.starts: list[int] = []
        control = interchange.header.control
        refused = self.verdict.status == "R"
        count = 0
        for at, group in enumerate(interchange.groups):
            self.starts.append(before + count)
            count += len(group.sets)
            if refused:
                continue
            name = {"interchange": control, "group": group.header.control}
            if self.verdict.groups[at].is_refused_whole:
                reading.tell(group.findings, **name, sets=len(group.sets))
                continue
            for index, one in group.sets.flawed.items():
                if not self._passes(one.findings, at):
                    number = self.starts[at] + index + 1
                    what = {"type": one.set_id, "control": one.control, "number": number}
                    reading.tell(one.findings, **name, **what)
        if refused:
            reading.tell(interchange.findings, interchange=control, sets=count)
        self.end = before + count
        self.accepted = sum(group.accepted for group in self.verdict.groups)
        reading.refused += count - self.accepted

    def accepts(self, found: SetRead) -> bool:
        """Whether this set of it is."""
        if self.verdict.status == "R" or self.verdict.groups[found.group].is_refused_whole:
            return False
        flawed = self.interchange.groups[found.group].sets.flawed.get(found.index)
        return flawed is None or self._passes(flawed.findings, found.group)

    def tell_all(self, hear: Callable[[SetVerdict], None], book: GuideBook, place: int) -> None:
        """The verdict on the interchange, on each of its groups, and on each of their sets."""
        verdict, groups = self.verdict, self.interchange.groups
        refused = verdict.status == "R"
        sets = sum(len(group.sets) for group in groups)
        findings = self.interchange.findings
        hear(SetVerdict(Level.INTERCHANGE, level_number(place), _WORDS[verdict.status], findings=findings, sets=sets))
        for at, group in enumerate(groups):
            header, outcome = group.header, None if refused else verdict.groups[at]
            whole = outcome is None or outcome.is_refused_whole
            word = _WORDS["R" if whole else judge_set(group.findings, header.version, Policy())[0]]
            hear(
                SetVerdict(
                    Level.GROUP, level_number(place, at), word, header.control, version=header.version,
                    findings=group.findings, sets=len(group.sets),
                )
            )  # fmt: skip
            named: dict[tuple[str, str], str | None] = {}
            for one in group.sets:
                key = (one.set_id, one.convention)
                if key not in named:
                    found = book.find(Syntax.X12, one.set_id, one.convention or header.version)
                    named[key] = None if found is None else found.name
                status = "R" if whole else judge_set(one.findings, header.version, Policy())[0] if one.findings else "A"
                number = self.starts[at] + one.index + 1
                hear(
                    SetVerdict(
                        Level.SET, number, _WORDS[status], header.control, one.control, one.set_id, header.version,
                        named[key], one.findings,
                    )
                )  # fmt: skip

    def _passes(self, findings: tuple[Finding, ...], group: int) -> bool:
        return judge_set(findings, self.interchange.groups[group].header.version, Policy())[0] != "R"
