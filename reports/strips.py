"""The strip: where right work lies, where wrong work lies, the limit between, and this run's dot."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec
import numpy as np

from reports.text import number, plural, signed, visible
from suites.records import Measurement

WIDTH = 200
HEIGHT = 34
_EDGE = 7.0
_BASE = 25.0
_HUMP = 17.0
Scale = Literal["linear", "logarithmic", "compressed", "logarithmic towards 1"]
_NEARLY_ALL = 0.9


class WrongCase(msgspec.Struct):
    """What a named wrong case measured."""

    case: str
    value: float | None


class Distribution(msgspec.Struct):
    """Series ``distribution:<quantity>``: what calibrated a limit."""

    right: list[float | None]
    wrong: list[WrongCase]
    limit: float
    comparison: Literal["at most", "at least"]
    unit: str = ""
    seeds: int | None = None


@dataclass(frozen=True)
class Strip:
    """Geometry of one strip, in pixels of its 200 × 34 drawing, and what it shows in words."""

    dot: float | None
    limit: float
    allowed: tuple[float, float]
    right: tuple[float, ...]
    wrong: tuple[float, ...]
    right_hump: str
    wrong_hump: str
    ok: bool
    words: str
    wrong_cases: tuple[tuple[str, str], ...] = ()


def strip(measurement: Measurement, distribution: Distribution | None) -> Strip | None:
    """The strip of one measurement; None where its criterion is no limit on a number."""
    limit, measured = measurement.limit, measurement.measured
    if isinstance(limit, str | bool | None) or isinstance(measured, str | bool) or measurement.margin is None:
        return None
    at_most = _is_upper(measurement, distribution)
    right = _finite(distribution.right) if distribution else []
    wrong = _finite([case.value for case in distribution.wrong]) if distribution else []
    own = [float(limit)] if measured is None else [float(limit), float(measured)]
    place, scale = _placement([*right, *wrong, *own], -math.inf if at_most else float(limit))
    where = place(float(limit))
    return Strip(
        dot=None if measured is None else place(float(measured)),
        limit=where,
        allowed=(_EDGE - 3, where) if at_most else (where, WIDTH - _EDGE + 3),
        right=tuple(map(place, right)),
        wrong=tuple(map(place, wrong)),
        right_hump=_hump([place(value) for value in right]),
        wrong_hump=_hump([place(value) for value in wrong]),
        ok=measurement.ok,
        words=_words(measurement, right, wrong, distribution, scale),
        wrong_cases=tuple((visible(case.case), number(case.value)) for case in distribution.wrong)
        if distribution
        else (),
    )


def _is_upper(measurement: Measurement, distribution: Distribution | None) -> bool:
    if distribution is not None:
        return distribution.comparison == "at most"
    assert isinstance(measurement.measured, float | int)
    assert isinstance(measurement.limit, float | int)
    assert measurement.margin is not None
    if measurement.measured == measurement.limit:
        return measurement.criterion.startswith("≤")
    return (measurement.margin > 0) == (measurement.measured < measurement.limit)


def _finite(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None and math.isfinite(value)]


def _placement(values: Sequence[float], limit: float) -> tuple[Callable[[float], float], Scale]:
    """Where a value stands on the strip. The scale is logarithmic where positive values span much.

    Shares that have to be nearly one are told apart by what they lack of it.
    """
    sizes = sorted(abs(value) for value in values if value)
    spread = sizes[-1] / sizes[0] if sizes else 1.0
    transform: Callable[[float], float]
    scale: Scale
    if limit >= _NEARLY_ALL and all(0 <= value <= 1 for value in values):
        least = min((1 - value for value in values if value < 1), default=1.0) / 2
        transform, scale = (lambda value: -math.log(max(1 - value, least))), "logarithmic towards 1"
    elif spread < 30:
        transform, scale = float, "linear"
    elif min(values) > 0:
        transform, scale = math.log, "logarithmic"
    else:
        knee = max(sizes[len(sizes) // 4], 1e-12 * sizes[-1])
        transform, scale = (lambda value: math.asinh(value / knee)), "compressed"
    ends = [transform(value) for value in values]
    low, high = min(ends), max(ends)
    if scale == "linear" and len(values) <= 2 and low >= 0:
        low = 0.0
    span = (high - low) or abs(high) or 1.0
    low, high = low - 0.04 * span, high + 0.12 * span

    def place(value: float) -> float:
        return round(_EDGE + (WIDTH - 2 * _EDGE) * (transform(value) - low) / (high - low), 1)

    return place, scale


def _hump(places: Sequence[float]) -> str:
    """Path of a Gaussian kernel density over the places, its top at full height; empty without places."""
    if not places:
        return ""
    bandwidth = min(max(2.5, 0.9 * float(np.std(places)) * len(places) ** -0.2), 5.0)
    grid = np.linspace(max(min(places) - 3 * bandwidth, 0), min(max(places) + 3 * bandwidth, WIDTH), 41)
    density = np.exp(-0.5 * ((grid[:, None] - np.array(places)[None, :]) / bandwidth) ** 2).sum(axis=1)
    heights = _BASE - _HUMP * density / density.max()
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(grid, heights, strict=True))
    return f"M{grid[0]:.1f},{_BASE} L{line} L{grid[-1]:.1f},{_BASE} Z"


def _words(
    measurement: Measurement,
    right: Sequence[float],
    wrong: Sequence[float],
    distribution: Distribution | None,
    scale: Scale,
) -> str:
    said = [f"This run {number(measurement.measured)}", f"limit {visible(measurement.criterion)}"]
    if measurement.margin is not None:
        said.append(f"margin {signed(measurement.margin)}")
    if right:
        over = f" over {plural(distribution.seeds, 'seed')}" if distribution and distribution.seeds else ""
        said.append(f"right work {_range(right)}{over}")
    if wrong:
        said.append(f"wrong work {_range(wrong)}")
    if scale != "linear":
        said.append(f"{scale} scale")
    return "; ".join(said) + "."


def _range(values: Sequence[float]) -> str:
    low, high = min(values), max(values)
    return number(low) if low == high else f"{number(low)} to {number(high)}"
