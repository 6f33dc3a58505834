"""The conformance report: records in, one self-contained HTML file out.

A pure function of its input: no clock, no network, no machine; the same records give the same bytes. Reads without
JavaScript and fetches nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from reports import benchmarks as timings
from reports import matrix_page
from reports.cards import Anchors, cards, run_label
from reports.environment import environment
from reports.figures.exhibits import AnyExhibit, Plot
from reports.figures.sections import runtime_support
from reports.figures.timing import ecdf, timing
from reports.matrix import Leg
from reports.pages import MAX_BYTES, ReportError, save, templates
from reports.raw import MAX_BYTES as RAW_BYTES
from reports.raw import raw_lines
from reports.strips import HEIGHT, WIDTH, Distribution, Strip, WrongCase, strip
from reports.text import duration, moment, number, visible
from reports.verdict import judge, tensorflow
from suites.records import Measurement, Records, read

TITLE: Final = "Conformance and benchmark report"
LAB: Final = "TensorFlow and scikit-learn lab"


@dataclass(frozen=True)
class RatioRow:
    """One line of the table of ratios."""

    group: str
    bench: str
    baseline: str
    ratio: str
    span: str
    median: str
    baseline_median: str
    note: str


def render(
    records: Sequence[Records], benchmarks: Mapping[str, Any] | None = None, matrix: Sequence[Leg] = ()
) -> str:
    """The report as HTML.

    ``records`` are the runs to show, the first one first; several of them stand side by side. ``benchmarks`` is the
    decoded JSON of ``pytest --benchmark-json``, if there are any. ``matrix`` are the legs of the TensorFlow
    matrix, which informs and does not enter the verdict.

    Raises:
        ReportError: the report would exceed two million bytes even without the raw records.
        reports.benchmarks.BenchmarksError: ``benchmarks`` are not pytest-benchmark's.
    """
    page = _page(records, benchmarks) | matrix_page.parts(matrix)
    for budget in (RAW_BYTES // max(len(records), 1), 20_000):
        raw = [(_label(run, place, records), raw_lines(run, budget)) for place, run in enumerate(records)]
        html: str = _template().render(**page, raw=raw)
        if len(html.encode("utf-8")) <= MAX_BYTES:
            return html
    raise ReportError(
        f"The report would exceed {number(MAX_BYTES)} bytes: give fewer records files, or records of fewer checks."
    )


def write(records: Sequence[Path], path: Path, benchmarks: Path | None = None) -> None:
    """Read records files, and pytest-benchmark's JSON where there is one, and write the report to `path`.

    Raises:
        suites.records.RecordsError: a records file cannot be trusted.
        reports.benchmarks.BenchmarksError: the benchmarks cannot be read.
        ReportError: the report would be too large.
        OSError: the report cannot be written; nothing is left behind.
    """
    runs = [read(file) for file in records]
    save(path, render(runs, timings.load(benchmarks) if benchmarks else None))


def _page(records: Sequence[Records], benchmarks: Mapping[str, Any] | None) -> dict[str, Any]:
    anchors = Anchors()
    sections = cards(records, anchors)
    verdict = judge(records)
    groups = timings.groups(benchmarks) if benchmarks else []
    return {
        "title": TITLE,
        "lab": LAB,
        "verdict": verdict,
        "verdict_anchor": anchors.first(verdict.cell),
        "subjects": [_subject(run, place, records) for place, run in enumerate(records)],
        "cards": sections,
        "support": runtime_support(records),
        "timing": _timing(groups),
        "ratios": [row for group in groups for row in _ratio_rows(group)],
        "environment": environment(records),
        "example": _example(),
        "tensorflow": tensorflow(records),
    }


def _label(run: Records, place: int, records: Sequence[Records]) -> str:
    return run_label(run, place) if len(records) > 1 else "All records"


def _subject(run: Records, place: int, records: Sequence[Records]) -> str:
    parts = [
        run_label(run, place) if len(records) > 1 else tensorflow([run]),
        f"judged: {visible(run.header.implementation)}",
        moment(run.header.created),
    ]
    return " · ".join(filter(None, parts))


def _timing(groups: Sequence[timings.Group]) -> list[AnyExhibit]:
    shown: list[Plot] = []
    for place, group in enumerate(groups):
        shown.append(timing(group, f"timing-{place}"))
        curve = ecdf(group, f"timing-{place}-ecdf")
        if curve is not None:
            shown.append(curve)
    return list(shown)


def _ratio_rows(group: timings.Group) -> list[RatioRow]:
    return [
        RatioRow(
            group=group.name,
            bench=ratio.bench.label,
            baseline=group.baseline.label,
            ratio=f"{number(ratio.ratio)}×",
            span="one round each" if ratio.low == ratio.high else f"{number(ratio.low)} … {number(ratio.high)}",
            median=duration(ratio.bench.median),
            baseline_median=duration(group.baseline.median),
            note=ratio.bench.note,
        )
        for ratio in group.ratios()
    ]


def _example() -> Strip:
    """The strip that explains strips. Its numbers are no measurements."""
    measurement = Measurement(quantity="example", measured=2.4, criterion="≤ 4", ok=True, limit=4, margin=1.6)
    right = [1.2, 1.5, 1.7, 1.9, 2.3]
    wrong = [WrongCase("example", value) for value in (6.8, 7.6, 9.2)]
    drawn = strip(measurement, Distribution(right=[*right], wrong=wrong, limit=4, comparison="at most"))
    assert drawn is not None
    return drawn


def _template() -> Any:
    jinja = templates()
    jinja.globals.update(strip_width=WIDTH, strip_height=HEIGHT)
    return jinja.get_template("report.html.j2")
