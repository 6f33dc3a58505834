"""Points: a check with variants holds when all its pointed variants hold, and counts once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from suites.records import Outcome, Result

SEVERITY: tuple[Outcome, ...] = ("errored", "failed", "xpassed", "missing", "xfailed", "passed", "skipped")
"""Worst first: a check with variants has the outcome of its worst pointed variant."""


@dataclass(frozen=True)
class CheckScore:
    """One check over all its variants. ``max_points`` is 0 where it was skipped or could not be judged."""

    check: str
    outcome: Outcome
    points: float
    max_points: float
    results: tuple[Result, ...]

    @property
    def section(self) -> str:
        """The part of the identifier before the slash."""
        return self.check.split("/", 1)[0]


def scores(results: Iterable[Result]) -> list[CheckScore]:
    """Group results by check, in their order."""
    groups: dict[str, list[Result]] = {}
    for result in results:
        groups.setdefault(result.check, []).append(result)
    return [_score(check, tuple(group)) for check, group in groups.items()]


def total(results: Iterable[Result]) -> tuple[float, float]:
    """Points reached and points possible; skipped and errored checks are in neither."""
    all_scores = scores(results)
    return sum(score.points for score in all_scores), sum(score.max_points for score in all_scores)


def _score(check: str, results: tuple[Result, ...]) -> CheckScore:
    pointed = [result for result in results if not result.informs] or list(results)
    outcome = min((result.outcome for result in pointed), key=SEVERITY.index)
    holds = outcome in ("passed", "xfailed")
    counts = outcome not in ("skipped", "errored")
    points = max(result.max_points for result in pointed) if counts else 0.0
    return CheckScore(check, outcome, points if holds else 0.0, points, results)
