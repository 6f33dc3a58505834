"""Logistic regression: both decision boundaries side by side, where they disagree, confusion, coefficients."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import numpy.typing as npt

from reports.figures.confusion import heatmap
from reports.figures.drawing import BAD, CARD, DATA, INK, KERAS, MUTED, SKLEARN, few_ticks, plot
from reports.figures.exhibits import AnyExhibit, Plot, Table
from reports.figures.series import SeriesError, read
from reports.text import number, percent, plural
from suites.records import Records

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Grid = npt.NDArray[np.int64]


class _Boundaries(msgspec.Struct):
    x1: list[float]
    x2: list[float]
    sklearn: list[str]
    keras: list[str]
    points: list[tuple[float, float, int]]
    sklearn_line: tuple[float, float, float] | None = None
    keras_line: tuple[float, float, float] | None = None


class _Confusion(msgspec.Struct):
    labels: list[str]
    sklearn: list[list[int]]
    keras: list[list[int]]


def boundaries(run: Records) -> Iterator[AnyExhibit]:
    """What each library decides over the plane, and the part of it where they differ."""
    data = read(run, "logistic/decision-agreement:boundaries", _Boundaries)
    if data is None:
        return
    sklearn, keras = (_grid(rows, data) for rows in (data.sklearn, data.keras))
    differ = sklearn != keras

    def paint(figure: Figure) -> None:
        left, middle, right = figure.subplots(1, 3, sharex=True, sharey=True)
        _side(left, data, _surface(data, sklearn, data.sklearn_line), "scikit-learn", SKLEARN)
        _side(middle, data, _surface(data, keras, data.keras_line), "TensorFlow", KERAS)
        _mask(right, data, differ)
        for axes in (left, middle, right):
            axes.set(xlabel="feature 1", xlim=(data.x1[0], data.x1[-1]), ylim=(data.x2[0], data.x2[-1]))
            few_ticks(axes, 3, 4)
        left.set_ylabel("feature 2")

    title = "Two decision boundaries and where they disagree"
    share = float(differ.mean())
    area = (
        "nowhere on the grid"
        if not differ.any()
        else f"on {percent(share)} of the grid, {plural(int(differ.sum()), 'cell')} of {differ.size:,}"
    )
    yield Plot(
        key="logistic-boundaries",
        title=title,
        caption=(
            f"The two libraries disagree {area}. Filled dots are test points of class 1, rings of class 0; the "
            "shaded side is decided as class 1."
        ),
        wide=True,
        svg=plot(
            "logistic-boundaries",
            title,
            "Three panels over one plane: scikit-learn's decision, TensorFlow's, and the cells where they differ.",
            paint,
            width=920,
            height=330,
        ),
        data=_boundary_table(data, sklearn, keras),
    )


def _grid(rows: list[str], data: _Boundaries) -> Grid:
    """Decisions of shape (len(x2), len(x1)), 0 or 1."""
    if len(rows) != len(data.x2) or any(len(row) != len(data.x1) or set(row) - {"0", "1"} for row in rows):
        raise SeriesError("series boundaries: every row must be a string of 0 and 1 as long as x1, one for each x2")
    if min(len(data.x1), len(data.x2)) < 2:
        raise SeriesError("series boundaries: the grid needs at least two values on each axis")
    return np.array([[int(digit) for digit in row] for row in rows], dtype=np.int64)


def _surface(data: _Boundaries, decided: Grid, line: tuple[float, float, float] | None) -> npt.NDArray[np.float64]:
    """A surface over the grid, positive where class 1 is decided: the line's own where it explains the grid."""
    steps = decided.astype(np.float64) - 0.5
    if line is None:
        return steps
    exact: npt.NDArray[np.float64] = (
        line[0] * np.array(data.x1)[None, :] + line[1] * np.array(data.x2)[:, None] + line[2]
    )
    return exact if ((exact > 0) == (decided == 1)).all() else steps


def _side(axes: Axes, data: _Boundaries, surface: npt.NDArray[np.float64], name: str, colour: str) -> None:
    if (surface > 0).any() and (surface <= 0).any():
        axes.contourf(data.x1, data.x2, surface, levels=[0, np.inf], colors=[colour], alpha=0.16)
        axes.contour(data.x1, data.x2, surface, levels=[0], colors=[colour], linewidths=2)
    _points(axes, data)
    axes.set_title(name, color=colour)


def _points(axes: Axes, data: _Boundaries, alpha: float = 1.0) -> None:
    for label in (0, 1):
        chosen = [point for point in data.points if point[2] == label]
        axes.plot(
            [point[0] for point in chosen],
            [point[1] for point in chosen],
            "o",
            markersize=4,
            markerfacecolor=DATA if label else CARD,
            markeredgecolor=DATA,
            markeredgewidth=1,
            alpha=alpha,
        )


def _mask(axes: Axes, data: _Boundaries, differ: npt.NDArray[np.bool_]) -> None:
    from matplotlib.collections import PolyCollection

    half_width = (data.x1[1] - data.x1[0]) / 2
    half_height = (data.x2[1] - data.x2[0]) / 2
    boxes = []
    for row, second in enumerate(data.x2):
        edges = np.flatnonzero(np.diff(np.concatenate(([0], differ[row].astype(np.int8), [0]))))
        for start, stop in zip(edges[::2], edges[1::2], strict=True):
            left, right = data.x1[start] - half_width, data.x1[stop - 1] + half_width
            bottom, top = second - half_height, second + half_height
            boxes.append([(left, bottom), (right, bottom), (right, top), (left, top)])
    _points(axes, data, alpha=0.35)
    axes.add_collection(PolyCollection(boxes, facecolors=BAD, edgecolors=BAD, linewidths=0.5, alpha=0.9))
    axes.set_title("where they disagree" if boxes else "they agree everywhere", color=INK)


def _boundary_table(data: _Boundaries, sklearn: Grid, keras: Grid) -> Table:
    rows = [
        (
            number(data.x2[row], 3),
            int(sklearn[row].sum()),
            int(keras[row].sum()),
            int((sklearn[row] != keras[row]).sum()),
        )
        for row in range(len(data.x2))
    ]
    return Table.of(
        ("feature 2", "cells of class 1, scikit-learn", "cells of class 1, TensorFlow", "cells that differ"), rows
    )


def coefficients(run: Records) -> Iterator[AnyExhibit]:
    """TensorFlow's weights and intercept over scikit-learn's."""
    data = read(run, "logistic/decision-agreement:boundaries", _Boundaries)
    if data is not None and data.sklearn_line and data.keras_line:
        yield _coefficients(data.sklearn_line, data.keras_line)


def _coefficients(sklearn: tuple[float, float, float], keras: tuple[float, float, float]) -> Plot:
    names = ("weight 1", "weight 2", "intercept")

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        low, high = min(*sklearn, *keras), max(*sklearn, *keras)
        ends = (low - 0.15 * (high - low), high + 0.15 * (high - low))
        axes.plot(ends, ends, color=MUTED, linewidth=1)
        axes.plot(sklearn, keras, "o", color=KERAS, markersize=9)
        for name, expected, got in zip(names, sklearn, keras, strict=True):
            side = "left" if expected < (low + high) / 2 else "right"
            axes.annotate(
                name,
                (expected, got),
                (11 if side == "left" else -11, -5),
                textcoords="offset points",
                ha=side,
                color=INK,
            )
        axes.set(xlabel="scikit-learn", ylabel="TensorFlow", xlim=ends, ylim=ends)
        axes.set_box_aspect(1)
        few_ticks(axes)

    title = "Weights against y = x"
    angle = _angle(sklearn, keras)
    return Plot(
        key="logistic-coefficients",
        title=title,
        caption=(
            f"The normals of the two boundaries are {number(angle)}° apart. Where all three values change by one "
            "factor, the boundary stays and only its steepness differs."
        ),
        svg=plot(
            "logistic-coefficients",
            title,
            "TensorFlow's two weights and intercept over scikit-learn's, with the diagonal of equality.",
            paint,
            height=300,
        ),
        data=Table.of(
            ("Coefficient", "scikit-learn", "TensorFlow"),
            [(n, number(a, 5), number(b, 5)) for n, a, b in zip(names, sklearn, keras, strict=True)],
        ),
    )


def _angle(first: tuple[float, float, float], second: tuple[float, float, float]) -> float:
    """Degrees between the normals (the first two numbers) of two lines."""
    a, b = np.array(first[:2]), np.array(second[:2])
    lengths = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(np.degrees(np.arccos(np.clip(a @ b / lengths, -1, 1)))) if lengths else float("nan")


def confusion(run: Records) -> Iterator[AnyExhibit]:
    """The confusion matrices of both libraries on the test points."""
    data = read(run, "logistic/accuracy:confusion", _Confusion)
    if data is None:
        return
    labels = [f"class {label}" for label in data.labels]
    yield heatmap(
        "logistic-confusion-sklearn", "scikit-learn’s answers on the test points", labels, data.sklearn, "sklearn"
    )
    yield heatmap(
        "logistic-confusion-keras", "TensorFlow’s answers on the test points", labels, data.keras, "keras"
    )


DRAWERS = (boundaries, confusion, coefficients)
