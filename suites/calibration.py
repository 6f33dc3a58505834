"""The distributions behind every calibrated limit: right work over several seeds, and the obvious wrong models.

``calibration.json`` is measured, never edited: ``tflab calibrate`` writes it by judging real artefact folders.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import msgspec

FILE = Path(__file__).with_name("calibration.json")


class WrongCase(msgspec.Struct, frozen=True):
    """One wrong model's measurement."""

    case: str
    value: float


class Distribution(msgspec.Struct, frozen=True):
    """What was measured of one quantity: right work, one value per seed, and wrong work, one per case."""

    check: str
    quantity: str
    right: list[float]
    wrong: list[WrongCase]


class SeedBand(msgspec.Struct, frozen=True):
    """Lowest and highest validation accuracy after each epoch, over the seeds."""

    quantity: str
    epochs: list[int]
    val_accuracy_low: list[float]
    val_accuracy_high: list[float]
    seeds: int


class Calibration(msgspec.Struct, frozen=True):
    """All distributions, with what they were measured on."""

    environment: dict[str, str]
    seeds: list[int]
    distributions: list[Distribution]
    seed_bands: list[SeedBand] = []


@cache
def calibration() -> Calibration:
    """Read the file, once."""
    return msgspec.json.decode(FILE.read_bytes(), type=Calibration)


def distribution(check: str, quantity: str) -> Distribution | None:
    """The distribution behind one criterion, or None where it is not calibrated."""
    found = (d for d in calibration().distributions if (d.check, d.quantity) == (check, quantity))
    return next(found, None)


def seed_band(quantity: str) -> dict[str, Any] | None:
    """The band of learning curves for one of cnn/accuracy's quantities, as a figure's series."""
    for band in calibration().seed_bands:
        if band.quantity == quantity:
            data: dict[str, Any] = msgspec.to_builtins(band)
            del data["quantity"]
            return data
    return None
