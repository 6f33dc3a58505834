"""Model files, read as data: no TensorFlow, nothing executed, nothing imported that a file names."""

from __future__ import annotations

from modelfiles.description import KerasModel, Layer, Tensor, TFLiteModel
from modelfiles.errors import ModelFileError, RuntimeFailure, UnsupportedLayer

__all__ = [
    "KerasModel",
    "Layer",
    "ModelFileError",
    "RuntimeFailure",
    "TFLiteModel",
    "Tensor",
    "UnsupportedLayer",
]
