"""The parts of the TFLite schema (tensorflow/compiler/mlir/lite/schema/schema.fbs) that this room reads.

Own accessors over the checked cursor, not the generated modules of `tflite` or `ai_edge_litert`: those follow
unverified offsets and cost 0.2 to 0.4 s to import, and `tflite` 2.18 knows neither external buffers nor
blockwise scales nor all types below eight bits. Field numbers, names and types are held to both generated
modules by a test, which is what those packages are good for here.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from modelfiles.errors import ModelFileError
from modelfiles.flatbuffer import Flatbuffer, Table

IDENTIFIER = b"TFL3"
CUSTOM = 32
"""BuiltinOperator.CUSTOM: the operator's name is its custom code."""

_OPERATOR_NAMES = """
ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE EMBEDDING_LOOKUP
FLOOR FULLY_CONNECTED HASHTABLE_LOOKUP L2_NORMALIZATION L2_POOL_2D LOCAL_RESPONSE_NORMALIZATION LOGISTIC
LSH_PROJECTION LSTM MAX_POOL_2D MUL RELU RELU_N1_TO_1 RELU6 RESHAPE RESIZE_BILINEAR RNN SOFTMAX
SPACE_TO_DEPTH SVDF TANH CONCAT_EMBEDDINGS SKIP_GRAM CALL CUSTOM EMBEDDING_LOOKUP_SPARSE PAD
UNIDIRECTIONAL_SEQUENCE_RNN GATHER BATCH_TO_SPACE_ND SPACE_TO_BATCH_ND TRANSPOSE MEAN SUB DIV SQUEEZE
UNIDIRECTIONAL_SEQUENCE_LSTM STRIDED_SLICE BIDIRECTIONAL_SEQUENCE_RNN EXP TOPK_V2 SPLIT LOG_SOFTMAX
DELEGATE BIDIRECTIONAL_SEQUENCE_LSTM CAST PRELU MAXIMUM ARG_MAX MINIMUM LESS NEG PADV2 GREATER
GREATER_EQUAL LESS_EQUAL SELECT SLICE SIN TRANSPOSE_CONV SPARSE_TO_DENSE TILE EXPAND_DIMS EQUAL
NOT_EQUAL LOG SUM SQRT RSQRT SHAPE POW ARG_MIN FAKE_QUANT REDUCE_PROD REDUCE_MAX PACK LOGICAL_OR ONE_HOT
LOGICAL_AND LOGICAL_NOT UNPACK REDUCE_MIN FLOOR_DIV REDUCE_ANY SQUARE ZEROS_LIKE FILL FLOOR_MOD RANGE
RESIZE_NEAREST_NEIGHBOR LEAKY_RELU SQUARED_DIFFERENCE MIRROR_PAD ABS SPLIT_V UNIQUE CEIL REVERSE_V2
ADD_N GATHER_ND COS WHERE RANK ELU REVERSE_SEQUENCE MATRIX_DIAG QUANTIZE MATRIX_SET_DIAG ROUND
HARD_SWISH IF WHILE NON_MAX_SUPPRESSION_V4 NON_MAX_SUPPRESSION_V5 SCATTER_ND SELECT_V2 DENSIFY
SEGMENT_SUM BATCH_MATMUL PLACEHOLDER_FOR_GREATER_OP_CODES CUMSUM CALL_ONCE BROADCAST_TO RFFT2D CONV_3D
IMAG REAL COMPLEX_ABS HASHTABLE HASHTABLE_FIND HASHTABLE_IMPORT HASHTABLE_SIZE REDUCE_ALL
CONV_3D_TRANSPOSE VAR_HANDLE READ_VARIABLE ASSIGN_VARIABLE BROADCAST_ARGS RANDOM_STANDARD_NORMAL
BUCKETIZE RANDOM_UNIFORM MULTINOMIAL GELU DYNAMIC_UPDATE_SLICE RELU_0_TO_1 UNSORTED_SEGMENT_PROD
UNSORTED_SEGMENT_MAX UNSORTED_SEGMENT_SUM ATAN2 UNSORTED_SEGMENT_MIN SIGN BITCAST BITWISE_XOR
RIGHT_SHIFT STABLEHLO_LOGISTIC STABLEHLO_ADD STABLEHLO_DIVIDE STABLEHLO_MULTIPLY STABLEHLO_MAXIMUM
STABLEHLO_RESHAPE STABLEHLO_CLAMP STABLEHLO_CONCATENATE STABLEHLO_BROADCAST_IN_DIM STABLEHLO_CONVOLUTION
STABLEHLO_SLICE STABLEHLO_CUSTOM_CALL STABLEHLO_REDUCE STABLEHLO_ABS STABLEHLO_AND STABLEHLO_COSINE
STABLEHLO_EXPONENTIAL STABLEHLO_FLOOR STABLEHLO_LOG STABLEHLO_MINIMUM STABLEHLO_NEGATE STABLEHLO_OR
STABLEHLO_POWER STABLEHLO_REMAINDER STABLEHLO_RSQRT STABLEHLO_SELECT STABLEHLO_SUBTRACT STABLEHLO_TANH
STABLEHLO_SCATTER STABLEHLO_COMPARE STABLEHLO_CONVERT STABLEHLO_DYNAMIC_SLICE
STABLEHLO_DYNAMIC_UPDATE_SLICE STABLEHLO_PAD STABLEHLO_IOTA STABLEHLO_DOT_GENERAL
STABLEHLO_REDUCE_WINDOW STABLEHLO_SORT STABLEHLO_WHILE STABLEHLO_GATHER STABLEHLO_TRANSPOSE DILATE
STABLEHLO_RNG_BIT_GENERATOR REDUCE_WINDOW STABLEHLO_COMPOSITE STABLEHLO_SHIFT_LEFT STABLEHLO_CBRT
STABLEHLO_CASE
"""

BUILTIN_OPERATORS = tuple(_OPERATOR_NAMES.split())
"""Names by number."""


class TensorType(NamedTuple):
    """An element type: its name, the bits of one element in a buffer (0: no fixed size), its NumPy type."""

    name: str
    bits: int
    numpy: str | None


TENSOR_TYPES = (
    TensorType("float32", 32, "<f4"),
    TensorType("float16", 16, "<f2"),
    TensorType("int32", 32, "<i4"),
    TensorType("uint8", 8, "u1"),
    TensorType("int64", 64, "<i8"),
    TensorType("string", 0, None),
    TensorType("bool", 8, "?"),
    TensorType("int16", 16, "<i2"),
    TensorType("complex64", 64, "<c8"),
    TensorType("int8", 8, "i1"),
    TensorType("float64", 64, "<f8"),
    TensorType("complex128", 128, "<c16"),
    TensorType("uint64", 64, "<u8"),
    TensorType("resource", 0, None),
    TensorType("variant", 0, None),
    TensorType("uint32", 32, "<u4"),
    TensorType("uint16", 16, "<u2"),
    TensorType("int4", 4, None),
    TensorType("bfloat16", 16, None),
    TensorType("int2", 2, None),
    TensorType("uint4", 4, None),
    TensorType("float8_e4m3fn", 8, None),
    TensorType("float8_e5m2", 8, None),
)
"""By number. Types below eight bits are packed, the first element in the lowest bits."""


def tensor_type(number: int) -> TensorType:
    """The type of that number; one that this schema does not know yet has no size."""
    return TENSOR_TYPES[number] if 0 <= number < len(TENSOR_TYPES) else TensorType(f"type {number}", 0, None)


class RawQuantization(NamedTuple):
    """QuantizationParameters. `scale_tensor` is the tensor that holds blockwise scales, else None."""

    scales: npt.NDArray[np.float32]
    zero_points: npt.NDArray[np.int64]
    dimension: int
    details: int
    scale_tensor: int | None


class RawTensor(NamedTuple):
    """Tensor. `signature` is the shape with open dimensions as -1, empty where the file has none."""

    name: str
    shape: npt.NDArray[np.int32]
    signature: npt.NDArray[np.int32]
    type: TensorType
    buffer: int
    quantization: RawQuantization | None
    sparse: bool
    sparse_index_bytes: int
    variable: bool
    external_buffer: int


class RawOperator(NamedTuple):
    """Operator. `custom_option_bytes` is the size of what only the operator itself understands."""

    code: int
    inputs: npt.NDArray[np.int32]
    outputs: npt.NDArray[np.int32]
    custom_option_bytes: int


class RawSubgraph(NamedTuple):
    """SubGraph."""

    name: str
    tensors: list[RawTensor]
    inputs: npt.NDArray[np.int32]
    outputs: npt.NDArray[np.int32]
    operators: list[RawOperator]


class RawOperatorCode(NamedTuple):
    """OperatorCode, its two builtin fields reconciled."""

    builtin: int
    custom: str
    version: int


class RawSignature(NamedTuple):
    """SignatureDef: argument name to tensor index."""

    key: str
    subgraph: int
    inputs: list[tuple[str, int]]
    outputs: list[tuple[str, int]]


class RawModel(NamedTuple):
    """Model. `external_groups` names the separate files that hold `external_buffers` buffers."""

    version: int
    description: str
    operator_codes: list[RawOperatorCode]
    subgraphs: list[RawSubgraph]
    buffers: list[npt.NDArray[np.uint8]]
    metadata: list[tuple[str, int]]
    signatures: list[RawSignature]
    external_groups: list[str]
    external_buffers: int


def read_model(data: bytes | memoryview) -> RawModel:
    """The whole of what we read, every offset checked, nothing interpreted. Buffers are views into `data`.

    Raises ModelFileError: no TFLite file, truncated, or damaged.
    """
    file = Flatbuffer(data, IDENTIFIER)
    root = file.root()
    model = None if root is None else _model(root)
    file.close()
    if model is None:
        raise ModelFileError("damaged: no root table.")
    return model


def _model(table: Table) -> RawModel:
    return RawModel(
        version=table.scalar(0, "I"),
        operator_codes=[_operator_code(t) for t in table.tables(1, "operator code")],
        subgraphs=[_subgraph(t) for t in table.tables(2, "subgraph")],
        description=table.text(3, "the description"),
        buffers=[_buffer(t) for t in table.tables(4, "buffer")],
        metadata=[(t.text(0, "a metadata name"), t.scalar(1, "I")) for t in table.tables(6, "metadata entry")],
        signatures=[_signature(t) for t in table.tables(7, "signature")],
        external_groups=[t.text(0, "a group's name") for t in table.tables(8, "external group")],
        external_buffers=len(table.tables(9, "external buffer")),
    )


def _operator_code(table: Table) -> RawOperatorCode:
    # Numbers above 127 live in a field of their own, added later; interpreters take the larger of the two.
    builtin = max(table.scalar(0, "b"), table.scalar(3, "i"))
    return RawOperatorCode(builtin, table.text(1, "a custom code"), table.scalar(2, "i", default=1))


def _subgraph(table: Table) -> RawSubgraph:
    return RawSubgraph(
        tensors=[_tensor(t) for t in table.tables(0, "tensor")],
        inputs=table.vector(1, "<i4", "the subgraph's inputs"),
        outputs=table.vector(2, "<i4", "the subgraph's outputs"),
        operators=[_operator(t) for t in table.tables(3, "operator")],
        name=table.text(4, "a subgraph's name"),
    )


def _tensor(table: Table) -> RawTensor:
    quantization = table.table(4, f"the quantization of {table.what}")
    sparsity = table.table(6, f"the sparsity of {table.what}")
    return RawTensor(
        shape=table.vector(0, "<i4", f"the shape of {table.what}"),
        type=tensor_type(table.scalar(1, "b")),
        buffer=table.scalar(2, "I"),
        name=table.text(3, f"the name of {table.what}"),
        quantization=None if quantization is None else _quantization(quantization),
        variable=bool(table.scalar(5, "B")),
        sparse=sparsity is not None,
        sparse_index_bytes=0 if sparsity is None else _sparse_index_bytes(sparsity),
        signature=table.vector(7, "<i4", f"the shape signature of {table.what}"),
        external_buffer=table.scalar(10, "I"),
    )


def _quantization(table: Table) -> RawQuantization:
    details = table.scalar(4, "B")
    blockwise = table.table(5, table.what) if details in (2, 3) else None
    return RawQuantization(
        scales=table.vector(2, "<f4", table.what),
        zero_points=table.vector(3, "<i8", table.what),
        dimension=table.scalar(6, "i"),
        details=details,
        scale_tensor=None if blockwise is None else blockwise.scalar(0, "i"),
    )


_SPARSE_INDEX_DTYPES = {1: "<i4", 2: "<u2", 3: "u1"}
"""SparseIndexVector: the union's three kinds of list."""


def _sparse_index_bytes(table: Table) -> int:
    """Bytes of the lists that say where the stored elements of a sparse tensor belong."""
    total = 0
    for dimension in table.tables(2, "sparse dimension"):
        for kind_field, field in ((2, 3), (4, 5)):
            dtype = _SPARSE_INDEX_DTYPES.get(dimension.scalar(kind_field, "B"))
            indices = None if dtype is None else dimension.table(field, table.what)
            if indices is not None and dtype is not None:
                total += indices.vector(0, dtype, table.what).nbytes
    return total


def _operator(table: Table) -> RawOperator:
    options: npt.NDArray[Any] = table.vector(5, "u1", f"the options of {table.what}")
    offset, size = table.scalar(9, "Q"), table.scalar(10, "Q")
    if offset > 1:
        options = table.outside(offset, size, f"the options of {table.what}")
    return RawOperator(
        code=table.scalar(0, "I"),
        inputs=table.vector(1, "<i4", f"the inputs of {table.what}"),
        outputs=table.vector(2, "<i4", f"the outputs of {table.what}"),
        custom_option_bytes=options.nbytes,
    )


def _buffer(table: Table) -> npt.NDArray[np.uint8]:
    offset, size = table.scalar(1, "Q"), table.scalar(2, "Q")
    # 1 is the converter's placeholder for an offset it never filled in.
    if offset > 1:
        return table.outside(offset, size, table.what)
    return table.vector(0, "u1", table.what)


def _signature(table: Table) -> RawSignature:
    def arguments(field: int) -> list[tuple[str, int]]:
        entries = table.tables(field, "signature argument")
        return [(t.text(0, "an argument's name"), t.scalar(1, "I")) for t in entries]

    return RawSignature(table.text(2, "a signature's key"), table.scalar(4, "I"), arguments(0), arguments(1))
