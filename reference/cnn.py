"""The CNN: two convolutions, two poolings, two dense layers, 167,562 parameters.

Each 3 × 3 convolution without padding takes two pixels off either side and each pooling halves what is left:
32 → 30 → 15 → 13 → 6. So 6 · 6 · 64 = 2,304 numbers reach the first dense layer, which holds most parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from sklearn.metrics import confusion_matrix

from fixtures.images import ImageSet
from reference import environment
from reference.data import rows_of
from reference.evidence import CNNEvidence, Images, Prediction
from reference.training import BATCH, EachEpoch, Floats, History, Model, history_of
from reference.work import Work

MODEL = "cifar10_cnn_model.keras"
STEPS_PER_EXECUTION = 32
"""A step takes milliseconds here, so there is little to save, and Ctrl-C is heard between executions only."""
SHOWN = 8
CLASSES = 10


def pixels(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Pixels in 0…1 as float32: half the memory of the lab's float64, which Keras would cast anyway."""
    scaled = images.astype(np.float32)
    scaled /= np.float32(255)
    return scaled


def one_hot(labels: npt.NDArray[np.int64]) -> Floats:
    """Class numbers (n,) as rows (n, 10) with a one in the place of the class."""
    return np.eye(CLASSES, dtype=np.float32)[labels]


def build_model(steps_per_execution: int = 1) -> Model:
    """The lab's network; Adam on the cross-entropy."""
    layers = tf.keras.layers
    model = tf.keras.Sequential(
        [
            tf.keras.Input(shape=(32, 32, 3)),
            layers.Conv2D(32, (3, 3), activation="relu"),
            layers.MaxPooling2D(2, 2),
            layers.Conv2D(64, (3, 3), activation="relu"),
            layers.MaxPooling2D(2, 2),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(CLASSES, activation="softmax"),
        ]
    )
    model.compile(
        optimizer="adam",
        loss="categorical_crossentropy",
        metrics=["accuracy"],
        steps_per_execution=steps_per_execution,
    )
    return model


def train(images: ImageSet, *, epochs: int = 10, callbacks: Sequence[Any] = ()) -> tuple[Model, History]:
    """Fit the model to the training images and follow it on the validation images."""
    model = build_model(STEPS_PER_EXECUTION)
    fitted = model.fit(
        pixels(images.x_train),
        one_hot(images.y_train),
        validation_data=(pixels(images.x_validation), one_hot(images.y_validation)),
        epochs=epochs,
        batch_size=BATCH,
        verbose=0,
        callbacks=list(callbacks),
    )
    return model, history_of(fitted)


def run(work: Work) -> CNNEvidence:
    """Train, save, and look at what the model says about the test images."""
    images = work.images
    environment.start_afresh(work.settings.seed)
    epochs = work.settings.image_epochs
    with work.progress.steps("CNN, epochs", epochs) as advance:
        model, history = train(images, epochs=epochs, callbacks=[EachEpoch(advance)])
    model.save(work.folder / MODEL)

    x, y = pixels(images.x_test), images.y_test
    loss, accuracy = model.evaluate(x, one_hot(y), verbose=0)
    probabilities = model.predict(x, verbose=0)
    shown = np.random.default_rng(work.settings.seed).choice(len(y), min(SHOWN, len(y)), replace=False)
    return CNNEvidence(
        images=describe(images),
        class_names=list(images.class_names),
        parameters=model.count_params(),
        history=history,
        loss=float(loss),
        accuracy=float(accuracy),
        confusion=confusion_matrix(y, probabilities.argmax(axis=1), labels=range(CLASSES)).tolist(),
        predictions=[_prediction(int(row), y, probabilities) for row in sorted(shown)],
    )


def describe(images: ImageSet) -> Images:
    """What the evidence says about an image set."""
    return Images(name=images.name, digest=images.digest, rows=rows_of(images))


def _prediction(row: int, labels: npt.NDArray[np.int64], probabilities: Floats) -> Prediction:
    return Prediction(
        index=row,
        true=int(labels[row]),
        predicted=int(probabilities[row].argmax()),
        probabilities=[float(value) for value in probabilities[row]],
    )
