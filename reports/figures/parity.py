"""How far two evaluations of the same model lie apart: a histogram of |Δ| on a logarithmic axis."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from reports.figures.drawing import INK, MUTED, TFLITE, few_ticks, plain_ticks, plot
from reports.figures.exhibits import AnyExhibit, Plot, Table
from reports.figures.series import SeriesError, read_variants, same_length
from reports.text import MINUS, number, percent, visible
from suites.records import Records

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DASHES: Sequence[Any] = ("solid", (0, (5, 2)), (0, (1.5, 1.5)), (0, (5, 2, 1, 2)))
MAX_RUNTIMES = 4


class Difference(msgspec.Struct):
    """The differences of one runtime: bins of log10 |Δ|, how many in each, how many are exactly zero."""

    log10_edges: list[float]
    counts: list[int]
    zeros: int = 0
    largest: float | None = None


def differences(run: Records, check: str, title: str, against: str) -> Iterator[AnyExhibit]:
    """One histogram for the series ``check:difference``, a line for each runtime."""
    variants = read_variants(run, f"{check}:difference", Difference)
    if not variants:
        return
    for runtime, data in variants:
        if data.counts:
            same_length(f"{check}:difference[{runtime}]", counts=data.counts, bins=data.log10_edges[1:])
        if data.log10_edges != sorted(data.log10_edges):
            raise SeriesError(f"series {check}:difference: the edges must rise")
    key = f"{check.replace('/', '-')}-difference"
    drawn = [(runtime, data) for runtime, data in variants if sum(data.counts)][:MAX_RUNTIMES]
    rows = [
        (visible(runtime) or "–", f"10^{number(low)} … 10^{number(high)}", count)
        for runtime, data in variants
        for low, high, count in zip(data.log10_edges, data.log10_edges[1:], data.counts, strict=False)
        if count
    ]
    rows += [(visible(runtime) or "–", "exactly 0", data.zeros) for runtime, data in variants]
    yield Plot(
        key=key,
        title=title,
        caption=" ".join(_finding(runtime, data, against) for runtime, data in variants),
        svg=plot(
            key,
            title,
            f"Histogram of the absolute differences from {against}, logarithmic axis.",
            lambda figure: _paint(figure, drawn),
        ),
        data=Table.of(("Runtime", "|Δ|", "Outputs"), rows),
    )


def _paint(figure: Figure, variants: Sequence[tuple[str, Difference]]) -> None:
    axes = figure.subplots()
    for position, (runtime, data) in enumerate(variants):
        dash = _DASHES[position]
        axes.stairs(data.counts, data.log10_edges, color=TFLITE, fill=True, alpha=0.16)
        axes.stairs(data.counts, data.log10_edges, color=TFLITE, linewidth=1.6, linestyle=dash)
        if len(variants) > 1:
            height = 0.97 - 0.095 * position
            axes.plot(
                [0.025, 0.085],
                [height - 0.035] * 2,
                color=TFLITE,
                linestyle=dash,
                linewidth=1.6,
                transform=axes.transAxes,
            )
            axes.text(0.1, height, visible(runtime), color=INK, transform=axes.transAxes, va="top")
    if not variants:
        axes.text(
            0.5, 0.5, "every output is equal", color=MUTED, transform=axes.transAxes, ha="center", va="center"
        )
        axes.set(xticks=[], yticks=[])
        return
    axes.set(xlabel="|Δ| (log)", ylabel="Outputs")
    edges = [edge for _, data in variants for edge in _occupied(data)]
    axes.set_xlim(min(edges) - 0.5, max(edges) + 0.5)
    top = max(max(data.counts) for _, data in variants)
    axes.set_ylim(0, top * (1.15 + 0.13 * (len(variants) if len(variants) > 1 else 0)))
    few_ticks(axes, 5, 4)
    plain_ticks(axes, x=_power, y=number)


def _occupied(data: Difference) -> list[float]:
    """The edges of the bins that hold anything."""
    bins = zip(data.log10_edges, data.log10_edges[1:], data.counts, strict=False)
    return [edge for low, high, count in bins if count for edge in (low, high)]


def _power(exponent: float) -> str:
    return number(10.0**exponent, 2) if exponent == int(exponent) else ""


def _finding(runtime: str, data: Difference, against: str) -> str:
    total = sum(data.counts) + data.zeros
    who = visible(runtime) if runtime else "The file"
    if not total:
        return f"{who}: no outputs."
    largest = f"at most {number(data.largest)}" if data.largest is not None else f"of unknown size ({MINUS})"
    equal = percent(data.zeros / total, 0)
    return f"{who}: {equal} of {total:,} outputs equal {against} exactly, the others differ by {largest}."
