"""A summary in Markdown, short enough for the summary page of a CI step."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from reports.cards import LOOKS, run_label
from reports.margins import criterion
from reports.text import cut, moment, number, visible
from reports.verdict import FAILING, absent_cells, judge, tensorflow
from suites.records import Records, Result
from suites.specification import SECTION, SECTIONS

MAX_BYTES: Final = 2**20
MAX_MESSAGE: Final = 600
_SIGNIFICANT = re.compile(r"([\\`*_{}\[\]()<>#+!|~@&$])")


def markdown(records: Sequence[Records]) -> str:
    """The summary: verdict, counts, a table of the sections, and every cell that does not hold with its reason.

    At most one mebibyte; where the list of cells has to be cut, it says how many are left out.
    """
    verdict = judge(records)
    head = [
        f"# {verdict.word}",
        "",
        escape(verdict.text),
        "",
        " · ".join(f"**{count.number}** {count.word}" for count in verdict.counts)
        + (f" · **{verdict.points:g}** of {verdict.max_points:g} points" if verdict.max_points else ""),
        "",
        *(line for place, run in enumerate(records) for line in _sections(run, place, len(records))),
    ]
    lines = list(_troubles(records))
    foot = ["", *(f"{escape(_origin(run))}  " for run in records), ""]
    kept, room = [], MAX_BYTES - len("\n".join([*head, *foot]).encode()) - 200
    for number_kept, line in enumerate(lines):
        room -= len(line.encode()) + 1
        if room < 0:
            kept.append(f"- … and {number(len(lines) - number_kept)} more lines: see the report.")
            break
        kept.append(line)
    return "\n".join([*head, *kept, *foot])


def escape(text: str) -> str:
    """`text` on one line, with nothing in it that Markdown or HTML would take for markup."""
    return (
        _SIGNIFICANT.sub(r"\\\1", visible(text))
        .replace("\\&", "&amp;")
        .replace("\\<", "&lt;")
        .replace("\\@", "&#64;")
    )


def _sections(run: Records, place: int, runs: int) -> Iterator[str]:
    if runs > 1:
        yield f"## {escape(run_label(run, place))}"
        yield ""
    yield "| section | hold | do not hold | skipped | other |"
    yield "|---|--:|--:|--:|--:|"
    absent = absent_cells(run)
    present = dict.fromkeys([*(r.section for r in run.results), *(cell.partition("/")[0] for cell in absent)])
    known = [section.id for section in SECTIONS if section.id in present]
    for section in (*known, *sorted(set(present) - set(known))):
        outcomes = [result.outcome for result in run.results if result.section == section]
        outcomes += ["missing" for cell in absent if cell.partition("/")[0] == section]
        failing = sum(outcome in FAILING for outcome in outcomes)
        other = sum(outcome in {"errored", "xfailed"} for outcome in outcomes)
        title = SECTION[section].title if section in SECTION else section
        numbers = outcomes.count("passed"), failing, outcomes.count("skipped"), other
        yield f"| {escape(title)} | {' | '.join(map(str, numbers))} |"
    yield ""


def _troubles(records: Sequence[Records]) -> Iterator[str]:
    for place, run in enumerate(records):
        label = f" ({escape(run_label(run, place))})" if len(records) > 1 else ""
        for result in run.results:
            if result.outcome != "passed":
                yield f"- {_said(result)}{label}"
        for cell in absent_cells(run):
            yield f"- ∅ **{escape(cell)}** missing: the run declared it and left no result{label}"


def _said(result: Result) -> str:
    look = LOOKS[result.outcome]
    reason = result.message or "; ".join(
        f"{m.quantity} {number(m.measured, 4)}, should be {criterion(m, number(m.limit, 4))}"
        for m in result.measurements
        if not m.ok
    )
    said = f": {escape(cut(reason, MAX_MESSAGE))}" if reason else ""
    return f"{look.glyph} **{escape(result.cell)}** {look.word}{said}"


def _origin(run: Records) -> str:
    parts = [
        tensorflow([run]),
        f"judged: {run.header.implementation}",
        moment(run.header.created),
        f"tflab {run.header.tflab}",
    ]
    return cut(" · ".join(filter(None, parts)), MAX_MESSAGE)
