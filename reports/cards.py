"""Section cards: what the lab claims, what was measured, the criterion and why, the outcome, how to rerun."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from reports.figures.exhibits import AnyExhibit
from reports.figures.sections import exhibits
from reports.figures.series import SeriesError, read
from reports.margins import criterion, room
from reports.strips import Distribution, Strip, strip
from reports.text import THIN_SPACE, cut, number, percent, signed, visible
from reports.verdict import absent_cells, tensorflow
from suites.records import Measurement, Outcome, Records, Result
from suites.specification import SECTION, SECTIONS

MAX_MESSAGE = 1_000
MAX_NOTE = 400
MAX_NOTES = 12


@dataclass(frozen=True)
class Look:
    """How an outcome is shown: never by colour alone."""

    glyph: str
    word: str
    tone: str


LOOKS: Final[dict[Outcome, Look]] = {
    "passed": Look("✓", "passed", "pass"),
    "failed": Look("✗", "failed", "fail"),
    "missing": Look("∅", "missing", "fail"),
    "errored": Look("!", "errored", "warn"),
    "skipped": Look("–", "skipped", "mute"),
    "xfailed": Look("≈", "known failure", "warn"),
    "xpassed": Look("↑", "unexpectedly passed", "fail"),
}


@dataclass(frozen=True)
class MeasurementRow:
    """One quantity as it is shown."""

    quantity: str
    measured: str
    compared: str
    interval: str
    criterion: str
    why: str
    margin: str
    room: str
    ok: bool
    strip: Strip | None


@dataclass(frozen=True)
class CheckRow:
    """One cell: the check (and variant) of one run."""

    anchor: str
    cell: str
    statement: str
    run: str
    look: Look
    points: str
    rows: tuple[MeasurementRow, ...]
    message: str
    hint: str
    notes: tuple[str, ...]
    command: str
    seconds: str


@dataclass(frozen=True)
class Card:
    """One section of the lab."""

    id: str
    title: str
    claim: str
    source: str
    exhibits: tuple[AnyExhibit, ...]
    checks: tuple[CheckRow, ...]
    command: str
    tally: str
    look: Look


class Anchors:
    """Identifiers of cells within the page: readable, and unique whatever the variants are called."""

    def __init__(self) -> None:
        self._taken: Counter[str] = Counter()
        self._first: dict[str, str] = {}

    def new(self, cell: str) -> str:
        """The next identifier for `cell`."""
        slug = "check-" + re.sub(r"[^a-z0-9]+", "-", cell.lower()).strip("-")
        self._taken[slug] += 1
        anchor = slug if self._taken[slug] == 1 else f"{slug}-{self._taken[slug]}"
        if anchor != slug and self._taken[anchor]:
            return self.new(f"{cell}-")
        self._first.setdefault(cell, anchor)
        return anchor

    def first(self, cell: str) -> str | None:
        """The identifier of the first row of `cell`, or None."""
        return self._first.get(cell)


def cards(runs: Sequence[Records], anchors: Anchors) -> list[Card]:
    """A card for each section that any run has or expects, in the order of the lab; unknown ones last."""
    present = {cell.partition("/")[0] for run in runs for cell in _cells(run)}
    known = [section.id for section in SECTIONS if section.id in present]
    return [_card(section, runs, anchors) for section in (*known, *sorted(present - set(known)))]


def _cells(run: Records) -> list[str]:
    return [*run.header.expected, *(result.cell for result in run.results)]


def _card(section: str, runs: Sequence[Records], anchors: Anchors) -> Card:
    row = SECTION.get(section)
    checks = [check for run in runs for check in _check_rows(section, run, runs, anchors)]
    held = sum(check.look.tone == "pass" for check in checks)
    skipped = sum(check.look.tone == "mute" for check in checks)
    return Card(
        id=re.sub(r"[^a-z0-9]+", "-", section.lower()),
        title=row.title if row else section,
        claim=row.claim if row else "",
        source=f"lines {row.lines[0]}–{row.lines[1]} of the lab" if row else "",
        exhibits=tuple(exhibits(section, runs)),
        checks=tuple(checks),
        command=_section_command(section, runs),
        tally=f"{held} of {len(checks)}" + (f" · {skipped} skipped" if skipped else ""),
        look=_overall(checks),
    )


def _overall(checks: Sequence[CheckRow]) -> Look:
    worst_first: Sequence[Outcome] = ("failed", "missing", "xpassed", "errored", "xfailed", "passed")
    for outcome in worst_first:
        look = LOOKS[outcome]
        if any(check.look == look for check in checks):
            return look
    return LOOKS["skipped"]


def _section_command(section: str, runs: Sequence[Records]) -> str:
    """The command of the section's first check without the part that picks it."""
    for run in runs:
        for result in run.results:
            if result.section == section and result.command:
                return visible(re.sub(r"::[^\s]+", "", result.command, count=1))
    return ""


def _check_rows(section: str, run: Records, runs: Sequence[Records], anchors: Anchors) -> list[CheckRow]:
    label = run_label(run, runs.index(run)) if len(runs) > 1 else ""
    rows: list[CheckRow] = []
    stated: set[str] = set()
    for result in run.results:
        if result.section == section:
            rows.append(_check_row(result, run, label, anchors, repeat=result.check in stated))
            stated.add(result.check)
    rows += [_absent_row(cell, label, anchors) for cell in absent_cells(run) if cell.partition("/")[0] == section]
    return rows


def run_label(run: Records, position: int) -> str:
    """How a run is called where several stand in one report."""
    version = tensorflow([run])
    return f"run {position + 1}" + (f", {version}" if version else "")


def _check_row(result: Result, run: Records, label: str, anchors: Anchors, *, repeat: bool) -> CheckRow:
    """`repeat` leaves the statement out: the row above is another variant of the same check."""
    statement = result.statement or result.check.partition("/")[2].replace("-", " ")
    return CheckRow(
        anchor=anchors.new(result.cell),
        cell=result.cell,
        statement="" if repeat else visible(cut(statement, MAX_NOTE)),
        run=label,
        look=LOOKS[result.outcome],
        points=f"{number(result.points)} of {number(result.max_points)} points" if result.max_points else "",
        rows=tuple(_measurement_row(result, measurement, run) for measurement in result.measurements),
        message=visible(cut(result.message, MAX_MESSAGE)),
        hint=visible(cut(result.hint, MAX_NOTE)),
        notes=tuple(visible(cut(note, MAX_NOTE)) for note in result.notes[:MAX_NOTES]),
        command=visible(result.command),
        seconds=f"{number(result.seconds)} s" if result.seconds else "",
    )


def _absent_row(cell: str, label: str, anchors: Anchors) -> CheckRow:
    return CheckRow(
        anchor=anchors.new(cell),
        cell=cell,
        statement=visible(cell.partition("/")[2].replace("-", " ")),
        run=label,
        look=LOOKS["missing"],
        points="",
        rows=(),
        message="The run declared this check and left no result for it.",
        hint="",
        notes=(),
        command="",
        seconds="",
    )


def _measurement_row(result: Result, measurement: Measurement, run: Records) -> MeasurementRow:
    compared = ""
    if measurement.got is not None and measurement.expected is not None:
        compared = f"{number(measurement.got, 5)} against {number(measurement.expected, 5)}"
    interval = ""
    if measurement.interval is not None:
        low, high = (number(end) for end in measurement.interval)
        interval = f"95{THIN_SPACE}%: {low} … {high}"
    return MeasurementRow(
        quantity=visible(measurement.quantity),
        measured=cut(number(measurement.measured, 4), MAX_NOTE),
        compared=compared,
        interval=interval,
        criterion=visible(cut(criterion(measurement, number(measurement.limit, 4)), MAX_NOTE)),
        why=visible(cut(measurement.why, MAX_NOTE)),
        margin="" if measurement.margin is None else signed(measurement.margin, 2),
        room=_room(measurement),
        ok=measurement.ok,
        strip=strip(measurement, _distribution(result, measurement, run)),
    )


def _room(measurement: Measurement) -> str:
    left = room(measurement)
    if left is None:
        return ""
    return f"{percent(min(left, 1.0), 0)} left" if left >= 0 else f"{percent(-left, 0)} beyond"


def _distribution(result: Result, measurement: Measurement, run: Records) -> Distribution | None:
    """The calibration of this quantity, if the run carries one; one of the wrong shape is no calibration."""
    try:
        return read(run, f"{result.check}:distribution:{measurement.quantity}", Distribution)
    except SeriesError:
        return None
