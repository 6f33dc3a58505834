"""What differs between TensorFlow 2.12 and 2.21, each with its symptom. No other module asks for a version."""

from __future__ import annotations

import contextlib
import io
import warnings
from pathlib import Path
from typing import Any

import tensorflow as tf

from reference.training import Model

Converter = Any  # tf.lite.TFLiteConverter

TENSORFLOW = tuple(int(part) for part in tf.__version__.split(".")[:2])
KERAS_3 = hasattr(tf.keras, "ops")
"""Whether `tf.keras` is Keras 3 (from TensorFlow 2.16 on) rather than Keras 2."""

TUNER_CHECKPOINT = "checkpoint.weights.h5" if KERAS_3 else "checkpoint"
"""The name under which keras-tuner looks for a trial's weights: Keras 3 accepts no other ending."""


def save_hdf5(model: Model, path: Path) -> None:
    """Save as .h5. Both generations warn that the format is old; the lab means it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.save(str(path))


def load_model(path: Path, *, to_train: bool = False) -> Model:
    """Load a .keras or .h5 file that this project wrote itself; never a stranger's.

    From 2.16 on, an .h5 of a model compiled with `loss='mse'` says "Could not deserialize keras.metrics.mse":
    so the training configuration is left out unless it is needed.
    """
    return tf.keras.models.load_model(str(path), compile=to_train)


def export_saved_model(model: Model, folder: Path) -> None:
    """Write a SavedModel. Under 2.12 `export` after training says "tracing gradients": `save` does it there."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if TENSORFLOW < (2, 13):
            model.save(str(folder), save_format="tf")
        else:
            model.export(str(folder))


def call_saved_model(folder: Path, x: Any) -> Any:
    """Outputs of a SavedModel: `load_model` opens none from 2.16 on, TensorFlow's own loader opens all."""
    signature = tf.saved_model.load(str(folder)).signatures["serving_default"]
    (name,) = signature.structured_input_signature[1]
    (output,) = signature(**{name: tf.constant(x)}).values()
    return output.numpy()


def tflite_converter(source: Path, scratch: Path) -> Converter:
    """A converter for a .keras file or a SavedModel; `scratch` is a folder that does not exist yet.

    2.16 alone aborts in `from_keras_model` with every Keras 3 ("LLVM ERROR: Failed to infer result type(s)");
    by way of a SavedModel it works.
    """
    if source.is_dir():
        return tf.lite.TFLiteConverter.from_saved_model(str(source))
    model = load_model(source)
    if TENSORFLOW != (2, 16):
        return tf.lite.TFLiteConverter.from_keras_model(model)
    export_saved_model(model, scratch)
    return tf.lite.TFLiteConverter.from_saved_model(str(scratch))
