"""The verdict of one or several runs: one word, one sentence, the counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from reports.margins import criterion, room
from reports.text import cut, listing, number, plural, visible
from suites.records import Measurement, Outcome, Records, Result
from suites.score import SEVERITY, total

Word = Literal["PASS", "FAIL", "INCONCLUSIVE"]
FAILING: Final = frozenset({"failed", "missing", "xpassed"})
"""Outcomes that fail the run. For the reference *missing* is a failure, and so it is for work that is judged; a
known failure that holds all of a sudden is an error to be cleaned up."""


@dataclass(frozen=True)
class Count:
    """One figure of the verdict; ``tone`` sets its colour."""

    number: int
    word: str
    tone: str = ""


@dataclass(frozen=True)
class Verdict:
    """``sentence`` says what holds; ``cell`` and ``finding`` name the worst cell, or that closest to its limit."""

    word: Word
    sentence: str
    lead: str
    cell: str
    finding: str
    counts: tuple[Count, ...]
    points: float
    max_points: float

    @property
    def text(self) -> str:
        """The whole in one line of plain text."""
        return " ".join(
            filter(None, (self.sentence, f"{self.lead} {self.cell}{self.finding}" if self.cell else ""))
        )


@dataclass(frozen=True)
class _Limit:
    cell: str
    measurement: Measurement
    room: float


def judge(runs: Sequence[Records]) -> Verdict:
    """The verdict over all runs.

    FAIL: a cell failed, is missing, holds though it is known to fail, or is expected and has no result; or there is
    nothing to judge by. INCONCLUSIVE: nothing failed, but a fault of ours kept a cell from being judged, or every
    cell was skipped. PASS otherwise.
    """
    absent = [cell for run in runs for cell in absent_cells(run)]
    results = [result for run in runs for result in run.results if not result.informs]
    outcomes = Counter(result.outcome for result in results)
    checks = outcomes_by_check(runs)
    word = _word(outcomes, absent, runs)
    lead, cell, finding = _pointer(word, results, absent)
    totals = [total(run.results) for run in runs]
    return Verdict(
        word=word,
        sentence=_sentence(word, checks, absent, runs),
        lead=lead,
        cell=cell,
        finding=finding,
        counts=_counts(runs, outcomes, absent),
        points=sum(reached for reached, _ in totals),
        max_points=sum(possible for _, possible in totals),
    )


def absent_cells(run: Records) -> list[str]:
    """Cells that the header expects and no result answers, in the header's order."""
    answered = {result.cell for result in run.results}
    return [cell for cell in run.header.expected if cell not in answered]


def outcomes_by_check(runs: Sequence[Records]) -> dict[str, Outcome]:
    """Check to its outcome: that of its worst pointed variant over all runs, missing where a cell has no result."""
    found: dict[str, Outcome] = {}
    for run in runs:
        for result in run.results:
            if not result.informs:
                found[result.check] = min(found.get(result.check, result.outcome), result.outcome, key=_rank)
        for cell in absent_cells(run):
            found[cell.partition("[")[0]] = "missing"
    return found


def _rank(outcome: Outcome) -> tuple[bool, int]:
    return (outcome not in FAILING, SEVERITY.index(outcome))


def tensorflow(runs: Sequence[Records]) -> str:
    """The TensorFlow versions that the runs name, as "TensorFlow 2.21.0"; empty where none does."""
    versions = dict.fromkeys(
        visible(str(value))
        for run in runs
        for key, value in run.header.environment.items()
        if key.lower() in {"tensorflow", "tensorflow-cpu"} and value
    )
    return f"TensorFlow {listing(list(versions))}" if versions else ""


def _word(outcomes: Counter[Outcome], absent: Sequence[str], runs: Sequence[Records]) -> Word:
    silent = not runs or any(not run.results or not run.header.expected for run in runs)
    if silent or absent or any(outcome in FAILING for outcome in outcomes):
        return "FAIL"
    if outcomes["errored"] or not outcomes["passed"]:
        return "INCONCLUSIVE"
    return "PASS"


def _sentence(word: Word, checks: dict[str, Outcome], absent: Sequence[str], runs: Sequence[Records]) -> str:
    if not checks or not any(run.header.expected for run in runs):
        return "The records declare nothing that had to be checked, so nothing can have passed."
    where = f" on {tensorflow(runs)}" if tensorflow(runs) else ""
    counted = Counter(checks.values())
    rest = {
        plural(counted["xfailed"], "known failure"): counted["xfailed"],
        plural(counted["skipped"], "was skipped", "were skipped"): counted["skipped"],
    }
    unjudged = f"{number(counted['errored'])} could not be judged"
    every = plural(len(checks), "check")
    if word == "FAIL":
        failing = sum(outcome in FAILING for outcome in checks.values())
        said = f"{number(failing)} of {every} {'does' if failing == 1 else 'do'} not hold{where}"
        gone = f"{plural(len(absent), 'expected cell')} without a result"
        return _joined(said, {gone: len(absent), unjudged: counted["errored"], **rest})
    if word == "INCONCLUSIVE":
        open_checks = counted["errored"] or len(checks)
        said = f"{number(open_checks)} of {every} could not be judged{where}, through no fault of the work"
        return _joined(said, rest)
    whole = counted["passed"] == len(checks)
    said = f"All {every} hold{where}" if whole else f"{number(counted['passed'])} of {every} hold{where}"
    return _joined(said, rest)


def _joined(said: str, additions: dict[str, int]) -> str:
    """The sentence with those additions whose number is not zero."""
    return "; ".join([said, *(text for text, count in additions.items() if count)]) + "."


def _pointer(word: Word, results: Sequence[Result], absent: Sequence[str]) -> tuple[str, str, str]:
    """What the sentence points at: (its beginning, the cell, what is said of it)."""
    if word == "FAIL":
        bad = [result for result in results if result.outcome in FAILING]
        if bad:
            worst = min(bad, key=_badness)
            reason = visible(cut(worst.message, 160)) or worst.outcome
            return "Worst:", worst.cell, f", {reason.rstrip('.')}."
        return ("No result for", absent[0], ".") if absent else ("", "", "")
    if word == "INCONCLUSIVE":
        errored = next((result for result in results if result.outcome == "errored"), None)
        return (
            ("Not judged:", errored.cell, f", {visible(cut(errored.message, 160)).rstrip('.')}.")
            if errored
            else ("", "", "")
        )
    closest = min(_limits(results), key=lambda limit: limit.room, default=None)
    if closest is None:
        return "", "", ""
    measurement = closest.measurement
    allowed = visible(criterion(measurement, number(measurement.limit, 4)))
    return (
        "Closest to its limit:",
        closest.cell,
        f", {visible(measurement.quantity)} {number(measurement.measured, 4)}; allowed {allowed}.",
    )


def _badness(result: Result) -> tuple[tuple[bool, int], float]:
    """Smallest first: failed before missing; among failed ones the one that overshoots its limit most."""
    used = [limit.room for limit in _limits([result], only_passed=False)]
    return (_rank(result.outcome), min(used, default=0.0))


def _limits(results: Sequence[Result], *, only_passed: bool = True) -> Iterator[_Limit]:
    for result in results:
        if only_passed and result.outcome != "passed":
            continue
        for measurement in result.measurements:
            left = room(measurement)
            if left is not None:
                yield _Limit(result.cell, measurement, left)


def _counts(runs: Sequence[Records], outcomes: Counter[Outcome], absent: Sequence[str]) -> tuple[Count, ...]:
    declared = sum(len(run.header.expected) for run in runs)
    ran = sum(outcomes.values()) - outcomes["missing"] - outcomes["skipped"]
    missing = outcomes["missing"] + len(absent)
    always = [
        Count(declared, "declared"),
        Count(ran, "ran"),
        Count(outcomes["passed"], "passed", "pass"),
        Count(outcomes["failed"], "failed", "fail" if outcomes["failed"] else ""),
        Count(missing, "missing", "fail" if missing else ""),
        Count(outcomes["skipped"], "skipped"),
    ]
    informing = sum(result.informs for run in runs for result in run.results)
    rare = [
        Count(informing, "inform only"),
        Count(outcomes["errored"], "errored", "warn"),
        Count(outcomes["xfailed"], "known failure" if outcomes["xfailed"] == 1 else "known failures", "warn"),
        Count(outcomes["xpassed"], "unexpectedly passed", "fail"),
    ]
    return (*always, *(count for count in rare if count.number))
