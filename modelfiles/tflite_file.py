"""Static inspection of .tflite files, without an interpreter, reading nothing that the file does not hold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from modelfiles.description import (
    Endpoint,
    Operator,
    Quantization,
    Signature,
    Subgraph,
    TFLiteModel,
    TFLiteTensor,
)
from modelfiles.errors import ModelFileError
from modelfiles.tflite_quantization import Node, quantization_kind
from modelfiles.tflite_schema import (
    BUILTIN_OPERATORS,
    CUSTOM,
    RawModel,
    RawOperatorCode,
    RawQuantization,
    RawSignature,
    RawSubgraph,
    RawTensor,
    read_model,
)
from modelfiles.tflite_tensors import contents, named, parameters, stored_buffer, stored_elements, tflite_tensor
from modelfiles.tflite_warnings import compiled_for, warnings

__all__ = ["describe_tflite", "describe_tflite_bytes", "tflite_tensor"]

MAX_RANK = 32
"""Most dimensions a tensor may have: where NumPy stopped until version 2; interpreters stop earlier."""

MAX_SCALES = 2**22
"""Most scales and zero points in one file; large language models with a scale per channel have a quarter."""


def describe_tflite(path: str | Path) -> TFLiteModel:
    """Describe the .tflite file at `path`; the definitions stand in `TFLiteModel`.

    Raises ModelFileError: not readable, no TFLite file, "truncated: N of M bytes", or damaged.
    """
    with named(path):
        return describe_tflite_bytes(contents(path), str(path))


def describe_tflite_bytes(data: bytes | memoryview, path: str = "") -> TFLiteModel:
    """As `describe_tflite`, for a model in memory."""
    raw = read_model(data)
    if not raw.subgraphs:
        raise ModelFileError("damaged: the file holds no subgraph.")
    _bound_scales(raw)
    codes = [_operator(code) for code in raw.operator_codes]
    blockwise = [_scale_tensors(graph) for graph in raw.subgraphs]
    tensors = [
        tuple(_tensor(raw, i, tensor, i in scales) for i, tensor in enumerate(graph.tensors))
        for graph, scales in zip(raw.subgraphs, blockwise, strict=True)
    ]
    nodes = [_nodes(graph, codes) for graph in raw.subgraphs]
    subgraphs = tuple(
        Subgraph(graph.name, ts, tuple(n.operator for n in ns), _ends(graph.inputs, ts), _ends(graph.outputs, ts))
        for graph, ts, ns in zip(raw.subgraphs, tensors, nodes, strict=True)
    )
    used = dict.fromkeys(operator for graph in subgraphs for operator in graph.operators)
    weights = _weights(tensors)
    main = subgraphs[0]
    return TFLiteModel(
        path=path,
        format="tflite",
        description=raw.description,
        metadata={name: len(stored_buffer(raw, buffer, f"metadata {name!r}")) for name, buffer in raw.metadata},
        subgraphs=subgraphs,
        tensors=main.tensors,
        operators=tuple(used),
        inputs=main.inputs,
        outputs=main.outputs,
        parameters=sum(parameters(tensor) for tensor in weights),
        stored_parameters=sum(stored_elements(tensor) for tensor in weights),
        weight_bytes=sum(tensor.nbytes for tensor in weights),
        file_bytes=len(data),
        signatures=tuple(_signature(signature, subgraphs) for signature in raw.signatures),
        version=raw.version,
        quantization=quantization_kind(list(zip(tensors, nodes, strict=True))),
        min_runtime_version=_min_runtime_version(raw),
        accelerators=compiled_for(used),
        external_tensors=sum(t.external_buffer > 0 for graph in raw.subgraphs for t in graph.tensors),
        warnings=warnings(raw, tensors, weights, nodes),
    )


def _operator(code: RawOperatorCode) -> Operator:
    if code.builtin == CUSTOM:
        return Operator(code.custom, code.version, custom=True)
    known = 0 <= code.builtin < len(BUILTIN_OPERATORS)
    return Operator(BUILTIN_OPERATORS[code.builtin] if known else f"BUILTIN_{code.builtin}", code.version, False)


def _bound_scales(raw: RawModel) -> None:
    quantizations = [t.quantization for graph in raw.subgraphs for t in graph.tensors if t.quantization is not None]
    if sum(len(q.scales) + len(q.zero_points) for q in quantizations) > MAX_SCALES:
        raise ModelFileError(f"damaged: more than {MAX_SCALES:,} quantization scales.")


def _scale_tensors(graph: RawSubgraph) -> set[int]:
    """Tensors that hold the scales of others (blockwise quantization)."""
    found = (t.quantization.scale_tensor for t in graph.tensors if t.quantization is not None)
    return {index for index in found if index is not None}


def _tensor(raw: RawModel, index: int, tensor: RawTensor, holds_scales: bool) -> TFLiteTensor:
    rank = max(len(tensor.shape), len(tensor.signature))
    if rank > MAX_RANK:
        raise ModelFileError(f"damaged: tensor {index} declares {rank:,} dimensions; {MAX_RANK} is the most.")
    stored = stored_buffer(raw, tensor.buffer, f"tensor {index}").size
    shape = tensor.signature if len(tensor.signature) else tensor.shape
    scaled = tensor.quantization is not None and (
        len(tensor.quantization.scales) > 0 or tensor.quantization.scale_tensor is not None
    )
    numeric = tensor.type.name.startswith(("float", "bfloat", "complex")) or (scaled and tensor.type.bits > 0)
    return TFLiteTensor(
        index=index,
        name=tensor.name,
        shape=tuple(int(d) for d in shape),
        dtype=tensor.type.name,
        nbytes=stored,
        buffer=tensor.buffer,
        quantization=_quantization(tensor.quantization) if scaled and tensor.quantization else None,
        sparse=tensor.sparse,
        variable=tensor.variable,
        weight=stored > 0 and numeric and not holds_scales and not tensor.variable,
    )


def _quantization(raw: RawQuantization) -> Quantization:
    return Quantization(tuple(raw.scales.tolist()), tuple(raw.zero_points.tolist()), raw.dimension)


def _nodes(graph: RawSubgraph, codes: Sequence[Operator]) -> list[Node]:
    count = len(graph.tensors)
    nodes = []
    for i, operator in enumerate(graph.operators):
        if operator.code >= len(codes):
            raise ModelFileError(f"damaged: operator {i} refers to operator code {operator.code} of {len(codes)}.")
        ends = tuple(operator.inputs.tolist()), tuple(operator.outputs.tolist())
        for tensor in (*ends[0], *ends[1]):
            if not -1 <= tensor < count:
                raise ModelFileError(f"damaged: operator {i} refers to tensor {tensor} of {count}.")
        nodes.append(Node(codes[operator.code], *ends))
    return nodes


def _ends(indices: Iterable[int], tensors: Sequence[TFLiteTensor]) -> tuple[Endpoint, ...]:
    ends = []
    for index in indices:
        if not 0 <= index < len(tensors):
            raise ModelFileError(f"damaged: a subgraph's input or output is tensor {index} of {len(tensors)}.")
        tensor = tensors[index]
        per_tensor = tensor.quantization if tensor.quantization and len(tensor.quantization.scales) == 1 else None
        scale = per_tensor.scales[0] if per_tensor else 0.0
        zero_point = per_tensor.zero_points[0] if per_tensor and per_tensor.zero_points else 0
        ends.append(Endpoint(tensor.name, tensor.shape, tensor.dtype, scale, zero_point))
    return tuple(ends)


def _signature(raw: RawSignature, subgraphs: Sequence[Subgraph]) -> Signature:
    if raw.subgraph >= len(subgraphs):
        raise ModelFileError(f"damaged: a signature refers to subgraph {raw.subgraph} of {len(subgraphs)}.")
    tensors = subgraphs[raw.subgraph].tensors

    def names(arguments: list[tuple[str, int]]) -> dict[str, str]:
        for _, index in arguments:
            if index >= len(tensors):
                raise ModelFileError(f"damaged: a signature refers to tensor {index} of {len(tensors)}.")
        return {argument: tensors[index].name for argument, index in arguments}

    return Signature(raw.key, names(raw.inputs), names(raw.outputs), raw.subgraph)


def _weights(tensors: Sequence[Sequence[TFLiteTensor]]) -> list[TFLiteTensor]:
    """The weights of all subgraphs, one for each buffer."""
    by_buffer: dict[int, TFLiteTensor] = {}
    for tensor in (t for graph in tensors for t in graph if t.weight):
        by_buffer.setdefault(tensor.buffer, tensor)
    return list(by_buffer.values())


def _min_runtime_version(raw: RawModel) -> str | None:
    """The oldest TensorFlow Lite that the converter thinks sufficient (padded with zeros in the file)."""
    for name, buffer in raw.metadata:
        if name == "min_runtime_version":
            text = bytes(stored_buffer(raw, buffer, "metadata")[:64]).split(b"\0")[0].decode("ascii", "replace")
            return text or None
    return None
