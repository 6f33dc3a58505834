"""What goes into `evidence/<section>.json`: what a model file alone cannot show.

Every file is one JSON object: the fields of `Envelope`, which say what was made from what, and beside them the
fields of the section's own type below, at the same level. `manifest.json` is a `Manifest`. The files are strict
JSON: a figure that is not finite is an error here, never a NaN there. Names of files are relative to the artefact
folder; nothing names a place on the machine.

Units: prices and square feet are the lab's; `loss` is the squared error between standardised axes (linear, tuner)
or the cross-entropy in nats (others); `accuracy` is a share; `history` holds one value an epoch.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import msgspec

from reference.environment import Value

SCHEMA = 1
FOLDER = "evidence"

History = dict[str, list[float]]


class File(msgspec.Struct, frozen=True):
    """A file as it was when its section was finished; the digest is SHA-256 in hexadecimal."""

    sha256: str
    bytes: int


class Data(msgspec.Struct, frozen=True, kw_only=True):
    """A data set: its rows by split, and the SHA-256 over its values."""

    name: str
    digest: str
    source: str
    rows: dict[str, int]


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """What a section was made from and what it left behind.

    A section counts as finished while `settings` are those asked for, `inputs` (files of the sections that it
    builds upon, by name) are unchanged, every one of `files` is there with the same digest, and it is `complete`:
    no conversion failed, which may have been the machine's fault.
    """

    schema: int = SCHEMA
    section: str
    complete: bool
    settings: dict[str, Any]
    inputs: dict[str, str]
    data: list[Data]
    files: dict[str, File]
    environment: dict[str, Value]
    seconds: float
    peak_memory_bytes: int


class Line(msgspec.Struct, frozen=True):
    """y = slope · x + intercept."""

    slope: float
    intercept: float


class Scaler(msgspec.Struct, frozen=True):
    """scaled = (value - mean) / scale."""

    mean: float
    scale: float


class LinearEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """Linear regression, in original units but for `scaled` and `history`."""

    normal_equation: Line
    """scikit-learn's line through the five houses."""
    closed_form: Line
    """The same line, solved as (XᵀX)⁻¹ Xᵀy."""
    five_predictions: list[float]
    least_squares: Line
    """scikit-learn's line through the ten thousand houses."""
    tensorflow: Line
    """What gradient descent found on the same houses."""
    scaled: Line
    """The same between standardised axes, as the model holds it."""
    printed_bias: float
    """What the lab prints as the intercept: it is the prediction at the mean house."""
    x_scaler: Scaler
    y_scaler: Scaler
    history: History


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """One trial of the search: what was drawn, and what came out."""

    id: str
    learning_rate: float
    epochs: int
    """Epochs that were drawn, and so asked for."""
    trained_epochs: int
    """Epochs until early stopping ended it."""
    score: float
    """The best epoch's training loss, which is what keras-tuner compares."""
    loss: list[float]


class Refit(msgspec.Struct, frozen=True, kw_only=True):
    """A fresh model trained with the best trial's values."""

    learning_rate: float
    epochs: int
    loss: float
    """Squared error of the finished model over all houses."""
    history: History


class TunerEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """The search, trial by trial, and the refit with what it found."""

    best: str
    """Identifier of the best trial."""
    trials: list[Trial]
    refit: Refit


class Logistic(msgspec.Struct, frozen=True, kw_only=True):
    """A logistic regression: log-odds = weights · x + intercept; `confusion` has a row for each true class."""

    weights: list[float]
    intercept: float
    accuracy: float
    confusion: list[list[int]]


class LogisticEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """Both libraries on the same 800 training and 200 test points."""

    sklearn: Logistic
    """scikit-learn's default, which shrinks the weights (L2, C = 1)."""
    unpenalised: Logistic
    """scikit-learn without the penalty: what gradient descent without one goes towards."""
    tensorflow: Logistic
    history: History


class Conversion(msgspec.Struct, frozen=True, kw_only=True):
    """One conversion to TFLite. Where `outcome` is not "converted", the file does not exist.

    "refused": the converter raised `error`. "crashed": its process ended with `exit_status` (negative: the signal
    of that number, named in `error`). "timeout": it was ended after the time limit.
    """

    file: str
    source: str
    mode: str
    """float, dynamic, float16 or int8."""
    outcome: str
    seconds: float
    bytes: int | None = None
    error: str | None = None
    exit_status: int | None = None
    stderr_tail: str | None = None


class TFLiteEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """The two regressions, converted."""

    conversions: list[Conversion]


class Images(msgspec.Struct, frozen=True, kw_only=True):
    """The images that a classifier learnt from; `rows` by split, `digest` over all pixels and labels."""

    name: str
    digest: str
    rows: dict[str, int]


class Prediction(msgspec.Struct, frozen=True, kw_only=True):
    """One test image: its row, its class, and the model's probabilities for each class."""

    index: int
    true: int
    predicted: int
    probabilities: list[float]


class CNNEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """The CNN's training and what it says about test images."""

    images: Images
    class_names: list[str]
    parameters: int
    history: History
    loss: float
    accuracy: float
    confusion: list[list[int]]
    predictions: list[Prediction]


class BaseDigest(msgspec.Struct, frozen=True):
    """Digest over all weights of the frozen base."""

    before: str
    after: str


class SameHead(msgspec.Struct, frozen=True, kw_only=True):
    """The head trained as the lab does, through the frozen base in every step, and ours, on features.

    Both from the same first weights and seed, on `rows` images for `epochs` epochs; `largest_difference` is
    between any two weights of the two heads.
    """

    rows: int
    epochs: int
    largest_difference: float


class TransferEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """The head on VGG16. `weights` says what the base holds: "imagenet" or "random".

    With random weights `images` is a small part of the data: the accuracy then shows nothing but the mechanics.
    """

    weights: str
    weights_digest: str | None
    """MD5 of Keras's published file, where the base holds that."""
    images: Images
    frozen_parameters: int
    trainable_parameters: int
    base_digest: BaseDigest
    same_head: SameHead
    history: History
    loss: float
    accuracy: float


class FormatsEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """The CNN saved three times over."""

    weights_digest: str
    """Digest of the weights in layer order, as they were in memory."""
    reloaded: dict[str, float]
    """Format to the largest difference between the outputs of the file, reloaded, and of the model in memory."""
    rows: int
    """Test images that the outputs were compared on."""


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """The training images that showed the int8 converter the range of every activation."""

    rows: int
    digest: str


class QuantizationEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """The CNN, converted four ways."""

    conversions: list[Conversion]
    calibration: Calibration


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The whole folder: which sections are finished, from which data, made where."""

    schema: int = SCHEMA
    seed: int
    environment: dict[str, Value]
    data: list[Data]
    sections: dict[str, float]
    """Finished sections with the seconds that each took."""
    peak_memory_bytes: int


def encode(*parts: msgspec.Struct) -> bytes:
    """The fields of all `parts` as one JSON object.

    Raises:
        ValueError: a figure is NaN or infinite, for which JSON has no word.
    """
    fields: dict[str, Any] = {}
    for part in parts:
        fields |= msgspec.to_builtins(part)
    return (json.dumps(fields, allow_nan=False, ensure_ascii=False, indent=1) + "\n").encode()


def write(path: Path, content: bytes) -> None:
    """Put `content` at `path` whole or not at all: written beside it, forced to disk, renamed.

    Raises:
        OSError: it cannot be written; what stood there stands.
    """
    beside = path.with_name(f".{path.name}.partial")
    try:
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def read(path: Path) -> Envelope | None:
    """The envelope of a section's evidence, or None where there is none that can be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Envelope)
    except (OSError, msgspec.MsgspecError):
        return None
