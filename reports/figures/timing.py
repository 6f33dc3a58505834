"""Benchmarks: every round as a dot, or where there are many the share of rounds by time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from reports.benchmarks import Bench, Group
from reports.figures.drawing import DATA, INK, LIBRARY, LINE, few_ticks, plain_ticks, plot
from reports.figures.exhibits import Plot, Table
from reports.text import duration, number, plural, sentence, shorten, visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_BENCHES = 14
MANY_ROUNDS = 25
MAX_DOTS = 120


def timing(group: Group, key: str) -> Plot:
    """The figure of one group: benchmarks in rows, time across, all rounds and the median of each."""
    benches = sorted(group.benches[:MAX_BENCHES], key=lambda bench: -bench.median)
    title = visible(group.name)
    return Plot(
        key=key,
        title=sentence(title),
        caption=_finding(group),
        svg=plot(
            key,
            title,
            "A row for each benchmark, a dot for each round, a stroke at the median; time across.",
            lambda figure: _paint(figure, benches),
            height=78 + 44 * len(benches),
        ),
        data=Table.of(
            ("Benchmark", "Rounds", "Fastest", "Median", "Slowest"),
            [
                (
                    visible(bench.label),
                    bench.count,
                    duration(min(bench.rounds)),
                    duration(bench.median),
                    duration(max(bench.rounds)),
                )
                for bench in group.benches
            ],
        ),
    )


def _paint(figure: Figure, benches: list[Bench]) -> None:
    axes = figure.subplots()
    everything = np.concatenate([np.array(bench.rounds) for bench in benches])
    wide = everything.max() / everything.min() > 8
    if wide:
        axes.set_xscale("log")
    for row, bench in enumerate(benches):
        colour = LIBRARY.get(bench.library, DATA)
        axes.axhline(row, color=LINE, linewidth=0.8)
        _rounds(axes, row, bench, colour)
        axes.plot([bench.median] * 2, [row - 0.26, row + 0.26], color=INK, linewidth=2)
        axes.text(
            0,
            row - 0.36,
            shorten(visible(bench.label), 44),
            color=INK,
            transform=axes.get_yaxis_transform(),
            va="bottom",
        )
        axes.text(
            1,
            row - 0.36,
            duration(bench.median),
            color=INK,
            transform=axes.get_yaxis_transform(),
            va="bottom",
            ha="right",
            weight="bold",
        )
    axes.set(yticks=[], ylim=(len(benches) - 0.55, -0.85))
    axes.spines["left"].set_visible(False)
    if wide:
        axes.minorticks_off()
        axes.set_xlim(everything.min() / 1.4, everything.max() * 1.4)
    else:
        axes.set_xlim(0, everything.max() * 1.06)
        few_ticks(axes, 5, None)
    plain_ticks(axes, x=lambda seconds: duration(seconds) if seconds > 0 else "0")


def _rounds(axes: Axes, row: int, bench: Bench, colour: str) -> None:
    """Dots spread across the row by multiples of the golden ratio: even, and the same in every report."""
    rounds = np.array(bench.rounds)
    if len(rounds) > MAX_DOTS:
        rounds = np.quantile(rounds, np.linspace(0, 1, MAX_DOTS))
    spread = 0.4 * ((0.5 + 0.618034 * np.arange(len(rounds))) % 1 - 0.5)
    size = 7 if len(rounds) <= MANY_ROUNDS else 4
    axes.plot(
        rounds,
        row + spread,
        "o",
        color=colour,
        markersize=size,
        alpha=0.7 if len(rounds) <= MANY_ROUNDS else 0.45,
        markeredgewidth=0,
    )


def ecdf(group: Group, key: str) -> Plot | None:
    """The share of rounds that took at most a time, a line for each benchmark; None where rounds are few."""
    benches = [bench for bench in group.benches if bench.complete and len(bench.rounds) >= MANY_ROUNDS][
        :MAX_BENCHES
    ]
    if len(benches) < 2:
        return None

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        dashes: dict[str, int] = {}
        step = 0.09
        for place, bench in enumerate(benches):
            times = np.sort(np.array(bench.rounds))
            shares = np.arange(1, len(times) + 1) / len(times)
            chosen = np.unique(np.linspace(0, len(times) - 1, min(len(times), MAX_DOTS)).astype(int))
            nth = dashes[bench.library] = dashes.get(bench.library, -1) + 1
            style = ("solid", (0, (5, 2)), (0, (1.5, 1.5)), (0, (5, 2, 1, 2)))[nth % 4]
            colour = LIBRARY.get(bench.library, DATA)
            axes.step(times[chosen], shares[chosen], where="post", color=colour, linestyle=style, linewidth=1.7)
            height = 1.02 + step * (len(benches) - 0.5 - place)
            axes.plot(
                [0.015, 0.075],
                [height] * 2,
                color=colour,
                linestyle=style,
                linewidth=1.7,
                transform=axes.get_yaxis_transform(),
            )
            axes.text(
                0.095,
                height,
                shorten(visible(bench.label), 44),
                color=INK,
                transform=axes.get_yaxis_transform(),
                va="center",
            )
        axes.set(
            xscale="log",
            xlabel="Time of a round (log)",
            ylabel="Share of rounds",
            ylim=(0, 1.02 + step * len(benches)),
        )
        axes.minorticks_off()
        axes.set_yticks([0, 0.5, 1])
        plain_ticks(axes, x=duration, y=number)

    title = f"{visible(group.name)}: share of rounds by time"
    rows = []
    for bench in benches:
        quantiles = np.quantile(np.array(bench.rounds), [0.05, 0.5, 0.95, 0.99])
        rows.append((visible(bench.label), *(duration(float(value)) for value in quantiles)))
    worst = max(benches, key=lambda bench: float(np.quantile(np.array(bench.rounds), 0.95)) / bench.median)
    tail = float(np.quantile(np.array(worst.rounds), 0.95)) / worst.median
    return Plot(
        key=key,
        title=sentence(title),
        caption=(
            f"The longest tail: 5 % of the rounds of {visible(worst.label)} take more than {number(tail)} times "
            "its median."
        ),
        svg=plot(
            key,
            title,
            "A rising line for each benchmark: the share of rounds that took at most that time.",
            paint,
            height=230 + 16 * len(benches),
        ),
        data=Table.of(("Benchmark", "5 %", "Median", "95 %", "99 %"), rows),
    )


def _finding(group: Group) -> str:
    ratios = group.ratios()
    if not ratios:
        return f"{plural(group.baseline.count, 'round')}, median {duration(group.baseline.median)}."
    ours = [ratio for ratio in ratios if ratio.bench.way == "ours"]
    best = max(ours or ratios, key=lambda ratio: ratio.ratio)
    said = f"{visible(best.bench.label)} is {number(best.ratio)} times as fast as {visible(group.baseline.label)}"
    if best.low == best.high:
        return sentence(f"{said}, on one round each.")
    return sentence(f"{said}; the rounds allow {number(best.low)} to {number(best.high)}.")
