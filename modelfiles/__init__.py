"""Model files, read as data: no TensorFlow, nothing executed, nothing imported that a file names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelfiles.description import KerasModel, Layer, Tensor, TFLiteModel
from modelfiles.errors import ModelFileError, RuntimeFailure, UnsupportedLayer

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = [
    "KerasModel",
    "Layer",
    "ModelFileError",
    "RuntimeFailure",
    "TFLiteModel",
    "Tensor",
    "UnsupportedLayer",
    "describe",
    "weights",
]


def describe(path: str | Path) -> KerasModel | TFLiteModel:
    """What the model file (or SavedModel folder) at `path` is, told by its content, never by its name.

    Raises ModelFileError, one sentence, for everything that is no readable model.
    """
    from modelfiles.reading import is_tflite, open_model
    from modelfiles.source import Source

    path = Path(path)
    if not path.is_dir():
        with Source(path) as source:
            head = source.head(8)
        if is_tflite(head):
            from modelfiles.tflite_file import describe_tflite

            return describe_tflite(path)
    from modelfiles.layers import describe_keras

    with open_model(path) as opened:
        return describe_keras(path, opened)


def weights(path: str | Path) -> dict[str, list[npt.NDArray[np.generic[Any]]]]:
    """The weights of a Keras file: layer path (names joined by "/") to read-only arrays in Keras's order.

    Layers without weights are left out; a layer that stands in several places appears at each. An exported
    SavedModel names its layers by its variables, in the order of the layers. bfloat16 comes as float32.
    Raises ModelFileError.
    """
    from modelfiles.reading import open_model

    with open_model(Path(path)) as opened:
        return {layer: [array.read() for array in arrays] for layer, arrays in opened.arrays.items()}
