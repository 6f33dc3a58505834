"""Reading the series of a run into types, so that a figure never meets data it does not expect."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from reports.figures.exhibits import AnyExhibit, Notice
from suites.records import Records

T = TypeVar("T")
Numbers = list[float | None]
"""Null where JSON could not hold the value: it was not finite."""
Drawer = Callable[[Records], Iterable[AnyExhibit]]


class SeriesError(ValueError):
    """A series that is not of the shape its figure draws; the message says where."""


def read(run: Records, name: str, kind: type[T], variant: str | None = None) -> T | None:
    """The series called ``section/check:name`` as `kind`, or None where the run has none.

    Raises:
        SeriesError: its data do not fit `kind`.
    """
    data = run.find_series(name, variant=variant)
    if data is None:
        return None
    return _convert(name, data, kind)


def read_variants(run: Records, name: str, kind: type[T]) -> list[tuple[str, T]]:
    """All series called ``section/check:name`` with their variants (empty string where there is none)."""
    check, _, short = name.partition(":")
    return [
        (series.variant or "", _convert(name, series.data, kind))
        for series in run.series
        if (series.check, series.name) == (check, short)
    ]


def _convert(name: str, data: object, kind: type[T]) -> T:
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        raise SeriesError(f"series {name}: {error}") from error


def array(values: Sequence[float | None]) -> npt.NDArray[np.float64]:
    """Shape (n,); NaN where the value was not finite."""
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def same_length(name: str, **columns: Sequence[object]) -> None:
    """Raise :class:`SeriesError` unless all columns have one length, and that is not zero."""
    lengths = {column: len(values) for column, values in columns.items()}
    if len(set(lengths.values())) != 1 or 0 in lengths.values():
        said = ", ".join(f"{column} has {length}" for column, length in lengths.items())
        raise SeriesError(f"series {name}: the columns must have one length above zero, but {said} values")


def drawn(drawers: Sequence[Drawer], run: Records, section: str) -> Iterator[AnyExhibit]:
    """What the drawers make of the run; a series of the wrong shape becomes a notice in the figure's place."""
    for position, draw in enumerate(drawers):
        try:
            yield from list(draw(run))
        except SeriesError as error:
            yield Notice(
                key=f"{section}-notice-{position}",
                title="A figure that could not be drawn",
                caption=f"The records hold no usable data for it: {error}.",
            )
