"""Linear regression: both data sets, both lines, how far they part, how the fit went."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from reports.figures.drawing import DATA, GOOD, INK, KERAS, LINE, MUTED, SKLEARN, few_ticks, plain_ticks, plot
from reports.figures.exhibits import AnyExhibit, Plot, Table
from reports.figures.series import Numbers, array, read, same_length
from reports.text import number, percent, signed
from suites.records import Measurement, Records

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class _FiveHouses(msgspec.Struct):
    x: list[float]
    y: list[float]
    slope: float
    intercept: float
    sklearn_slope: float
    sklearn_intercept: float


class _Line(msgspec.Struct):
    slope: float
    intercept: float


class _Fit(msgspec.Struct):
    x: list[float]
    y: list[float]
    ols: _Line
    keras: _Line
    residual_deviation: float


class _Difference(msgspec.Struct):
    x: list[float]
    difference: Numbers
    tolerance: float
    residual_deviation: float


class _Residuals(msgspec.Struct):
    edges: list[float]
    ols: list[int]
    keras: list[int]


class _History(msgspec.Struct):
    loss: Numbers


def five_houses(run: Records) -> Iterator[AnyExhibit]:
    """The five houses with the line of the normal equation and scikit-learn's over it."""
    data = read(run, "linear/normal-equation:houses", _FiveHouses)
    if data is None:
        return
    same_length("houses", x=data.x, y=data.y)

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        ends = array([min(data.x), max(data.x)])
        exact = data.slope * ends + data.intercept
        axes.plot(ends, data.sklearn_slope * ends + data.sklearn_intercept, color=SKLEARN, linewidth=5, alpha=0.45)
        axes.plot(ends, exact, color=INK, linestyle=(0, (4, 3)), linewidth=1.5)
        axes.plot(data.x, data.y, "o", color=DATA, markersize=8)
        axes.annotate(
            "scikit-learn", (ends[1], exact[1]), (-92, -4), textcoords="offset points", color=SKLEARN, ha="right"
        )
        axes.annotate("normal equation", (ends[1], exact[1]), (-46, -56), textcoords="offset points", color=INK)
        axes.set(xlabel="House size, sq ft", ylabel="Price, thousands")
        axes.margins(0.08, 0.12)
        few_ticks(axes)
        plain_ticks(axes, x=number)

    gap = max(abs(data.slope - data.sklearn_slope), abs(data.intercept - data.sklearn_intercept))
    title = "Five houses, one line"
    rows = [
        (number(x, 6), number(y, 6), number(data.slope * x + data.intercept, 6))
        for x, y in zip(data.x, data.y, strict=True)
    ]
    yield Plot(
        key="linear-five-houses",
        title=title,
        caption=(
            f"Price = {number(data.slope, 4)} · size {'+' if data.intercept >= 0 else '−'} "
            f"{number(abs(data.intercept), 4)}. scikit-learn and the normal equation give the same line: slope and "
            f"intercept {'are equal to the last bit' if gap == 0 else f'differ by at most {number(gap)}'}."
        ),
        svg=plot(
            "linear-five-houses",
            title,
            "Scatter of five house sizes and prices. The line of the normal equation lies on scikit-learn's line.",
            paint,
        ),
        data=Table.of(("Size, sq ft", "Price, thousands", "On the line"), rows),
    )


def both_lines(run: Records) -> Iterator[AnyExhibit]:
    """The ten thousand houses (some of them) with the least-squares line and TensorFlow's."""
    data = read(run, "linear/coefficient-agreement:fit", _Fit)
    if data is None:
        return
    same_length("fit", x=data.x, y=data.y)

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        axes.plot(data.x, data.y, ".", color=DATA, markersize=3.5, alpha=0.5)
        ends = array([min(data.x), max(data.x)])
        axes.plot(ends, data.ols.slope * ends + data.ols.intercept, color=SKLEARN, linewidth=3.5, alpha=0.8)
        axes.plot(ends, data.keras.slope * ends + data.keras.intercept, color=KERAS, linestyle=(0, (5, 3)))
        high = max(data.y)
        low = min(data.y)
        axes.text(ends[0], high, "scikit-learn, least squares", color=SKLEARN, va="top")
        axes.text(ends[1], low, "TensorFlow, gradient descent", color=KERAS, ha="right", va="bottom")
        axes.set(xlabel="House size, sq ft", ylabel="Price, thousands")
        few_ticks(axes)
        plain_ticks(axes, x=number)

    title = "Ten thousand houses, two lines"
    rows = [(number(x, 5), number(y, 5)) for x, y in sorted(zip(data.x, data.y, strict=True))]
    yield Plot(
        key="linear-both-lines",
        title=title,
        caption=(
            f"Slope {number(data.keras.slope, 4)} against {number(data.ols.slope, 4)}, intercept "
            f"{number(data.keras.intercept, 4)} against {number(data.ols.intercept, 4)}, both in the houses' own "
            f"units. {len(data.x):,} houses are drawn."
        ),
        svg=plot(
            "linear-both-lines",
            title,
            "Scatter of house sizes and prices, with scikit-learn's least-squares line and TensorFlow's on it.",
            paint,
        ),
        data=Table.of(("Size, sq ft", "Price, thousands"), rows),
    )


def difference(run: Records) -> Iterator[AnyExhibit]:
    """TensorFlow's line less the least-squares line over the houses, inside the tolerance or not."""
    data = read(run, "linear/prediction-agreement:difference", _Difference)
    if data is None:
        return
    same_length("difference", x=data.x, difference=data.difference)
    values = array(data.difference)
    finite = values[np.isfinite(values)]
    if not len(finite):
        return
    largest = float(np.abs(finite).max())

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        axes.axhspan(-data.tolerance, data.tolerance, color=GOOD, alpha=0.12, linewidth=0)
        axes.axhline(0, color=MUTED, linewidth=1)
        axes.plot(data.x, values, color=KERAS, linewidth=2.5)
        axes.annotate(
            "tolerance",
            (max(data.x), data.tolerance),
            (0, -5),
            textcoords="offset points",
            color=MUTED,
            ha="right",
            va="top",
        )
        axes.set(xlabel="House size, sq ft", ylabel="TensorFlow − least squares")
        reach = 1.3 * max(data.tolerance, largest)
        axes.set_ylim(-reach, reach)
        few_ticks(axes)
        plain_ticks(axes, x=number, y=signed)

    share = largest / data.residual_deviation if data.residual_deviation else 0.0
    allowed = data.tolerance / data.residual_deviation if data.residual_deviation else 0.0
    title = "How far the two lines part"
    rows = [(number(x, 5), number(value, 4)) for x, value in zip(data.x, data.difference, strict=True)]
    yield Plot(
        key="linear-difference",
        title=title,
        caption=(
            f"At most {number(largest)} thousand, {percent(share)} of the residual deviation of "
            f"{number(data.residual_deviation)}; {percent(allowed)} is allowed."
        ),
        svg=plot(
            "linear-difference",
            title,
            "The difference of predictions over house size, with the tolerance as a band.",
            paint,
        ),
        data=Table.of(("Size, sq ft", "Difference, thousands"), rows),
    )


def residuals(run: Records) -> Iterator[AnyExhibit]:
    """How the prices lie around each of the two lines."""
    data = read(run, "linear/prediction-agreement:residuals", _Residuals)
    if data is None:
        return
    same_length("residuals", ols=data.ols, keras=data.keras, bins=data.edges[1:])

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        axes.stairs(data.ols, data.edges, fill=True, color=SKLEARN, alpha=0.3)
        axes.stairs(data.keras, data.edges, color=KERAS, linewidth=1.8)
        axes.axvline(0, color=MUTED, linewidth=1)
        axes.text(0.02, 0.97, "scikit-learn", color=SKLEARN, transform=axes.transAxes, va="top")
        axes.text(0.02, 0.87, "TensorFlow", color=KERAS, transform=axes.transAxes, va="top")
        axes.set(xlabel="Price − prediction, thousands", ylabel="Houses")
        few_ticks(axes)
        plain_ticks(axes, x=signed, y=number)

    moved = sum(abs(a - b) for a, b in zip(data.ols, data.keras, strict=True)) / 2
    total = max(sum(data.ols), 1)
    title = "Residuals"
    rows = [
        (f"{number(low)} … {number(high)}", ols, keras)
        for low, high, ols, keras in zip(data.edges, data.edges[1:], data.ols, data.keras, strict=False)
    ]
    yield Plot(
        key="linear-residuals",
        title=title,
        caption=(
            f"The two lines leave the same noise: {number(moved)} of {total:,} houses fall into another bin "
            f"({percent(moved / total)})."
        ),
        svg=plot("linear-residuals", title, "Histogram of the residuals of both lines, one over the other.", paint),
        data=Table.of(("Residual, thousands", "scikit-learn", "TensorFlow"), rows),
    )


def loss_curve(run: Records) -> Iterator[AnyExhibit]:
    """The training loss by epoch."""
    data = read(run, "linear/coefficient-agreement:history", _History)
    if data is None or not data.loss:
        return
    loss = array(data.loss)
    epochs = np.arange(1, len(loss) + 1)
    finite = loss[np.isfinite(loss)]
    if not len(finite):
        return
    floor = float(finite.min())
    settled = int(np.argmax(loss <= 1.01 * floor)) + 1

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        axes.plot(epochs, loss, color=KERAS)
        axes.axvline(settled, color=LINE, linestyle=(0, (2, 2)), linewidth=1.2)
        axes.set(xlabel="Epoch", ylabel="Mean squared error, scaled")
        axes.set_xlim(0)
        few_ticks(axes)
        plain_ticks(axes, y=number)

    title = "Loss over the epochs"
    yield Plot(
        key="linear-loss",
        title=title,
        caption=(
            f"From {number(float(finite[0]))} to {number(float(loss[-1]))} in {len(loss)} epochs; within 1 % of "
            f"the lowest from epoch {settled} on."
        ),
        svg=plot("linear-loss", title, "The training loss falls by epoch and levels out.", paint),
        data=Table.of(
            ("Epoch", "Loss"), list(zip(map(str, epochs), (number(value, 5) for value in data.loss), strict=True))
        ),
    )


def coefficients(run: Records) -> Iterator[AnyExhibit]:
    """Slope and intercept against y = x, each with its tolerance drawn."""
    result = run.result("linear/coefficient-agreement")
    pairs = [pair for pair in (_pair(measurement) for measurement in result.measurements) if pair] if result else []
    if not pairs:
        return

    def paint(figure: Figure) -> None:
        for axes, (name, got, expected, limit) in zip(
            np.ravel(figure.subplots(1, len(pairs), squeeze=False)), pairs, strict=True
        ):
            reach = 1.6 * max(limit, abs(got - expected))
            line = array([expected - reach, expected + reach])
            axes.fill_between(line, line - limit, line + limit, color=GOOD, alpha=0.12, linewidth=0)
            axes.plot(line, line, color=MUTED, linewidth=1)
            axes.plot([expected], [got], "o", color=KERAS, markersize=9)
            axes.set(xlabel="least squares", ylabel="TensorFlow", xlim=line, ylim=line)
            axes.set_title(name, color=INK)
            axes.set_box_aspect(1)
            few_ticks(axes, 2, 3)
            plain_ticks(axes, x=lambda value: number(value, 4), y=lambda value: number(value, 4))

    title = "Coefficients against y = x"
    used = [_use(name, abs(got - expected) / limit) for name, got, expected, limit in pairs]
    yield Plot(
        key="linear-coefficients",
        title=title,
        caption=f"On the diagonal both libraries agree; in the original units {' and '.join(used)}.",
        svg=plot(
            "linear-coefficients",
            title,
            "One panel for each coefficient: TensorFlow's over least squares', with the tolerance around y = x.",
            paint,
            height=250,
        ),
        data=Table.of(
            ("Coefficient", "TensorFlow", "Least squares", "Tolerance"),
            [(name, number(got, 6), number(expected, 6), number(limit)) for name, got, expected, limit in pairs],
        ),
    )


def _use(name: str, share: float) -> str:
    if share <= 1:
        return f"the {name} uses {percent(share, 0)} of its tolerance"
    return f"the {name} lies {number(share)} times its tolerance away"


def _pair(measurement: Measurement) -> tuple[str, float, float, float] | None:
    got, expected, limit = measurement.got, measurement.expected, measurement.limit
    if (
        not isinstance(got, float | int)
        or not isinstance(expected, float | int)
        or not isinstance(limit, float | int)
    ):
        return None
    return (measurement.quantity, float(got), float(expected), float(limit)) if limit > 0 else None


DRAWERS = (five_houses, both_lines, difference, coefficients, residuals, loss_curve)
