"""How close a measurement is to its limit, on a scale that compares one check with another."""

from __future__ import annotations

from suites.records import Measurement


def room(measurement: Measurement) -> float | None:
    """The share of what the criterion allows that is left: 1 for ideal work, 0 at the limit, negative beyond.

    What is allowed is the way from the ideal to the limit. The ideal of "at most" is zero; of "at least" it is one
    for a share (a limit between 0 and 1), else there is none and the limit itself is the scale. None where the
    criterion is no limit on a number.
    """
    limit, margin = measurement.limit, measurement.margin
    if margin is None or isinstance(limit, str | bool | None):
        return None
    is_share = measurement.criterion.startswith("≥") and 0 < limit < 1
    return margin / ((1 - limit if is_share else abs(limit)) or 1.0)


def criterion(measurement: Measurement, number: str) -> str:
    """The criterion with its limit written as `number`: sign, limit, unit."""
    sign = measurement.criterion[:1]
    if sign not in "≤≥=" or isinstance(measurement.limit, str | None):
        return measurement.criterion
    return f"{sign} {number} {measurement.unit}".rstrip()
