"""The artefact folder, read and never written: which file plays which role, and what the harness saw.

A model's role comes from what it is (the shapes that go in and come out, and whether it stands on a frozen base),
never from its file name alone. Several candidates: the lab's own name first, then the others by name; those not
taken are listed. A file with one of the lab's names that cannot be read is still that role's candidate, so that
its reason is what the student reads.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import msgspec

import modelfiles
from modelfiles.description import KerasModel, Shape, TFLiteModel
from modelfiles.errors import ModelFileError

Role = Literal["linear", "tuned", "logistic", "cnn", "transfer"]

KERAS_NAMES: dict[Role, tuple[str, ...]] = {
    "linear": ("tf_simple_linear_regression_model.keras",),
    "tuned": ("tuned_linear_regression_model.keras",),
    "logistic": ("logistic_regression_model.keras",),
    "cnn": ("cifar10_cnn_model.keras", "cifar10_cnn_model.h5", "cifar10_saved_model"),
    "transfer": ("vgg16_model.keras",),
}
TFLITE_NAMES = {
    "linear": "simple_linear_regression_model.tflite",
    "logistic": "logistic_regression_model.tflite",
    "float": "cifar10_cnn_model.tflite",
    "quantized": "cifar10_cnn_model_quantized.tflite",
    "float16": "cifar10_cnn_model_float16.tflite",
    "int8": "cifar10_cnn_model_int8.tflite",
}
DESCRIPTIONS = {
    "linear": "any Keras model with one input and one output",
    "tuned": "any other such model with “tuned” or “best” in its name",
    "logistic": "any Keras model with two inputs and one output",
    "cnn": "any Keras model on 32×32×3 images without a pre-trained base",
    "transfer": "any Keras model on 32×32×3 images that stands on VGG16",
}
MAX_FILES = 5_000
MAX_EVIDENCE_BYTES = 32 * 2**20


class Missing(Exception):
    """The work was not handed in; the message says what was looked for."""


class EvidenceAbsent(Exception):
    """A model file cannot show this, and nothing else was seen."""


@dataclass(frozen=True)
class Found:
    """A model file of the folder; ``description`` is None where ``problem`` says why it cannot be read."""

    path: Path
    name: str
    description: KerasModel | TFLiteModel | None
    problem: ModelFileError | None = None

    @property
    def keras(self) -> KerasModel:
        """Its description as a Keras model; raises the file's own problem, or says that it is something else."""
        if self.problem is not None:
            raise self.problem
        if not isinstance(self.description, KerasModel):
            raise ModelFileError(f"{self.name} is a .tflite model, not a Keras model.")
        return self.description

    @property
    def keras_path(self) -> Path:
        """Where the Keras model lies; raises what :attr:`keras` raises."""
        _ = self.keras
        return self.path

    @property
    def tflite(self) -> TFLiteModel:
        """Its description as a .tflite model; raises the file's own problem, or says that it is something else."""
        if self.problem is not None:
            raise self.problem
        if not isinstance(self.description, TFLiteModel):
            raise ModelFileError(f"{self.name} is a Keras model, not a .tflite model.")
        return self.description


class Artefacts:
    """One artefact folder. ``evidence`` is read only where the harness itself wrote the folder."""

    def __init__(self, root: Path, *, trust_evidence: bool = True) -> None:
        self.root = root
        self.trust_evidence = trust_evidence

    @cached_property
    def models(self) -> tuple[Found, ...]:
        """Every model file, sorted by name; files neither named nor shaped like one are passed over."""
        return tuple(self._found(path) for path in sorted(_candidates(self.root)))

    def keras(self, role: Role) -> Found:
        """The file that plays ``role``.

        Raises:
            Missing: nothing in the folder is it, nor bears its name.
        """
        candidates = self.candidates(role)
        if not candidates:
            names = " or ".join(KERAS_NAMES[role])
            raise Missing(f"not found: looked for {names}, or {DESCRIPTIONS[role]}.")
        return candidates[0]

    def candidates(self, role: Role) -> tuple[Found, ...]:
        """All files that could play ``role``, the one that is judged first."""
        names = KERAS_NAMES[role]
        shaped = [found for found in self.models if self._role(found) == role]
        shaped.sort(key=lambda found: (_rank(found.name, names), found.name))
        if shaped and _rank(shaped[0].name, names) < len(names):
            return tuple(shaped)
        # The lab's name on an unreadable file, or on a model that nothing recognises, is still an answer.
        named = [f for f in self.models if Path(f.name).name in names and self._role(f) is None]
        named.sort(key=lambda found: _rank(found.name, names))
        return (*named, *shaped)

    def tflite(self, kind: str) -> Found:
        """The .tflite file of that kind: linear, logistic, float, quantized, float16 or int8.

        Raises:
            Missing: the folder has none.
        """
        name = TFLITE_NAMES[kind]
        by_name = [found for found in self.models if Path(found.name).name == name]
        if by_name:
            return by_name[0]
        fitting = [found for found in self.tflites() if _kind(found.tflite) == kind]
        if not fitting:
            raise Missing(f"not found: looked for {name}, or any {kind} .tflite model of that shape.")
        return fitting[0]

    def tflites(self) -> tuple[Found, ...]:
        """All readable .tflite files."""
        return tuple(found for found in self.models if isinstance(found.description, TFLiteModel))

    def named(self, name: str) -> Found | None:
        """The model file with that base name, whatever it holds."""
        return next((found for found in self.models if Path(found.name).name == name), None)

    @property
    def overwritten(self) -> bool:
        """Whether the CNN's file holds the VGG16 model, as the lab's own order leaves it."""
        return any(
            Path(found.name).name in KERAS_NAMES["cnn"] and self._role(found) == "transfer" for found in self.models
        )

    def evidence(self, section: str) -> dict[str, Any]:
        """What the harness wrote down about ``section`` while the work was made.

        Raises:
            EvidenceAbsent: there is none, or it is not to be trusted.
        """
        path = self.root / "evidence" / f"{section}.json"
        if not self.trust_evidence or not path.is_file() or path.stat().st_size > MAX_EVIDENCE_BYTES:
            raise EvidenceAbsent("a model file cannot show this")
        try:
            return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
        except msgspec.MsgspecError as error:
            raise EvidenceAbsent(f"evidence/{section}.json cannot be read: {error}") from error

    def evidence_or(self, section: str) -> dict[str, Any]:
        """Like :meth:`evidence`, empty where there is none."""
        try:
            return self.evidence(section)
        except EvidenceAbsent:
            return {}

    def _found(self, path: Path) -> Found:
        name = path.relative_to(self.root).as_posix()
        try:
            return Found(path, name, modelfiles.describe(path))
        except ModelFileError as error:
            return Found(path, name, None, error)

    def _role(self, found: Found) -> Role | None:
        if not isinstance(found.description, KerasModel):
            return None
        role = _role_of(found.description)
        if role == "linear" and Path(found.name).name not in KERAS_NAMES["linear"]:
            stem = Path(found.name).stem.lower()
            if "tun" in stem or "best" in stem:
                return "tuned"
        return role


def _candidates(root: Path) -> Iterator[Path]:
    """Paths that may be models: by ending or by their first bytes; a tuner's own checkpoints are none."""
    seen = 0
    for folder, folders, files in os.walk(root):
        here = Path(folder)
        folders[:] = sorted(
            f for f in folders if not f.startswith((".", "__")) and not (here == root and f == "evidence")
        )
        if "trial.json" in files or "oracle.json" in files:
            folders[:] = [f for f in folders if f.startswith("trial_")]
            continue
        if "saved_model.pb" in files:
            folders.clear()
            yield here
            continue
        for file in files:
            seen += 1
            if seen > MAX_FILES:
                return
            if _looks_like_a_model(here / file):
                yield here / file


def _looks_like_a_model(path: Path) -> bool:
    if path.is_symlink() or not path.is_file():
        return False
    if path.suffix.lower() in {".keras", ".h5", ".hdf5", ".tflite", ".lite"}:
        return True
    with path.open("rb") as file:
        head = file.read(8)
    return head.startswith(b"\x89HDF\r\n\x1a\n") or head[4:8] == b"TFL3"


def _rank(name: str, names: tuple[str, ...]) -> int:
    base = Path(name).name
    return names.index(base) if base in names else len(names)


def _role_of(model: KerasModel) -> Role | None:
    features = _features(model.inputs[0]) if len(model.inputs) == 1 else None
    if features in {(1,), ()}:
        return "linear"
    if features == (2,):
        return "logistic"
    convolutions = sum(layer.kind == "Conv2D" for layer in model.walk())
    if features == (32, 32, 3):
        return "transfer" if convolutions >= 13 else "cnn"
    return _role_of_savedmodel(model) if features is None and model.format == "savedmodel" else None


def _role_of_savedmodel(model: KerasModel) -> Role | None:
    """An exported model may not say what it takes; the numbers of its weights still do."""
    shapes = [weight.shape for layer in model.walk() for weight in layer.weights]
    kernels = sum(len(shape) == 4 for shape in shapes)
    if kernels >= 13:
        return "transfer"
    return "cnn" if kernels else None


def _features(shape: Shape) -> Shape:
    return tuple(shape[1:])


def _kind(model: TFLiteModel) -> str | None:
    shape = tuple(model.inputs[0].shape[1:]) if model.inputs else ()
    if shape in {(1,), (2,)}:
        return "linear" if shape == (1,) else "logistic"
    if shape != (32, 32, 3):
        return None
    dtypes = {tensor.dtype for tensor in model.tensors if tensor.constant and _elements(tensor.shape) >= 1024}
    if "float16" in dtypes:
        return "float16"
    if "int8" not in dtypes:
        return "float"
    return "int8" if model.inputs[0].dtype == "int8" else "quantized"


def _elements(shape: tuple[int, ...]) -> int:
    product = 1
    for dimension in shape:
        product *= max(dimension, 0)
    return product
