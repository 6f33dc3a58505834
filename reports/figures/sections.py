"""Which drawers belong to which section."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from reports.figures import formats, images, linear, logistic, quantization, tflite, tuner
from reports.figures.exhibits import AnyExhibit
from reports.figures.series import Drawer, drawn
from suites.records import Records

DRAWERS: Mapping[str, Sequence[Drawer]] = MappingProxyType(
    {
        "linear": linear.DRAWERS,
        "tuner": tuner.DRAWERS,
        "logistic": logistic.DRAWERS,
        "tflite": tflite.DRAWERS,
        "cnn": images.CNN_DRAWERS,
        "transfer": images.TRANSFER_DRAWERS,
        "formats": formats.DRAWERS,
        "quantization": quantization.DRAWERS,
    }
)


def exhibits(section: str, runs: Sequence[Records]) -> Iterator[AnyExhibit]:
    """The section's exhibits, each from the first run that has the data for it."""
    for position, drawer in enumerate(DRAWERS.get(section, ())):
        for run in runs:
            shown = list(drawn([drawer], run, f"{section}-{position}"))
            if shown:
                yield from shown
                break


def runtime_support(runs: Sequence[Records]) -> list[AnyExhibit]:
    """The matrix of runtimes and converted files."""
    for run in runs:
        shown = list(drawn(quantization.SUPPORT_DRAWERS, run, "support"))
        if shown:
            return shown
    return []
