"""Durations that were measured elsewhere (in a worker, in a child, alternately), as pytest-benchmark's rounds.

Such a benchmark has a timer of its own, `@pytest.mark.benchmark(timer=elsewhere.clock)`, and calls `replay`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_now = 0.0


def clock() -> float:
    """A timer that stands still, but for what `replay` moves it."""
    return _now


def replay(benchmark: Any, seconds: Sequence[float]) -> None:
    """Make each of `seconds` a round of pytest-benchmark's `benchmark`, whose timer has to be `clock`.

    Raises:
        ValueError: there are none, or one is not positive: nothing measures zero seconds.
    """
    if not seconds or min(seconds) <= 0:
        raise ValueError(f"{list(seconds)[:5]} are no durations")
    remaining = iter(seconds)

    def advance() -> None:
        global _now
        _now += next(remaining)

    def rewind() -> None:
        global _now
        _now = 0.0  # sums of large and small numbers would round

    benchmark.pedantic(advance, setup=rewind, rounds=len(seconds))
