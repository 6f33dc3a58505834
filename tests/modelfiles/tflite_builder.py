"""Small .tflite files with chosen properties, written by ai-edge-litert's own schema module."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

TYPE = schema.TensorType
OP = schema.BuiltinOperator


def quantization(scales: Sequence[float] = (), zero_points: Sequence[int] = (), dimension: int = 0) -> Any:
    made = schema.QuantizationParametersT()
    made.scale = np.array(scales, np.float32)
    made.zeroPoint = np.array(zero_points, np.int64)
    made.quantizedDimension = dimension
    return made


def tensor(
    shape: Sequence[int],
    dtype: int = TYPE.FLOAT32,
    buffer: int = 0,
    name: str = "t",
    quantized: Any = None,
    **fields: Any,
) -> Any:
    made = schema.TensorT()
    made.shape, made.type, made.buffer, made.name = np.array(shape, np.int32), dtype, buffer, name
    made.quantization = quantized
    for key, value in fields.items():
        assert hasattr(made, key), key
        setattr(made, key, value)
    return made


def operator(inputs: Sequence[int], outputs: Sequence[int], code: int = 0, options: bytes = b"") -> Any:
    made = schema.OperatorT()
    made.inputs, made.outputs = np.array(inputs, np.int32), np.array(outputs, np.int32)
    made.opcodeIndex = code
    made.customOptions = np.frombuffer(options, np.uint8) if options else None
    return made


def code(builtin: int = OP.ADD, custom: str | None = None, version: int = 1) -> Any:
    made = schema.OperatorCodeT()
    made.builtinCode = OP.CUSTOM if custom else builtin
    made.deprecatedBuiltinCode = min(made.builtinCode, 127)
    made.customCode, made.version = custom, version
    return made


def subgraph(
    tensors: Sequence[Any], operators: Sequence[Any] = (), inputs: Sequence[int] = (), outputs: Sequence[int] = ()
) -> Any:
    made = schema.SubGraphT()
    made.tensors, made.operators = list(tensors), list(operators)
    made.inputs, made.outputs = np.array(inputs, np.int32), np.array(outputs, np.int32)
    return made


def model(
    *subgraphs: Any, buffers: Sequence[bytes | Any] = (), codes: Sequence[Any] = (), version: int = 3, **fields: Any
) -> bytes:
    """A file whose buffer 0 is the empty one, as converters write it; `buffers` follow from 1 on."""
    made = schema.ModelT()
    made.version, made.subgraphs, made.operatorCodes = version, list(subgraphs), list(codes)
    made.buffers = [schema.BufferT()]
    for data in buffers:
        buffer = schema.BufferT() if isinstance(data, bytes) else data
        if isinstance(data, bytes):
            buffer.data = np.frombuffer(data, np.uint8)
        made.buffers.append(buffer)
    for key, value in fields.items():
        assert hasattr(made, key), key
        setattr(made, key, value)
    builder = flatbuffers.Builder(1024)
    builder.Finish(made.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())
