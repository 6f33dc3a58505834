"""The obvious wrong models, trained: what limits must keep out."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fixtures.houses import five_houses, many_houses
from fixtures.images import ImageSet
from fixtures.points import points

Model = Any  # tf.keras.Model: TensorFlow brings no types that a checker could follow


@dataclass(frozen=True)
class Mistake:
    """One model trained wrongly; it replaces `file` in a copy of the reference's folder."""

    name: str
    story: str
    section: str
    file: str
    fails: frozenset[str]
    train: Callable[[ImageSet], Model]


MISTAKES: list[Mistake] = []

FILES = {
    "linear": "tf_simple_linear_regression_model.keras",
    "tuner": "tuned_linear_regression_model.keras",
    "logistic": "logistic_regression_model.keras",
    "cnn": "cifar10_cnn_model.keras",
}


def mistake(
    section: str, story: str, *fails: str
) -> Callable[[Callable[[ImageSet], Model]], Callable[[ImageSet], Model]]:
    """Register a function that trains a model wrongly."""

    def register(train: Callable[[ImageSet], Model]) -> Callable[[ImageSet], Model]:
        name = train.__name__.replace("_", "-")
        MISTAKES.append(Mistake(name, story, section, FILES[section], frozenset(fails), train))
        return train

    return register


def make(base: Path, folder: Path, wrong: Mistake, images: ImageSet) -> None:
    """Copy `base` as hard links and put the wrong model in its place; whole or not at all."""
    import tensorflow as tf

    beside = folder.with_name(folder.name + ".partial")
    shutil.rmtree(beside, ignore_errors=True)
    shutil.copytree(base, beside, copy_function=os.link)
    tf.keras.utils.set_random_seed(1)
    model = wrong.train(images)
    (beside / wrong.file).unlink()
    model.save(beside / wrong.file)
    beside.rename(folder)


LINEAR = ("linear/coefficient-agreement", "linear/prediction-agreement")


@mistake("linear", "trained for one epoch", *LINEAR)
def one_epoch(_: ImageSet) -> Model:
    """The lab's fit, stopped after its first epoch at a tenth of the learning rate."""
    houses = many_houses()
    return _line(_standard(houses.x), _standard(houses.y), epochs=1, rate=0.001)


@mistake("linear", "prices standardised with the five houses' scaler", *LINEAR)
def scaler_of_the_five_houses(_: ImageSet) -> Model:
    """As the lab is printed: the scaler was given the five-house prices."""
    houses, five = many_houses(), five_houses()
    y = (houses.y - five.y.mean()) / five.y.std()
    return _line(_standard(houses.x), y)


@mistake("linear", "prices against a shuffled column of houses", *LINEAR)
def shuffled_houses(_: ImageSet) -> Model:
    """Sizes and prices no longer belong together."""
    houses = many_houses()
    return _line(_standard(np.random.RandomState(0).permutation(houses.x)), _standard(houses.y))


@mistake("tuner", "refitted for one epoch only", "tuner/refit")
def refitted_for_one_epoch(_: ImageSet) -> Model:
    """At the smallest learning rate of the search."""
    houses = many_houses()
    return _line(_standard(houses.x), _standard(houses.y), epochs=1, rate=1e-4)


LOGISTIC = ("logistic/coefficient-agreement", "logistic/decision-agreement")


@mistake("logistic", "only the first feature was used", *LOGISTIC)
def one_feature(_: ImageSet) -> Model:
    """The second column is zero in training."""
    data = points()
    return _boundary(data.x_train * [1, 0], data.y_train)


@mistake("logistic", "trained for one epoch", *LOGISTIC)
def logistic_one_epoch(_: ImageSet) -> Model:
    """From random weights, hardly moved."""
    data = points()
    return _boundary(data.x_train, data.y_train, epochs=1)


@mistake("logistic", "trained on shuffled labels", *LOGISTIC)
def logistic_shuffled_labels(_: ImageSet) -> Model:
    """Nothing to learn."""
    data = points()
    return _boundary(data.x_train, np.random.RandomState(0).permutation(data.y_train))


@mistake("cnn", "the CNN, untrained", "cnn/accuracy")
def untrained(_: ImageSet) -> Model:
    """Random weights."""
    return _cnn()


@mistake("cnn", "a linear model on pixels", "cnn/accuracy")
def linear_on_pixels(images: ImageSet) -> Model:
    """Softmax regression, trained as long as the CNN."""
    import tensorflow as tf

    model = tf.keras.Sequential(
        [tf.keras.Input((32, 32, 3)), tf.keras.layers.Flatten(), tf.keras.layers.Dense(10, activation="softmax")]
    )
    return _fit(model, images, epochs=10)


@mistake("cnn", "the CNN after one epoch", "cnn/accuracy")
def cnn_one_epoch(images: ImageSet) -> Model:
    """A tenth of the lab's training."""
    return _fit(_cnn(), images, epochs=1)


@mistake("cnn", "the CNN, trained on pixels 0…255 with shuffled labels", "cnn/accuracy")
def cnn_shuffled_labels(images: ImageSet) -> Model:
    """Nothing to learn but the training images."""
    return _fit(_cnn(), images, epochs=2, labels=np.random.RandomState(0).permutation(images.y_train))


def _standard(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.asarray((values - values.mean()) / values.std())


def _line(x: np.ndarray[Any, Any], y: np.ndarray[Any, Any], epochs: int = 20, rate: float = 0.01) -> Model:
    import tensorflow as tf

    model = tf.keras.Sequential([tf.keras.Input((1,)), tf.keras.layers.Dense(1, kernel_initializer="zeros")])
    model.compile(optimizer=tf.keras.optimizers.SGD(rate), loss="mse", steps_per_execution=313)
    model.fit(x, y, epochs=epochs, batch_size=32, verbose=0)
    return model


def _boundary(x: np.ndarray[Any, Any], y: np.ndarray[Any, Any], epochs: int = 100) -> Model:
    import tensorflow as tf

    model = tf.keras.Sequential([tf.keras.Input((2,)), tf.keras.layers.Dense(1, activation="sigmoid")])
    model.compile(optimizer="sgd", loss="binary_crossentropy", steps_per_execution=25)
    model.fit(x, y, epochs=epochs, batch_size=32, verbose=0)
    return model


def _cnn() -> Model:
    import tensorflow as tf

    layers = tf.keras.layers
    return tf.keras.Sequential(
        [
            tf.keras.Input((32, 32, 3)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )


def _fit(model: Model, images: ImageSet, *, epochs: int, labels: np.ndarray[Any, Any] | None = None) -> Model:
    steps = -(-images.training_rows // 32)
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", steps_per_execution=steps)
    y = images.y_train if labels is None else labels
    model.fit(images.x_train / np.float32(255), y, epochs=epochs, verbose=0)
    return model
