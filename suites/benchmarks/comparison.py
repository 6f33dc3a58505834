"""Two ways to one result, timed alternately in one run: the lab's own, and the reference's.

Alternately, because a machine's speed drifts: whatever slows it down for a minute then slows both sides.
"""

from __future__ import annotations

import contextlib
import gc
import math
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Way = Literal["lab", "ours"]
WAYS: tuple[Way, Way] = ("lab", "ours")


@dataclass(frozen=True)
class Comparison:
    """What is compared.

    `before` runs before each side, untimed, and puts both at the same start; `result` says, untimed too, what
    counts of what a side has left, as a list of arrays. `tolerance` bounds the largest difference between any two
    of their numbers, `target` is the ratio of medians that the project sets itself.
    """

    section: str
    what: str
    lab: Callable[[], Any]
    ours: Callable[[], Any]
    result: Callable[[Any], Sequence[npt.ArrayLike]]
    before: Callable[[], object]
    tolerance: float = 0.0
    target: float | None = None


@dataclass
class Took:
    """How long a round took, in seconds: on the clock, and of all processors together."""

    seconds: float = math.nan
    cpu_seconds: float = math.nan


@dataclass(frozen=True)
class Compared:
    """Every round in the order of running, by way, and the largest difference between the results."""

    comparison: Comparison
    difference: float
    rounds: dict[Way, list[Took]]

    def seconds(self, way: Way) -> list[float]:
        """Each round of one side, in seconds."""
        return [took.seconds for took in self.rounds[way]]

    @property
    def ratio(self) -> dict[str, float | None]:
        """Medians in seconds, how many times faster ours is, the target if there is one.

        `cpu_ratio` is the same of processor time, which other work on the machine hardly changes.
        """
        lab, ours = (statistics.median(self.seconds(way)) for way in WAYS)
        cpu = [statistics.median(took.cpu_seconds for took in self.rounds[way]) for way in WAYS]
        return {
            "lab_median": lab,
            "ours_median": ours,
            "ratio": lab / ours,
            "cpu_ratio": cpu[0] / cpu[1],
            "target": self.comparison.target,
        }

    @property
    def sameness(self) -> str:
        """What the results have to do with one another, as a clause."""
        if self.difference == 0:
            return "results bit-identical"
        return f"results at most {self.difference:.1e} apart"


def alternate(comparison: Comparison, rounds: int) -> Compared:
    """Run lab, ours, lab, ours, …: each `rounds` times, and compare what every round gives."""
    took: dict[Way, list[Took]] = {way: [] for way in WAYS}
    run: dict[Way, Callable[[], Any]] = {"lab": comparison.lab, "ours": comparison.ours}
    difference = 0.0
    for _ in range(rounds):
        results: dict[Way, Sequence[npt.ArrayLike]] = {}
        for way in WAYS:
            comparison.before()
            with timed() as round_:
                left = run[way]()
            took[way].append(round_)
            results[way] = comparison.result(left)
        difference = max(difference, largest_difference(results["lab"], results["ours"]))
    return Compared(comparison, difference, took)


@contextlib.contextmanager
def timed() -> Iterator[Took]:
    """Time a block with the garbage collector off; what it gives is filled in when the block ends."""
    took = Took()
    gc.collect()
    enabled = gc.isenabled()
    gc.disable()
    started, cpu_started = time.perf_counter(), time.process_time()
    try:
        yield took
    finally:
        took.seconds = time.perf_counter() - started
        took.cpu_seconds = time.process_time() - cpu_started
        if enabled:
            gc.enable()


def largest_difference(one: Sequence[npt.ArrayLike], other: Sequence[npt.ArrayLike]) -> float:
    """The largest absolute difference between two lists of arrays; infinite where they cannot be compared."""
    if len(one) != len(other):
        return math.inf
    largest = 0.0
    for mine, theirs in zip(one, other, strict=True):
        a, b = np.asarray(mine, dtype=np.float64), np.asarray(theirs, dtype=np.float64)
        if a.shape != b.shape or not (np.isfinite(a).all() and np.isfinite(b).all()):
            return math.inf
        largest = max(largest, float(np.abs(a - b).max(initial=0.0)))
    return largest


def describe(compared: Compared, way: Way) -> dict[str, Any]:
    """One side, for pytest-benchmark's `extra_info`."""
    comparison = compared.comparison
    return {
        "section": comparison.section,
        "way": way,
        "library": "keras",
        "what": comparison.what,
        "label": "the lab’s own way" if way == "lab" else "the reference",
        "note": compared.sameness,
        "difference": compared.difference,
        "ratio": compared.ratio,
        "cpu_seconds": [took.cpu_seconds for took in compared.rounds[way]],
    }
