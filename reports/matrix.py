"""The TensorFlow matrix: a row for each leg that is listed, whatever became of it, and a cell for each section."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from reports.cards import LOOKS, MAX_MESSAGE, Look
from reports.margins import criterion
from reports.text import cut, listing, number, plural, visible
from reports.verdict import FAILING, absent_cells
from suites.records import Outcome, Records, Result
from suites.score import scores
from suites.specification import CHECKS, SECTIONS

Trouble = Literal["skipped", "not installed", "broke off", "unusable", "not run"]
"""Why a leg has no records: its Python is not here; installing failed; the run did not come to its end; the records
are not whole or are another leg's; nobody ran it."""

TROUBLE: Final[dict[Trouble, Look]] = {
    "skipped": Look("–", "skipped", "mute"),
    "not installed": Look("✗", "not installed", "fail"),
    "broke off": Look("✗", "broke off", "fail"),
    "unusable": Look("!", "unusable", "fail"),
    "not run": Look("∅", "not run", "fail"),
}
HOLDS: Final = Look(LOOKS["passed"].glyph, "holds", "pass")
FAILS: Final = Look(LOOKS["failed"].glyph, "fails", "fail")
WORST_FIRST: Final[Sequence[Outcome]] = ("failed", "missing", "xpassed", "errored", "xfailed", "passed", "skipped")
MAX_MEASUREMENTS: Final = 4


@dataclass(frozen=True)
class Leg:
    """A row of the matrix: its whole records, or what kept it from having any.

    `tensorflow` and `python` are the versions asked for; `listed` is false for records that no list asks for.
    """

    name: str
    tensorflow: str
    python: str
    today: bool = False
    run: Records | None = None
    trouble: Trouble = "not run"
    reason: str = ""
    seconds: float | None = None
    listed: bool = True

    @property
    def tensorflow_seen(self) -> str:
        """The version that answered, or the one asked for."""
        seen = self.run.header.environment.get("tensorflow") if self.run else None
        return visible(str(seen or self.tensorflow))

    @property
    def below(self) -> str:
        """What else tells it from other legs."""
        seen = self.run.header.environment if self.run else {}
        parts = [f"Python {visible(self.python)}"]
        if seen.get("keras"):
            parts.append(f"Keras {visible(str(seen['keras']))}")
        parts += ["today’s packages"] if self.today else []
        parts += [] if self.listed else ["not on the list"]
        return " · ".join(parts)


@dataclass(frozen=True)
class Cell:
    """What a section came to on a leg: `held` of `declared` checks, and what else there was."""

    look: Look
    held: int
    declared: int
    rest: str
    anchor: str


@dataclass(frozen=True)
class Detail:
    """One check (and variant) of one leg."""

    cell: str
    look: Look
    measured: tuple[str, ...]
    message: str


@dataclass(frozen=True)
class SectionDetail:
    """All checks of a section on one leg, and where the matrix leads to."""

    anchor: str
    title: str
    rows: tuple[Detail, ...]


@dataclass(frozen=True)
class Row:
    """A leg as the page shows it: cells and details, or the trouble in their place."""

    anchor: str
    name: str
    version: str
    below: str
    cells: tuple[Cell, ...]
    details: tuple[SectionDetail, ...]
    environment: str
    command: str
    trouble: Look | None
    reason: str


@dataclass(frozen=True)
class Summary:
    """The matrix in one word and one sentence; `holds` if every leg is whole and nothing in it fails."""

    holds: bool
    sentence: str
    counts: tuple[tuple[int, str, str], ...]


def rows(legs: Sequence[Leg]) -> list[Row]:
    """The rows, in the order of the legs."""
    return [_row(leg, place) for place, leg in enumerate(legs)]


def anchor(leg: Leg, place: int, section: str = "") -> str:
    """Where on a page the leg's details stand, or those of one section; `place` keeps legs of one name apart."""
    name = re.sub(r"[^a-z0-9]+", "-", leg.name.lower()).strip("-")
    return f"leg-{place + 1}-{name}" + (f"-{section}" if section else "")


def summary(legs: Sequence[Leg]) -> Summary:
    """The verdict over all legs: silence never passes, so a leg without records does not hold."""
    outcomes = {leg.name: _outcomes(leg.run) for leg in legs if leg.run is not None}
    bad = {name for name, seen in outcomes.items() if any(o in FAILING or o == "errored" for o in seen.values())}
    silent = [leg for leg in legs if leg.run is None]
    counted = Counter(outcome for seen in outcomes.values() for outcome in seen.values())
    checks = len(CHECKS) * len(outcomes)
    holds = bool(legs) and not bad and not silent
    counts = (
        (len(legs), "legs", ""),
        (len(legs) - len(bad) - len(silent), "hold", "pass"),
        (len(bad), "fail", "fail" if bad else ""),
        (len(silent), "without records", "fail" if silent else ""),
        (checks, "checks", ""),
        (counted["passed"], "passed", "pass"),
        (counted["skipped"], "skipped", ""),
    )
    return Summary(holds, _sentence(legs, bad, silent), counts)


def _sentence(legs: Sequence[Leg], bad: set[str], silent: Sequence[Leg]) -> str:
    if not legs:
        return "No leg is listed, so nothing can have held."
    said = [f"{visible(leg.name)} {TROUBLE[leg.trouble].word}" for leg in silent]
    said += [f"{visible(leg.name)} fails" for leg in legs if leg.name in bad]
    if not said:
        return f"The lab works on {'all ' if len(legs) > 1 else ''}{plural(len(legs), 'leg')}."
    shown = said if len(said) <= 4 else [*said[:3], f"{len(said) - 3} more"]
    good = len(legs) - len(said)
    return f"The lab works on {number(good)} of {plural(len(legs), 'leg')}: {listing(shown)}."


def _row(leg: Leg, place: int) -> Row:
    run = leg.run
    return Row(
        anchor=anchor(leg, place),
        name=leg.name,
        version=leg.tensorflow_seen,
        below=leg.below,
        cells=tuple(_cells(leg, place)) if run else (),
        details=tuple(_details(leg, place)) if run else (),
        environment=_environment(leg),
        command=f"tox run -e {leg.name}" if leg.listed else "",
        trouble=None if run else TROUBLE[leg.trouble],
        reason=cut(visible(leg.reason), MAX_MESSAGE),
    )


def _environment(leg: Leg) -> str:
    seen = leg.run.header.environment if leg.run else {}
    named = ("python", "keras", "numpy", "scikit-learn", "keras-tuner", "cores", "variables")
    parts = [f"{name} {seen[name]}" for name in named if seen.get(name) is not None]
    parts += [f"took {number(leg.seconds)} s"] if leg.seconds is not None else []
    return visible(" · ".join(parts))


def _cells(leg: Leg, place: int) -> Iterator[Cell]:
    outcomes = _outcomes(leg.run) if leg.run else {}
    for section in SECTIONS:
        seen = [outcome for check, outcome in outcomes.items() if check.partition("/")[0] == section.id]
        yield _cell(seen, anchor(leg, place, section.id))


def _cell(seen: Sequence[Outcome], leads_to: str) -> Cell:
    worst = min(seen, key=WORST_FIRST.index)
    look = HOLDS if worst == "passed" else FAILS if worst in FAILING else LOOKS[worst]
    counted = Counter(seen)
    others = [outcome for outcome in WORST_FIRST if outcome != "passed" and counted[outcome]]
    rest = " · ".join(f"{counted[outcome]} {LOOKS[outcome].word}" for outcome in others)
    return Cell(look, counted["passed"], len(seen), rest, leads_to)


def _outcomes(run: Records) -> dict[str, Outcome]:
    """Every check of the table to its outcome; one that the records say nothing of is missing."""
    found = {score.check: score.outcome for score in scores(run.results)}
    found |= {cell.partition("[")[0]: "missing" for cell in absent_cells(run)}
    return {check.id: found.get(check.id, "missing") for check in CHECKS}


def _details(leg: Leg, place: int) -> Iterator[SectionDetail]:
    results = leg.run.results if leg.run else []
    seen = {result.check for result in results}
    for section in SECTIONS:
        shown = [_detail(result) for result in results if result.section == section.id]
        shown += [
            Detail(check.id, LOOKS["missing"], (), "The run left no result for this check.")
            for check in CHECKS
            if check.section == section.id and check.id not in seen
        ]
        yield SectionDetail(anchor(leg, place, section.id), section.title, tuple(shown))


def _detail(result: Result) -> Detail:
    measured = [
        f"{m.quantity} {number(m.measured, 4)}, {criterion(m, number(m.limit, 4))}"
        for m in sorted(result.measurements, key=lambda m: m.ok)
    ]
    more = len(measured) - MAX_MEASUREMENTS
    shown = [cut(visible(text), 200) for text in measured[:MAX_MEASUREMENTS]]
    return Detail(
        cell=result.cell,
        look=LOOKS[result.outcome],
        measured=(*shown, f"and {more} more") if more > 0 else tuple(shown),
        message=cut(visible(result.message), MAX_MESSAGE),
    )
