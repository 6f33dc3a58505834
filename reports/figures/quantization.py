"""Quantization: bytes, what it does to outputs and decisions, which tensors it reaches, which runtime opens it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from reports.figures.drawing import BAD, CARD, DATA, INK, KERAS, MUTED, TFLITE, beside, plain_ticks, plot
from reports.figures.exhibits import AnyExhibit, Grid, GridCell, Listing, Plot, Table
from reports.figures.parity import differences
from reports.figures.series import read, read_variants
from reports.text import cut, duration, number, percent, plural, shorten, signed, size, visible
from suites.records import Records

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_BARS = 16
KINDS = {
    "cifar10_cnn_model.tflite": "CNN, float",
    "cifar10_cnn_model_float16.tflite": "CNN, float16",
    "cifar10_cnn_model_quantized.tflite": "CNN, dynamic range",
    "cifar10_cnn_model_int8.tflite": "CNN, full int8",
    "logistic_regression_model.tflite": "logistic, float",
    "simple_linear_regression_model.tflite": "linear, float",
}
"""What the artefact folder's converted files are, by name."""


class _SizeRow(msgspec.Struct):
    name: str
    bytes: int
    kind: str = ""


class _Sizes(msgspec.Struct):
    rows: list[_SizeRow]


class _Flips(msgspec.Struct):
    both_right: int
    both_wrong: int
    lost: int
    gained: int
    changed: int = 0


class _TensorRow(msgspec.Struct):
    name: str
    shape: list[int] | str
    dtype: str
    elements: int
    bytes: int
    note: str = ""


class _Tensors(msgspec.Struct):
    rows: list[_TensorRow]


class _Tried(msgspec.Struct):
    file: str
    outcome: str
    kind: str = ""
    largest_difference: float | None = None
    top1_agreement: float | None = None
    reason: str = ""
    load_seconds: float | None = None
    first_seconds: float | None = None


class _Support(msgspec.Struct):
    files: list[_Tried]
    module: str = ""
    version: str = ""
    informs: bool = False


def sizes(run: Records) -> Iterator[AnyExhibit]:
    """Every file of the CNN, the largest first."""
    data = read(run, "quantization/size-reduction:sizes", _Sizes)
    rows = sorted(data.rows, key=lambda row: (-row.bytes, row.name))[:MAX_BARS] if data else []
    if not rows:
        return
    colours = {"keras": KERAS, "tflite": TFLITE}

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        places = np.arange(len(rows))
        axes.barh(
            places, [row.bytes for row in rows], height=0.66, color=[colours.get(row.kind, DATA) for row in rows]
        )
        for place, row in enumerate(rows):
            beside(axes, number(row.bytes), row.bytes, place)
        axes.set_yticks(places, [shorten(visible(row.name), 44) for row in rows])
        axes.tick_params(axis="y", length=0)
        axes.set(xticks=[], ylim=(len(rows) - 0.4, -0.6), xlim=(0, 1.12 * rows[0].bytes))
        axes.spines["bottom"].set_visible(False)

    title = "Bytes on disk, the largest first"
    yield Plot(
        key="quantization-sizes",
        title=title,
        caption=_size_finding(rows),
        wide=True,
        svg=plot(
            "quantization-sizes",
            title,
            "A bar for each file with its number of bytes.",
            paint,
            width=920,
            height=24 + 25 * len(rows),
        ),
        data=Table.of(
            ("File", "Kind", "Bytes"), [(visible(row.name), visible(row.kind), number(row.bytes)) for row in rows]
        ),
    )


def _size_finding(rows: list[_SizeRow]) -> str:
    largest, smallest = rows[0], rows[-1]
    if largest.bytes == smallest.bytes or not smallest.bytes:
        return f"All files have {size(largest.bytes)}."
    return (
        f"From {size(largest.bytes)} ({visible(largest.name)}) down to {size(smallest.bytes)} "
        f"({visible(smallest.name)}): {number(largest.bytes / smallest.bytes)} times smaller."
    )


def parity(run: Records) -> Iterator[AnyExhibit]:
    """Differences of the quantized outputs from the float weights'."""
    yield from differences(
        run,
        "quantization/output-parity",
        "Quantized outputs: difference from the float weights",
        "the float weights",
    )


def flips(run: Records) -> Iterator[AnyExhibit]:
    """Images whose class quantization changes: right answers lost and wrong ones mended."""
    data = read(run, "quantization/output-parity:flips", _Flips)
    if data is None:
        return
    total = data.both_right + data.both_wrong + data.lost + data.gained
    if total <= 0:
        return
    net = data.lost - data.gained

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        reach = max(data.lost, data.gained, 1)
        axes.barh([0], [-data.lost], height=0.5, color=BAD, alpha=0.8)
        axes.barh([0], [data.gained], height=0.5, color=TFLITE, alpha=0.9)
        axes.axvline(0, color=MUTED, linewidth=1)
        axes.plot([data.gained - data.lost], [0], "D", color=INK, markersize=7, markeredgecolor=CARD)
        axes.text(-reach * 1.22, 0.52, f"{number(data.lost)} lost", color=BAD, ha="left", weight="bold")
        axes.text(reach * 1.22, 0.52, f"{number(data.gained)} gained", color=TFLITE, ha="right", weight="bold")
        axes.set(
            xlabel="Images, right to wrong | wrong to right",
            yticks=[],
            ylim=(-0.5, 0.85),
            xlim=(-reach * 1.25, reach * 1.25),
        )
        axes.spines["left"].set_visible(False)
        plain_ticks(axes, x=lambda value: number(abs(value)))

    title = "Decisions that quantization changes"
    yield Plot(
        key="quantization-flips",
        title=title,
        caption=(
            f"Of {total:,} images {number(data.lost)} were right and are now wrong, {number(data.gained)} the "
            f"other way: a net {_direction(net)} of {plural(abs(net), 'image')} "
            f"({percent(abs(net) / total, 2)}); the diamond marks it."
        ),
        svg=plot(
            "quantization-flips",
            title,
            "A bar to the left for right answers lost, one to the right for answers gained.",
            paint,
            height=170,
        ),
        data=Table.of(
            ("Float, quantized", "Images", "Share"),
            [
                (name, number(count), percent(count / total, 2))
                for name, count in (
                    ("both right", data.both_right),
                    ("both wrong", data.both_wrong),
                    ("lost", data.lost),
                    ("gained", data.gained),
                    ("class changed (any)", data.changed),
                )
            ],
        ),
    )


def _direction(net: int) -> str:
    return "loss" if net > 0 else "gain" if net < 0 else "change"


def drop(run: Records) -> Iterator[AnyExhibit]:
    """The paired accuracy drop with its interval and the limit."""
    result = run.result("quantization/accuracy-drop")
    found = (
        next((m for m in result.measurements if m.interval and isinstance(m.limit, float | int)), None)
        if result
        else None
    )
    if found is None or found.interval is None or not isinstance(found.limit, float | int):
        return
    low, high, limit = *found.interval, float(found.limit)
    middle = (low + high) / 2

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        axes.axvline(100 * limit, color=BAD, linestyle=(0, (2, 2)), linewidth=1.6)
        axes.axvline(0, color=MUTED, linewidth=1)
        axes.plot([100 * low, 100 * high], [0, 0], color=TFLITE, linewidth=6, alpha=0.45)
        axes.plot([100 * middle], [0], "o", color=TFLITE, markersize=10)
        axes.annotate(
            "limit", (100 * limit, 0.72), (-6, 0), textcoords="offset points", color=BAD, ha="right", va="center"
        )
        axes.set(xlabel="Accuracy lost, percentage points", yticks=[], ylim=(-0.8, 0.9))
        axes.spines["left"].set_visible(False)
        axes.margins(x=0.15)
        plain_ticks(axes, x=signed)

    title = "Accuracy lost, on the same images"
    yield Plot(
        key="quantization-drop",
        title=title,
        caption=(
            f"The paired drop lies between {signed(100 * low)} and {signed(100 * high)} percentage points (95 %); "
            f"{number(100 * limit)} are allowed."
        ),
        svg=plot(
            "quantization-drop",
            title,
            "The interval of the accuracy drop with zero and the limit marked.",
            paint,
            height=150,
        ),
        data=Table.of(
            ("Quantity", "Percentage points"),
            [
                ("lower limit", signed(100 * low)),
                ("upper limit", signed(100 * high)),
                ("allowed", number(100 * limit)),
            ],
        ),
    )


def tensors(run: Records) -> Iterator[AnyExhibit]:
    """Every weight tensor of the quantized file."""
    data = read(run, "quantization/weights:tensors", _Tensors)
    if data is None or not data.rows:
        return
    rows = [
        (
            shorten(visible(row.name), 60),
            " × ".join(map(number, row.shape)) if isinstance(row.shape, list) else visible(row.shape),
            visible(row.dtype),
            number(row.elements),
            number(row.bytes),
            visible(cut(row.note, 200)),
        )
        for row in data.rows
    ]
    total = sum(row.bytes for row in data.rows)
    small = sum(row.bytes for row in data.rows if row.dtype == "int8")
    yield Listing(
        key="quantization-tensors",
        title="Tensor by tensor",
        caption=(
            f"{plural(len(rows), 'weight tensor')}, {size(total)}; {percent(small / total if total else 0)} of "
            "these bytes are int8."
        ),
        wide=True,
        data=Table.of(("Tensor", "Shape", "Type", "Elements", "Bytes", "Note"), rows),
        numeric=frozenset({3, 4}),
    )


def support(run: Records) -> Iterator[AnyExhibit]:
    """Which file runs where: runtimes in rows, converted files in columns."""
    variants = read_variants(run, "quantization/runtime-support:support", _Support)
    files: dict[str, str] = {}
    for _, data in variants:
        for tried in data.files:
            files.setdefault(tried.file, tried.kind or KINDS.get(tried.file, ""))
    if not files:
        return
    rows = []
    for runtime, data in variants:
        by_file = {tried.file: tried for tried in data.files}
        below = " ".join(filter(None, (visible(data.module), visible(data.version))))
        below += " · informs, no points" if data.informs else ""
        rows.append((visible(runtime), below, tuple(_cell(by_file.get(file)) for file in files)))
    everything = [cell for _, _, cells in rows for cell in cells if cell]
    running = sum(cell.tone == "pass" for cell in everything)
    yield Grid(
        key="quantization-support",
        title="Which file runs where",
        caption=(
            f"{running} of {plural(len(everything), 'combination')} run. Δ is the largest difference from Keras; "
            "where a file does not open, the runtime's own reason stands."
        ),
        wide=True,
        corner="Runs on",
        columns=tuple(
            (visible(kind) or shorten(visible(file), 40), shorten(visible(file), 40))
            for file, kind in files.items()
        ),
        rows=tuple(rows),
        data=_attempts(variants),
    )


def _cell(tried: _Tried | None) -> GridCell | None:
    if tried is None:
        return None
    if tried.outcome != "runs":
        return GridCell("fail", visible(tried.outcome), (visible(cut(tried.reason, 120)),))
    difference = "" if tried.largest_difference is None else f"Δ {number(tried.largest_difference, 2)}"
    agreement = "" if tried.top1_agreement is None else f"same class {percent(tried.top1_agreement)}"
    return GridCell("pass", "runs", tuple(filter(None, (difference, agreement))))


def _attempts(variants: list[tuple[str, _Support]]) -> Table:
    rows = [
        (
            visible(runtime),
            visible(tried.file),
            visible(tried.outcome),
            "–" if tried.load_seconds is None else duration(tried.load_seconds),
            "–" if tried.first_seconds is None else duration(tried.first_seconds),
            visible(cut(tried.reason, 400)),
        )
        for runtime, data in variants
        for tried in data.files
    ]
    return Table.of(("Runtime", "File", "Outcome", "Loading took", "First answer took", "Reason"), rows)


DRAWERS = (sizes, flips, drop, parity, tensors)
SUPPORT_DRAWERS = (support,)
