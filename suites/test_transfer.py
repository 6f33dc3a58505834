"""VGG16 transfer: a frozen base, a new head, and what that reaches."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import modelfiles.forward
from modelfiles.description import KerasModel
from suites.artefacts import Artefacts, Found
from suites.images import TestImages
from suites.statistics import wilson
from suites.subjects import PIXEL_SCALINGS, ImageSubject, pixel_scaling
from suites.verify import Verify

JUDGED_IMAGES = 300  # VGG16 takes about 16 ms an image in NumPy


@pytest.fixture
def transfer_file(artefacts: Artefacts, verify: Verify) -> Found:
    """The file that holds the model on VGG16."""
    found = artefacts.keras("transfer")
    verify.note(f"judged: {found.name}")
    return found


def test_frozen_base(transfer_file: Found, artefacts: Artefacts, verify: Verify) -> None:
    """VGG16's 14,714,688 parameters are frozen, 33,482 are trained, and training leaves the base as it was."""
    model = transfer_file.keras
    frozen, trainable = _frozen_and_trainable(model)
    hint = ": is the base frozen before compiling?" if trainable > 1_000_000 else ""
    verify("frozen parameters", frozen, because=hint)
    verify("trainable parameters", trainable)
    seen = artefacts.evidence_or("transfer").get("base_digest", {})
    if seen:
        verify("base unchanged", seen["before"] == seen["after"])
        verify.note("weights before training as the student's process reported them")
    else:
        verify.note("whether training left the base as it was, a model file cannot show")


def test_accuracy(
    transfer_file: Found,
    artefacts: Artefacts,
    images: TestImages,
    verify: Verify,
    series: Callable[..., None],
) -> None:
    """With ImageNet's weights, the accuracy on the test images is above the threshold."""
    evidence = artefacts.evidence_or("transfer")
    if evidence.get("history"):
        series("history", **evidence["history"])
    source = evidence.get("weights", "unknown")
    if source != "imagenet":
        pytest.skip(f"the base holds {source} weights: without ImageNet's, its accuracy says nothing")
    if images.unknown or images.name != "cifar10":
        pytest.skip(images.unknown or "the threshold is for real CIFAR-10: give --cifar10 PATH")
    model = modelfiles.forward.load(transfer_file.keras_path)
    x, y = images.x[:JUDGED_IMAGES], images.y[:JUDGED_IMAGES]
    few = slice(0, 40)
    scaling = pixel_scaling(model, images.probe[0][few], images.probe[1][few])
    subject = ImageSubject(model.predict(PIXEL_SCALINGS[scaling](x)), y, scaling)
    verify("accuracy", subject.accuracy, interval=wilson(int(subject.right.sum()), len(y)))
    counts = subject.confusion(len(images.class_names))
    series("matrix", labels=list(images.class_names), counts=counts.tolist())


def _frozen_and_trainable(model: KerasModel) -> tuple[int, int]:
    return model.non_trainable_parameters, model.trainable_parameters
