"""The image classifiers (the CNN and the one on VGG16): curves, confusion, recalls, images with their answers."""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from reports.figures.confusion import heatmap
from reports.figures.drawing import INK, KERAS, MUTED, beside, few_ticks, plain_ticks, plot
from reports.figures.exhibits import AnyExhibit, Gallery, Listing, Picture, Plot, Table
from reports.figures.series import Numbers, SeriesError, array, read, same_length
from reports.text import listing, number, percent, visible
from suites.records import Records

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PIXELS = 32 * 32 * 3
MAX_PICTURES = 12


class _History(msgspec.Struct):
    accuracy: Numbers
    val_accuracy: Numbers = []
    loss: Numbers = []
    val_loss: Numbers = []


class _SeedBand(msgspec.Struct):
    epochs: list[int]
    val_accuracy_low: list[float]
    val_accuracy_high: list[float]
    seeds: int


class _Matrix(msgspec.Struct):
    labels: list[str]
    counts: list[list[int]]


class _Image(msgspec.Struct):
    pixels: str
    true: str | int
    predicted: str | int
    probability: float | None = None
    probabilities: list[float] = []


class _Images(msgspec.Struct):
    images: list[_Image]


class _LayerRow(msgspec.Struct):
    name: str
    kind: str
    output_shape: str | list[int | None] | None
    parameters: int


class _Layers(msgspec.Struct):
    rows: list[_LayerRow]
    total: int


def curves(section: str, model: str) -> Callable[[Records], Iterator[AnyExhibit]]:
    """A drawer of accuracy and loss by epoch for ``section/accuracy:history``."""

    def draw(run: Records) -> Iterator[AnyExhibit]:
        data = read(run, f"{section}/accuracy:history", _History)
        if data is None or not data.accuracy:
            return
        band = read(run, f"{section}/accuracy:seed_band", _SeedBand)
        yield _curve(section, model, "accuracy", data.accuracy, data.val_accuracy, band)
        if data.loss:
            yield _curve(section, model, "loss", data.loss, data.val_loss, None)

    return draw


def _curve(
    section: str, model: str, what: str, training: Numbers, validation: Numbers, band: _SeedBand | None
) -> Plot:
    epochs = np.arange(1, len(training) + 1)
    if validation:
        same_length(f"{section} history", training=training, validation=validation)
    if band:
        same_length(
            f"{section} seed band", epochs=band.epochs, low=band.val_accuracy_low, high=band.val_accuracy_high
        )

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        if band:
            axes.fill_between(
                band.epochs, band.val_accuracy_low, band.val_accuracy_high, color=KERAS, alpha=0.18, linewidth=0
            )
        axes.plot(epochs, array(training), color=KERAS, linestyle=(0, (4, 3)), linewidth=1.8)
        _label(axes, epochs, training, "training", above=what == "accuracy")
        if validation:
            axes.plot(epochs, array(validation), color=KERAS, marker="o", markersize=4)
            _label(axes, epochs, validation, "validation", above=what != "accuracy")
        axes.set(xlabel="Epoch", ylabel=what.capitalize())
        axes.margins(0.04, 0.12)
        few_ticks(axes, 5, 4)
        plain_ticks(axes, y=lambda value: number(value, 6))

    key = f"{section}-{what}"
    title = f"{model}: {what} by epoch"
    columns = ["Epoch", "Training"] + (["Validation"] if validation else [])
    values = [training, validation] if validation else [training]
    rows = [(str(epoch), *(number(column[epoch - 1], 4) for column in values)) for epoch in epochs.tolist()]
    return Plot(
        key=key,
        title=title,
        caption=_curve_caption(what, training, validation, band),
        svg=plot(
            key,
            title,
            f"Training and validation {what} over the epochs{', with the range of several seeds' if band else ''}.",
            paint,
        ),
        data=Table.of(columns, rows),
    )


def _label(axes: Axes, epochs: np.ndarray, values: Numbers, word: str, *, above: bool) -> None:
    last = values[-1]
    if last is not None:
        axes.annotate(
            word, (epochs[-1], last), (0, 7 if above else -17), textcoords="offset points", color=KERAS, ha="right"
        )


def _curve_caption(what: str, training: Numbers, validation: Numbers, band: _SeedBand | None) -> str:
    said = f"After {len(training)} epochs {number(training[-1], 4)} in training"
    if validation:
        best = (
            (np.nanargmax if what == "accuracy" else np.nanargmin)(array(validation))
            if any(v is not None for v in validation)
            else 0
        )
        said += f" and {number(validation[-1], 4)} in validation, best at epoch {int(best) + 1}"
    if band:
        said += f". The band is the range of {band.seeds} seeds"
    return f"{said}."


def matrix(section: str, model: str) -> Callable[[Records], Iterator[AnyExhibit]]:
    """A drawer of the confusion matrix and the recalls, worst class first."""

    def draw(run: Records) -> Iterator[AnyExhibit]:
        check = "confusion-matrix" if section == "cnn" else "accuracy"
        data = read(run, f"{section}/{check}:matrix", _Matrix)
        if data is None:
            return
        yield heatmap(f"{section}-confusion", f"{model}: confusion matrix", data.labels, data.counts, "keras")
        yield _recalls(section, model, data)

    return draw


def _recalls(section: str, model: str, data: _Matrix) -> Plot:
    totals = [sum(row) for row in data.counts]
    recalls = [(data.counts[place][place] / total if total else 0.0, place) for place, total in enumerate(totals)]
    recalls.sort()
    chance = 1 / len(data.labels)

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        places = np.arange(len(recalls))
        axes.barh(places, [share for share, _ in recalls], height=0.62, color=KERAS, alpha=0.85)
        axes.axvline(chance, color=INK, linestyle=(0, (2, 2)), linewidth=1.2)
        beside(axes, "chance", chance, -0.75, colour=MUTED, dx=4)
        for place, (share, _) in enumerate(recalls):
            beside(axes, percent(share, 0), share, place)
        axes.set_yticks(places, [visible(data.labels[place]) for _, place in recalls])
        axes.tick_params(axis="y", length=0)
        axes.set(xlabel="Recall", xlim=(0, 1.12), ylim=(len(recalls) - 0.4, -1.1))
        axes.set_xticks([0, 0.25, 0.5, 0.75, 1.0])
        plain_ticks(axes, x=lambda value: percent(value, 0))

    key = f"{section}-recalls"
    title = f"{model}: worst classes first"
    worst = listing([f"{visible(data.labels[place])} ({percent(share, 0)})" for share, place in recalls[:3]])
    best_share, best_place = recalls[-1]
    return Plot(
        key=key,
        title=title,
        caption=(
            f"Least often recognised: {worst}; most often {visible(data.labels[best_place])} "
            f"({percent(best_share, 0)})."
        ),
        svg=plot(
            key,
            title,
            "A bar for each class: the share of its images that are recognised, the worst first.",
            paint,
            height=330,
        ),
        data=Table.of(
            ("Class", "Recognised", "Images", "Recall"),
            [
                (visible(data.labels[place]), data.counts[place][place], totals[place], percent(share))
                for share, place in recalls
            ],
        ),
    )


def galleries(run: Records) -> Iterator[AnyExhibit]:
    """Single predictions, as the lab shows them, and images that the CNN gets wrong."""
    labels = _labels(run)
    single = read(run, "cnn/confusion-matrix:predictions", _Images)
    if single is not None and single.images:
        pictures = tuple(_picture(image, labels) for image in single.images[:MAX_PICTURES])
        right = sum(picture.right for picture in pictures)
        yield Gallery(
            "cnn-predictions",
            "Single images and what the CNN makes of them",
            f"{right} of these {len(pictures)} are right.",
            True,
            pictures,
        )
    wrong = read(run, "cnn/confusion-matrix:misclassified", _Images)
    if wrong is not None and wrong.images:
        pictures = tuple(_picture(image, labels) for image in wrong.images[:MAX_PICTURES])
        sure = max((picture.answers[0][1] for picture in pictures if picture.answers), default=0.0)
        caption = (
            f"{len(pictures)} images that the CNN gets wrong; its surest error has probability {number(sure, 2)}."
        )
        yield Gallery("cnn-misclassified", "Misclassified images", caption, True, pictures)


def _labels(run: Records) -> list[str]:
    data = read(run, "cnn/confusion-matrix:matrix", _Matrix)
    return data.labels if data else []


def _picture(image: _Image, labels: list[str]) -> Picture:
    def word(label: str | int) -> str:
        known = isinstance(label, int) and 0 <= label < len(labels)
        return visible(labels[label] if known and isinstance(label, int) else str(label))

    if image.probabilities:
        order = sorted(range(len(image.probabilities)), key=lambda place: (-image.probabilities[place], place))
        answers = tuple((word(place), image.probabilities[place]) for place in order[:3])
    else:
        answers = ((word(image.predicted), image.probability or 0.0),)
    return Picture(_png(image.pixels), word(image.true), answers)


def _png(pixels: str) -> str:
    """A data address of the 32 × 32 RGB image that `pixels` holds in base 64, row by row."""
    from PIL import Image

    try:
        raw = base64.b64decode(pixels, validate=True)
    except (binascii.Error, ValueError) as error:
        raise SeriesError(f"series images: the pixels are not base 64: {error}") from error
    if len(raw) != PIXELS:
        raise SeriesError(f"series images: {len(raw):,} bytes of pixels where 32 × 32 × 3 = {PIXELS:,} are needed")
    buffer = io.BytesIO()
    Image.frombytes("RGB", (32, 32), raw).save(buffer, format="PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def layers(run: Records) -> Iterator[AnyExhibit]:
    """The CNN's layer table with its parameters."""
    data = read(run, "cnn/parameter-count:layers", _Layers)
    if data is None or not data.rows:
        return
    rows = [
        (visible(row.name), visible(row.kind), _shape(row.output_shape), number(row.parameters))
        for row in data.rows
    ]
    rows.append(("total", "", "", number(data.total)))
    largest = max(data.rows, key=lambda row: row.parameters)
    share = largest.parameters / data.total if data.total else 0.0
    yield Listing(
        key="cnn-layers",
        title="Layers and parameters",
        caption=(
            f"{number(data.total)} parameters in {len(data.rows)} layers; {visible(largest.name)} alone holds "
            f"{percent(share, 0)} of them."
        ),
        data=Table.of(("Layer", "Kind", "Output shape", "Parameters"), rows),
        numeric=frozenset({3}),
    )


def _shape(shape: str | list[int | None] | None) -> str:
    if isinstance(shape, list):
        return " × ".join("?" if extent is None else number(extent) for extent in shape)
    return visible(shape or "")


CNN_DRAWERS = (curves("cnn", "CNN"), matrix("cnn", "CNN"), layers, galleries)
TRANSFER_DRAWERS = (curves("transfer", "VGG16"), matrix("transfer", "VGG16"))
