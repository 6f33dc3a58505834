"""Criteria: a limit, how it is compared, and why it stands where it stands."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Comparison = Literal["at most", "at least", "equal"]
Value = float | int | str | bool


@dataclass(frozen=True)
class Criterion:
    """A frozen limit beside its reason.

    ``calibrated`` marks a limit put where it separates right work from wrong work; both distributions
    lie in ``suites/calibration.json`` and a test holds the limit between them.
    """

    comparison: Comparison
    limit: Value
    why: str
    unit: str = ""
    calibrated: bool = False

    def holds(self, measured: Value | None) -> bool:
        """Whether ``measured`` satisfies the criterion; NaN, infinity and None never do."""
        if measured is None or (isinstance(measured, float) and not math.isfinite(measured)):
            return False
        if self.comparison == "equal":
            return measured == self.limit
        if isinstance(measured, str) or isinstance(self.limit, str):
            raise TypeError(f"{self.comparison} compares numbers, not {measured!r} and {self.limit!r}")
        return measured <= self.limit if self.comparison == "at most" else measured >= self.limit

    def margin(self, measured: Value | None) -> float | None:
        """Distance of a finite number to the limit, positive on the right side; None for other values."""
        if isinstance(measured, str | bool | None) or isinstance(self.limit, str | bool):
            return None
        if self.comparison == "equal" or not math.isfinite(measured):
            return None
        distance = self.limit - measured
        return float(distance if self.comparison == "at most" else -distance)

    def __str__(self) -> str:
        sign = {"at most": "≤", "at least": "≥", "equal": "="}[self.comparison]
        return f"{sign} {number(self.limit)}{' ' if self.unit else ''}{self.unit}"


def number(value: Value | None) -> str:
    """A value as a reader wants it: thousands grouped, four significant digits, words left alone."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, str):
        return value
    if value == int(value) and abs(value) < 1e6 if math.isfinite(value) else False:
        return f"{int(value):,}"
    return f"{value:.4g}"


def at_most(limit: float, why: str, unit: str = "", *, calibrated: bool = False) -> Criterion:
    """Smaller is better."""
    return Criterion("at most", limit, why, unit, calibrated)


def at_least(limit: float, why: str, unit: str = "", *, calibrated: bool = False) -> Criterion:
    """Larger is better."""
    return Criterion("at least", limit, why, unit, calibrated)


def equal(limit: Value, why: str, unit: str = "") -> Criterion:
    """Nothing else will do."""
    return Criterion("equal", limit, why, unit)
