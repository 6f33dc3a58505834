"""Makes the .tflite files of the tests: `python convert_models.py FOLDER`. Converters may abort: give it a process.

One small network with weights on either side of the converter's limit for quantizing (1,024 elements), as float32,
float16, dynamic range, full int8 and int16 activations; a file with two signatures; and functions of a line or two
that make files with one property each. `expected.npz` holds an input, Keras's own output and `count_params()`.
Some of the files, made under TensorFlow 2.21, are kept in data/tflite, for the tests that need none made today.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tensorflow import lite

DEFAULT = [lite.Optimize.DEFAULT]
INT16 = lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8


def network() -> Any:
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            keras.layers.Conv2D(8, 3, activation="relu", bias_initializer="random_normal"),
            keras.layers.MaxPooling2D(),
            keras.layers.Flatten(),
            keras.layers.Dense(24, activation="relu", bias_initializer="random_normal"),
            # The converter leaves out a bias of zeros, and with it parameters.
            keras.layers.Dense(5, activation="softmax", bias_initializer="random_normal"),
        ]
    )


def converted(source: Any, **settings: Any) -> bytes:
    converter = lite.TFLiteConverter.from_keras_model(source) if isinstance(source, keras.Model) else source
    for name, value in settings.items():
        assert hasattr(converter, name), name  # a misspelt attribute would be taken without a word
        setattr(converter, name, value)
    return bytes(converter.convert())


def of_function(function: Callable[..., Any], *shape: int | None, **settings: Any) -> bytes:
    traced = tf.function(function, input_signature=[tf.TensorSpec(shape, tf.float32)])
    concrete = traced.get_concrete_function()
    return converted(lite.TFLiteConverter.from_concrete_functions([concrete], traced), **settings)


class Coder(tf.Module):
    """Two entry points that share one kernel."""

    def __init__(self) -> None:
        self.kernel = tf.Variable(np.arange(12, dtype=np.float32).reshape(4, 3))

    @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32)])
    def encode(self, x: Any) -> dict[str, Any]:
        return {"code": x @ self.kernel}

    @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32)])
    def decode(self, code: Any) -> dict[str, Any]:
        return {"x": tf.matmul(code, self.kernel, transpose_b=True)}


def networks(folder: Path) -> Iterator[tuple[str, bytes]]:
    model = network()
    x = np.random.default_rng(0).random((8, 8, 8, 3), np.float32)
    y = model.predict(x, verbose=0)
    np.savez(folder / "expected.npz", x=x, y=y, parameters=model.count_params())
    calibrated = {"optimizations": DEFAULT, "representative_dataset": lambda: ([row[None]] for row in x)}
    yield "float32", converted(model)
    yield (
        "float16",
        converted(model, optimizations=DEFAULT, target_spec=lite.TargetSpec(supported_types=[tf.float16])),
    )
    yield "dynamic", converted(model, optimizations=DEFAULT)
    yield (
        "per_tensor",
        converted(
            model, optimizations=DEFAULT, _experimental_disable_per_channel_quantization_for_dense_layers=True
        ),
    )
    yield (
        "int8",
        converted(
            model,
            **calibrated,
            target_spec=lite.TargetSpec(supported_ops=[lite.OpsSet.TFLITE_BUILTINS_INT8]),
            inference_input_type=tf.int8,
            inference_output_type=tf.int8,
        ),
    )
    yield "int8_float_ends", converted(model, **calibrated)
    yield "int16", converted(model, **calibrated, target_spec=lite.TargetSpec(supported_ops=[INT16]))


def oddities(folder: Path) -> Iterator[tuple[str, bytes]]:
    coder = Coder()
    saved = str(folder / "coder")
    tf.saved_model.save(coder, saved, signatures={"encode": coder.encode, "decode": coder.decode})
    yield "signatures", converted(lite.TFLiteConverter.from_saved_model(saved))
    yield (
        "loop",
        of_function(lambda x: tf.while_loop(lambda i, _: i < 5, lambda i, x: (i + 1, x * 2.0), [0, x])[1], 3),
    )
    yield "endless", of_function(lambda x: tf.while_loop(lambda x: tf.reduce_all(x > -1.0), tf.abs, [x])[0], 3)
    yield "own_batch", of_function(lambda x: tf.reshape(x * 2.0, [2, 2, 2]), 2, 4)
    yield "greedy", of_function(lambda x: tf.reduce_sum(tf.tile(x[:, None], [1, 2**28]), axis=1), None)
    yield "custom", of_function(tf.math.atanh, 3, allow_custom_ops=True)
    flex = lite.TargetSpec(supported_ops=[lite.OpsSet.TFLITE_BUILTINS, lite.OpsSet.SELECT_TF_OPS])
    yield "flex", of_function(lambda x: tf.linalg.inv(tf.reshape(x, [3, 1, 1])), 3, target_spec=flex)


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in (*networks(folder), *oddities(folder)):
        (folder / f"{name}.tflite").write_bytes(content)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
