"""``verify``: the one way in which a check compares something with its criterion."""

from __future__ import annotations

import math

import numpy as np

from suites.criteria import Criterion, Value, number
from suites.records import Measurement
from suites.specification import Check


class CheckFailed(AssertionError):
    """The work was judged and found wrong; the message is the sentence that report and student read."""


class Verify:
    """Measure, compare, remember. A missed criterion fails the check after its last line, so all get measured."""

    def __init__(self, check: Check) -> None:
        self.check = check
        self.measurements: list[Measurement] = []
        self.notes: list[str] = []
        self._sentences: list[str] = []

    def __call__(
        self,
        quantity: str,
        measured: Value,
        expected: float | None = None,
        *,
        interval: tuple[float, float] | None = None,
        because: str = "",
    ) -> bool:
        """Hold ``measured`` against the table's criterion for ``quantity``; returns whether it holds.

        With ``expected``, what counts is the distance between the two; its share of ``expected`` where the
        criterion's unit is "relative". ``because`` continues the sentence of a failure.

        Raises:
            KeyError: the table has no criterion for this quantity of this check.
        """
        criterion = self.check.criteria[quantity]
        measured = _plain(measured)
        got = None if expected is None else measured
        if expected is not None:
            measured = abs(float(measured) - expected)
            if criterion.unit == "relative":
                measured /= abs(expected) or 1.0
        holds = criterion.holds(measured)
        finite = not isinstance(measured, float) or math.isfinite(measured)
        self.measurements.append(
            Measurement(
                quantity=quantity,
                measured=measured if finite else None,
                criterion=str(criterion),
                ok=holds,
                got=got if isinstance(got, str) or got is None or math.isfinite(got) else None,
                expected=None if expected is None else float(expected),
                limit=criterion.limit,
                margin=criterion.margin(measured),
                unit=criterion.unit,
                interval=interval,
                why=criterion.why,
            )
        )
        if not holds:
            self._sentences.append(_sentence(quantity, measured, got, expected, criterion) + because)
        return holds

    def note(self, text: str) -> None:
        """Keep what else was seen: the file judged, the preprocessing recognised."""
        if text not in self.notes:
            self.notes.append(text)

    def conclude(self) -> None:
        """Fail with one sentence for each criterion that was missed; a check that measured nothing is a fault.

        Raises:
            CheckFailed: a criterion was missed.
            RuntimeError: nothing was measured, so the check could not have failed.
        """
        if not self.measurements:
            raise RuntimeError(f"{self.check.id} measured nothing")
        if self._sentences:
            raise CheckFailed("; ".join(self._sentences))


def _plain(value: Value) -> Value:
    return value.item() if isinstance(value, np.generic) else value


def _sentence(
    quantity: str, measured: Value, got: Value | None, expected: float | None, criterion: Criterion
) -> str:
    if isinstance(measured, float) and not math.isfinite(measured):
        return f"{quantity} is not a finite number, should be {criterion}"
    if expected is not None:
        compared = f"{number(got)} against {number(float(expected))}"
        return f"{quantity} = {compared}: {number(measured)} apart, should be {criterion}"
    should = number(criterion.limit) if criterion.comparison == "equal" else str(criterion)
    return f"{quantity} = {number(measured)}, should be {should}"
