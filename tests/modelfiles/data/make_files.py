"""Makes the Keras files in this folder: run once under each Keras generation, from this folder.

    python make_files.py keras-2.12     under tensorflow-cpu==2.12.1
    python make_files.py keras-2.13     under tensorflow-cpu==2.13.1
    python make_files.py keras-2.15     under tensorflow-cpu==2.15.1
    python make_files.py keras-3.15     under tensorflow-cpu==2.21.0 with keras==3.15.1

Each model is fitted for one step first, so that optimizer and metrics have state that a reader must tell from
parameters. `expected.npz` holds an input, Keras's own output for it, and `count_params()`. Only the files in KEPT
stay, or the repository would grow; `--all` keeps every format, `--full` makes the lab's own sizes instead.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from tensorflow.keras import Input, Model, Sequential, applications, layers

KERAS_VERSION = tuple(int(part) for part in keras.__version__.split(".")[:2])
KEPT = {
    (2, 12): ("linear.keras", "logistic.h5", "graph.h5", "linear_saved_model"),
    (2, 13): ("graph.keras",),
    (2, 15): ("linear.keras", "cnn.keras", "logistic_export"),
    (3, 15): ("linear.keras", "graph.keras", "logistic.weights.h5", "logistic_export"),
}


def linear() -> Model:
    """The lab's linear regression, its `input_shape=` given to the layer."""
    model = Sequential([layers.Dense(1, input_shape=(1,), kernel_initializer="zeros")])
    model.compile("sgd", "mse")
    return model


def logistic() -> Model:
    """The lab's logistic regression."""
    model = Sequential([Input(shape=(2,)), layers.Dense(1, activation="sigmoid")])
    model.compile("sgd", "binary_crossentropy", metrics=["accuracy"])
    return model


def cnn(size: int = 12, filters: int = 3, units: int = 5) -> Model:
    """The lab's CNN; its layers, smaller by default."""
    model = Sequential(
        [
            Input(shape=(size, size, 3)),
            layers.Conv2D(filters, (3, 3), activation="relu"),
            layers.MaxPooling2D(2, 2),
            layers.Conv2D(2 * filters, (3, 3), activation="relu"),
            layers.MaxPooling2D(2, 2),
            layers.Flatten(),
            layers.Dense(units, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    return model


def graph() -> Model:
    """A graph: two branches, a layer shared by both, a nested model, frozen and stateful layers, own names."""
    body = Sequential(
        [Input(shape=(4,)), layers.Dense(3, activation="tanh", name="inner"), layers.BatchNormalization()],
        name="body",
    )
    body.layers[0].trainable = False
    x = Input(shape=(6, 6, 2), name="picture")
    a = layers.Conv2D(4, 3, padding="same", name="my_conv")(x)
    a = layers.BatchNormalization(name="norm")(a)
    a = layers.ReLU()(a)
    b = layers.ZeroPadding2D(1)(x)
    b = layers.Conv2D(4, 3, strides=2, use_bias=False, name="stride")(b)
    shared = layers.Dense(4, name="twice")
    a = shared(layers.GlobalAveragePooling2D()(a))
    b = shared(layers.GlobalMaxPooling2D()(b))
    y = layers.Concatenate()([body(layers.Add()([a, b])), a])
    model = Model(x, layers.Dense(2, activation="softmax", name="answer")(y), name="two_branches")
    model.compile("sgd", "categorical_crossentropy")
    return model


def vgg16() -> Model:
    """The lab's transfer model, with random weights."""
    base = applications.VGG16(input_shape=(32, 32, 3), include_top=False, weights=None)
    base.trainable = False
    model = Sequential(
        [base, layers.Flatten(), layers.Dense(64, activation="relu"), layers.Dense(10, activation="softmax")]
    )
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    return model


def write(folder: Path, name: str, build: Callable[[], Any], expected: dict[str, Any]) -> None:
    """Build, fit one step, and save in every format that this Keras writes."""
    keras.utils.set_random_seed(1)
    keras.backend.clear_session()
    model = build()
    random = np.random.default_rng(1)
    x = random.standard_normal((8, *model.input_shape[1:])).astype("float32")
    classes = model.output_shape[-1]
    y = np.eye(classes, dtype="float32")[np.arange(8) % classes] if classes > 1 else (x[:, :1] > 0) * 1.0
    model.fit(x, y, epochs=1, verbose=0)
    model.save(folder / f"{name}.keras")
    model.save(folder / f"{name}.h5")
    model.save_weights(folder / f"{name}.weights.h5")
    if KERAS_VERSION < (3, 0):
        model.save(folder / f"{name}_saved_model", save_format="tf")
    if KERAS_VERSION >= (2, 13):
        model.export(folder / f"{name}_export")
    expected |= {f"{name}.x": x[:2], f"{name}.y": model.predict(x[:2], verbose=0)}
    expected[f"{name}.parameters"] = model.count_params()


def main() -> None:
    """Write the files, and keep what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--all", action="store_true", help="keep every format of every model")
    parser.add_argument("--full", action="store_true", help="the lab's own sizes, in every format")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True)
    models = {"linear": linear, "logistic": logistic, "cnn": cnn, "graph": graph}
    if arguments.full:
        models = {"cnn": lambda: cnn(32, 32, 64), "vgg16": vgg16}
    answers: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as temporary:
        for name, build in models.items():
            write(Path(temporary), name, build, answers)
        kept = None if arguments.all or arguments.full else KEPT[KERAS_VERSION]
        for path in sorted(Path(temporary).iterdir()):
            if kept is None or path.name in kept:
                target = arguments.folder / path.name
                if path.is_dir():
                    shutil.copytree(path, target, ignore=lambda *_: ["fingerprint.pb"])
                else:
                    shutil.copy(path, target)
    made = {path.name.split(".")[0].split("_")[0] for path in arguments.folder.iterdir()}
    np.savez_compressed(
        arguments.folder / "expected.npz",
        **{name: value for name, value in answers.items() if name.split(".")[0] in made},
    )


if __name__ == "__main__":
    main()
