"""The hyperparameter search: its trials in their order, where they lie, and what the refit gained."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import numpy.typing as npt

from reports.figures.drawing import INK, KERAS, MUTED, SKLEARN, few_ticks, plain_ticks, plot
from reports.figures.exhibits import AnyExhibit, Plot, Table
from reports.figures.series import array, read
from reports.text import THIN_SPACE, number, signed, visible
from suites.records import Records

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FAR = 5.0


class _Trial(msgspec.Struct):
    id: str
    learning_rate: float | None = None
    epochs: int | None = None
    trained_epochs: int | None = None
    score: float | None = None
    finished: bool = False


class _Trials(msgspec.Struct):
    trials: list[_Trial]
    best: str | None = None


class _Losses(msgspec.Struct):
    untuned: float
    tuned: float
    ols: float


def trials(run: Records) -> Iterator[AnyExhibit]:
    """Score by trial with the best so far, and score over the learning rate."""
    data = read(run, "tuner/search-space:trials", _Trials)
    finished = [trial for trial in data.trials if trial.finished and trial.score is not None] if data else []
    if data is None or not finished:
        return
    yield _in_order(data, finished)
    located = [trial for trial in finished if trial.learning_rate and trial.learning_rate > 0]
    if located:
        yield _by_rate(located)


def _in_order(data: _Trials, finished: list[_Trial]) -> Plot:
    scores = array([trial.score for trial in finished])
    turns = np.arange(1, len(scores) + 1)
    best = np.minimum.accumulate(scores)
    winner = int(np.argmin(scores))

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        axes.step(turns, best, where="post", color=KERAS, linewidth=1.8, alpha=0.6)
        axes.plot(turns, scores, "o", color=KERAS, markersize=7)
        axes.plot(turns[winner], scores[winner], "o", markersize=14, markerfacecolor="none", markeredgecolor=INK)
        axes.annotate(
            "best", (turns[winner], scores[winner]), (0, 13), textcoords="offset points", color=INK, ha="center"
        )
        axes.annotate(
            "best so far", (turns[-1], best[-1]), (0, -15), textcoords="offset points", color=KERAS, ha="right"
        )
        axes.set_xlabel("Trial")
        _loss_axis(axes, scores)
        few_ticks(axes, 6, None)

    title = "Trials and best so far"
    named = (
        ""
        if data.best in {None, finished[winner].id}
        else f" The tuner itself names trial {visible(data.best or '')}."
    )
    rows = [
        (
            visible(trial.id),
            number(trial.learning_rate, 4),
            trial.epochs,
            trial.trained_epochs,
            number(trial.score, 5),
            "yes" if trial.finished else "no",
        )
        for trial in data.trials
    ]
    return Plot(
        key="tuner-trials",
        title=title,
        caption=(
            f"{len(finished)} finished trials; the {_ordinal(winner + 1)} is best with a loss of "
            f"{number(scores[winner], 4)}, the worst reached {number(float(scores.max()), 4)}.{named}"
        ),
        svg=plot(
            "tuner-trials",
            title,
            "The score of each trial in the order of running, with a step line of the best score so far.",
            paint,
        ),
        data=Table.of(("Trial", "Learning rate", "Epochs asked", "Epochs trained", "Score", "Finished"), rows),
    )


def _by_rate(located: list[_Trial]) -> Plot:
    rates = array([trial.learning_rate for trial in located])
    scores = array([trial.score for trial in located])
    asked = array([trial.epochs for trial in located])
    winner = int(np.argmin(scores))

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        sizes = np.where(np.isfinite(asked), asked, 50.0)
        axes.scatter(
            rates, scores, s=20 + 100 * sizes / max(sizes.max(), 1.0), color=KERAS, alpha=0.75, linewidths=0
        )
        axes.plot(rates[winner], scores[winner], "o", markersize=17, markerfacecolor="none", markeredgecolor=INK)
        axes.set(xlabel="Learning rate (log)", xscale="log")
        axes.set_xlim(1e-4 / 1.3, 1e-1 * 1.3)
        axes.set_xticks([1e-4, 1e-3, 1e-2, 1e-1])
        axes.minorticks_off()
        plain_ticks(axes, x=number)
        _loss_axis(axes, scores)

    title = "Where the trials lie"
    return Plot(
        key="tuner-rates",
        title=title,
        caption=(
            f"The best trial's learning rate is {number(rates[winner])}; rates of {number(float(rates.min()))} to "
            f"{number(float(rates.max()))} were tried. The larger a dot, the more epochs were asked for."
        ),
        svg=plot(
            "tuner-rates",
            title,
            "The score of each trial over its learning rate; the size of a dot grows with its epochs.",
            paint,
        ),
        data=Table.of(
            ("Trial", "Learning rate", "Epochs asked", "Score"),
            [(visible(t.id), number(t.learning_rate, 4), t.epochs, number(t.score, 5)) for t in located],
        ),
    )


def refit(run: Records) -> Iterator[AnyExhibit]:
    """The losses of the untuned fit, the tuned fit and least squares, above what no line can undercut."""
    data = read(run, "tuner/refit:losses", _Losses)
    if data is None:
        return
    names = ("untuned", "tuned", "least squares")
    losses = array([data.untuned, data.tuned, data.ols])
    above = losses / data.ols - 1 if data.ols else losses - data.ols

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        colours = (KERAS, KERAS, SKLEARN)
        axes.axvline(0, color=MUTED, linewidth=1)
        for row, (name, value, colour) in enumerate(zip(names, above, colours, strict=True)):
            axes.plot([0, 100 * value], [row, row], color=colour, linewidth=2, alpha=0.5)
            axes.plot(100 * value, row, "o", color=colour, markersize=9)
            axes.annotate(
                f"{name}  {number(float(losses[row]), 5)}",
                (max(100 * value, 0.0), row),
                (0, 9),
                textcoords="offset points",
                color=INK,
                ha="left",
            )
        axes.set(xlabel="Loss above least squares, per cent", yticks=[], ylim=(2.5, -0.7))
        axes.spines["left"].set_visible(False)
        axes.margins(x=0.35)
        few_ticks(axes, 4, None)

    gain = float(above[0] - above[1])
    verdict = "better than" if gain > 0 else "no better than"
    title = "What tuning gained"
    return_rows = [
        (name, number(float(loss), 6), signed(100 * float(share)))
        for name, loss, share in zip(names, losses, above, strict=True)
    ]
    yield Plot(
        key="tuner-refit",
        title=title,
        caption=(
            f"The refitted model is {verdict} the untuned one: {_share(above[1])} above the least "
            f"squares loss, against {_share(above[0])}."
        ),
        svg=plot(
            "tuner-refit", title, "Three losses on one axis: untuned, tuned, least squares.", paint, height=200
        ),
        data=Table.of(("Fit", "Loss", "Above least squares, %"), return_rows),
    )


def _share(above: float) -> str:
    return f"{number(100 * float(above), 2)}{THIN_SPACE}%"


def _loss_axis(axes: Axes, scores: npt.NDArray[np.float64]) -> None:
    """Logarithmic where some trial is far worse than the others, so that the good ones stay apart."""
    spread = float(scores.max() / scores.min()) if scores.min() > 0 else 1.0
    if spread > FAR:
        axes.set(yscale="log", ylabel="Training loss (log)")
        axes.minorticks_off()
    else:
        axes.set_ylabel("Training loss")
        few_ticks(axes, None, 4)
    axes.margins(0.06, 0.18)
    plain_ticks(axes, y=lambda value: number(value, 4))


def _ordinal(place: int) -> str:
    words = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
    return words[place - 1] if place <= len(words) else f"{place}th"


DRAWERS = (trials, refit)
