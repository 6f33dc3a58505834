"""Transfer learning: VGG16 as a fixed feature extractor, and a small head trained on what it sees.

The base is frozen, so an image gives the same 512 features in every epoch. They are computed once; ten epochs
then cost what one does, and the head comes out the same, because it sees the same numbers in the same batches.
`same_head` shows that on a few images, each time the reference is made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from fixtures.digests import digest_arrays
from fixtures.images import ImageSet
from reference import environment
from reference.cnn import CLASSES, describe, one_hot, pixels
from reference.errors import ProduceError
from reference.evidence import BaseDigest, SameHead, TransferEvidence
from reference.training import BATCH, EachEpoch, Floats, History, Model, history_of, steps_per_epoch
from reference.vgg16_weights import Weights, find
from reference.work import Work

MODEL = "vgg16_model.keras"
FEATURES = (1, 1, 512)
"""What is left of 32 × 32 pixels after VGG16's five poolings."""
CHUNK = 512
"""Images whose pixels are held as float32 at a time."""
SHOWN_ROWS, SHOWN_EPOCHS = 96, 2

Weight = npt.NDArray[np.float32]


def build_base(weights: str | None) -> Model:
    """VGG16's convolutions for 32 × 32 images, frozen; `weights` as Keras takes them: a file, "imagenet" or None.

    Raises:
        ProduceError: the weights cannot be downloaded.
    """
    try:
        base = tf.keras.applications.VGG16(input_shape=(32, 32, 3), include_top=False, weights=weights)
    except Exception as error:
        if weights != "imagenet":
            raise
        raise ProduceError(
            f"VGG16's ImageNet weights cannot be downloaded ({error}): give --vgg16-weights FILE, "
            "or leave --download out to go on with random ones."
        ) from error
    base.trainable = False
    return base


def build_model(base: Model) -> Model:
    """The lab's model: the base, and a head of two dense layers on its features."""
    layers = tf.keras.layers
    model = tf.keras.Sequential(
        [
            tf.keras.Input(shape=(32, 32, 3)),
            base,
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(CLASSES, activation="softmax"),
        ]
    )
    compile_model(model)
    return model


def compile_model(model: Model, optimizer: Any = "adam", steps_per_execution: int = 1) -> None:
    """Adam on the cross-entropy, as for the CNN."""
    model.compile(
        optimizer=optimizer,
        loss="categorical_crossentropy",
        metrics=["accuracy"],
        steps_per_execution=steps_per_execution,
    )


def features(base: Model, images: npt.NDArray[np.uint8], advance: Callable[[], None] = lambda: None) -> Weight:
    """What the base makes of images (n, 32, 32, 3): (n, 1, 1, 512). `advance` is called for each `CHUNK`."""
    parts = []
    for start in range(0, len(images), CHUNK):
        parts.append(base.predict(pixels(images[start : start + CHUNK]), batch_size=BATCH, verbose=0))
        advance()
    return np.concatenate(parts)


def head_of(model: Model) -> Model:
    """The very layers behind the model's base, as a model of its own: train one and the other has learnt."""
    return tf.keras.Sequential([tf.keras.Input(shape=FEATURES), *model.layers[1:]])


def train_head(
    model: Model,
    x: Weight,
    labels: Floats,
    *,
    epochs: int = 10,
    validation: tuple[Weight, Floats] | None = None,
    callbacks: Sequence[Any] = (),
) -> History:
    """Train the model's head on features x (n, 1, 1, 512), in place.

    Afterwards the whole model is compiled with the head's optimizer, so that it is saved as if it had been
    trained as a whole.
    """
    head, steps = head_of(model), steps_per_epoch(len(x))
    compile_model(head, steps_per_execution=steps)
    fitted = head.fit(
        x,
        labels,
        validation_data=validation,
        epochs=epochs,
        batch_size=BATCH,
        steps_per_epoch=steps,
        verbose=0,
        callbacks=list(callbacks),
    )
    compile_model(model, optimizer=head.optimizer)
    return history_of(fitted)


def same_head(base: Model, images: npt.NDArray[np.uint8], labels: Floats, seed: int) -> SameHead:
    """Train the head both ways, the lab's and ours, from one seed, and compare all its weights."""
    heads = []
    for through_the_base in (True, False):
        environment.start_afresh(seed)
        model = build_model(base)
        if through_the_base:
            model.fit(pixels(images), labels, epochs=SHOWN_EPOCHS, batch_size=BATCH, verbose=0)
        else:
            train_head(model, features(base, images), labels, epochs=SHOWN_EPOCHS)
        heads.append([weight for layer in model.layers[1:] for weight in layer.get_weights()])
    apart = max(float(np.abs(lab - ours).max()) for lab, ours in zip(*heads, strict=True))
    return SameHead(rows=len(images), epochs=SHOWN_EPOCHS, largest_difference=apart)


def run(work: Work) -> TransferEvidence:
    """Compute the features once, train the head on them, save the whole model."""
    settings, progress = work.settings, work.progress
    weights = find(settings.vgg16_weights, download=settings.download)
    images = choose_images(work.images, weights, settings.mechanics_rows)
    if weights.source == "random":
        progress.say("VGG16 has no ImageNet weights here: random ones, on a part of the images, for the mechanics.")
    environment.start_afresh(settings.seed)
    base = build_base(weights.keras_argument)
    before = digest_arrays(*base.get_weights())
    labels = {split: one_hot(getattr(images, f"y_{split}")) for split in ("train", "validation", "test")}
    shown = same_head(base, images.x_train[:SHOWN_ROWS], labels["train"][:SHOWN_ROWS], settings.seed)

    splits = {split: getattr(images, f"x_{split}") for split in labels}
    chunks = sum(-(-len(split) // CHUNK) for split in splits.values())
    with progress.steps(f"VGG16 features, {CHUNK} images each", chunks) as advance:
        seen = {split: features(base, x, advance) for split, x in splits.items()}

    environment.start_afresh(settings.seed)
    model = build_model(base)
    with progress.steps("head on VGG16, epochs", settings.image_epochs) as advance:
        history = train_head(
            model,
            seen["train"],
            labels["train"],
            epochs=settings.image_epochs,
            validation=(seen["validation"], labels["validation"]),
            callbacks=[EachEpoch(advance)],
        )
    model.save(work.folder / MODEL)
    head = head_of(model)
    compile_model(head)
    loss, accuracy = head.evaluate(seen["test"], labels["test"], verbose=0)
    return TransferEvidence(
        weights=weights.source,
        weights_digest=weights.digest,
        images=describe(images),
        frozen_parameters=_count(model.non_trainable_weights),
        trainable_parameters=_count(model.trainable_weights),
        base_digest=BaseDigest(before=before, after=digest_arrays(*base.get_weights())),
        same_head=shown,
        history=history,
        loss=float(loss),
        accuracy=float(accuracy),
    )


def choose_images(images: ImageSet, weights: Weights, mechanics_rows: tuple[int, int, int]) -> ImageSet:
    """All images where the base knows something; else the first few of each split."""
    if weights.source == "imagenet":
        return images
    train, validation, test = mechanics_rows
    return ImageSet(
        images.name,
        images.x_train[:train],
        images.y_train[:train],
        images.x_validation[:validation],
        images.y_validation[:validation],
        images.x_test[:test],
        images.y_test[:test],
        class_names=images.class_names,
    )


def _count(weights: Sequence[Any]) -> int:
    return sum(int(np.prod(weight.shape)) for weight in weights)
