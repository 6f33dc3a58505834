"""Our accessors of the schema against the modules that the schema's compiler made."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tflite as tflite_package
from ai_edge_litert import schema_py_generated as schema
from tflite_builder import TYPE, code, model, operator, quantization, subgraph, tensor

from modelfiles.tflite_schema import BUILTIN_OPERATORS, TENSOR_TYPES, RawModel, read_model

KEPT = ("float32", "dynamic", "int8", "signatures", "loop", "own_batch", "custom", "flex", "endless", "greedy")


def constants(enumeration: type) -> dict[str, int]:
    return {name: value for name, value in vars(enumeration).items() if not name.startswith("_")}


def test_operator_names_are_those_of_the_schema() -> None:
    assert {name: i for i, name in enumerate(BUILTIN_OPERATORS)} == constants(schema.BuiltinOperator)
    older = constants(tflite_package.BuiltinOperator)
    assert {name: BUILTIN_OPERATORS.index(name) for name in older} == older


def test_tensor_types_are_those_of_the_schema() -> None:
    ours = {kind.name.upper(): i for i, kind in enumerate(TENSOR_TYPES)}
    assert ours == constants(schema.TensorType)
    assert constants(tflite_package.TensorType).items() <= ours.items()
    for kind in TENSOR_TYPES:
        if kind.numpy is not None:
            assert np.dtype(kind.numpy).itemsize * 8 == kind.bits
            assert np.dtype(kind.numpy).name == kind.name


def text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else value or ""


def numbers(value: Any) -> list[int]:
    return [] if value is None else list(value)


def reference(content: bytes) -> Any:
    """The same file through the generated object interface of ai-edge-litert."""
    return schema.ModelT.InitFromPackedBuf(content, 0)


def exotic() -> bytes:
    """A file that has a value other than the default in every field that we read."""
    blockwise = schema.BlockwiseQuantizationT()
    blockwise.scales = 1
    detailed = quantization([0.5, 0.25], [1, 2], dimension=1)
    detailed.detailsType, detailed.details = schema.QuantizationDetails.BlockwiseQuantization, blockwise
    segments, indices = schema.Uint8VectorT(), schema.Uint16VectorT()
    segments.values, indices.values = np.array([0, 2], np.uint8), np.array([1, 3], np.uint16)
    dimension = schema.DimensionMetadataT()
    dimension.format = schema.DimensionType.SPARSE_CSR
    dimension.arraySegmentsType, dimension.arraySegments = schema.SparseIndexVector.Uint8Vector, segments
    dimension.arrayIndicesType, dimension.arrayIndices = schema.SparseIndexVector.Uint16Vector, indices
    sparsity = schema.SparsityParametersT()
    sparsity.dimMetadata = [dimension]
    group, external = schema.ExternalBufferGroupT(), schema.ExternalBufferT()
    group.name, external.id = "weights.bin", 7
    argument, signature, note = schema.TensorMapT(), schema.SignatureDefT(), schema.MetadataT()
    argument.name, argument.tensorIndex = "x", 1
    signature.signatureKey, signature.subgraphIndex = "run", 1
    signature.inputs, signature.outputs = [argument], [argument]
    note.name, note.buffer = "note", 1
    tensors = [
        tensor([2, 2], TYPE.INT4, 1, "kernel", detailed, shapeSignature=[-1, 2], sparsity=sparsity),
        tensor([4], TYPE.UINT64, 2, "state", isVariable=True, externalBuffer=7),
    ]
    graphs = [subgraph(tensors, [operator([0, -1], [1], 1, b"options")], [0], [1]), subgraph(tensors)]
    graphs[1].name = "second"
    return model(
        *graphs,
        buffers=[b"ab", b"c"],
        codes=[code(schema.BuiltinOperator.STABLEHLO_CASE, version=3), code(custom="Mine")],
        version=4,
        description="made by hand",
        metadata=[note],
        signatureDefs=[signature],
        externalBufferGroups=[group],
        externalBuffers=[external],
    )


def check(ours: RawModel, theirs: Any) -> None:
    assert (ours.version, ours.description) == (theirs.version, text(theirs.description))
    assert ours.metadata == [(text(m.name), m.buffer) for m in theirs.metadata or []]
    assert ours.external_groups == [text(g.name) for g in theirs.externalBufferGroups or []]
    assert ours.external_buffers == len(theirs.externalBuffers or [])
    assert [b.tolist() for b in ours.buffers] == [numbers(b.data) for b in theirs.buffers]
    for code_, their_code in zip(ours.operator_codes, theirs.operatorCodes, strict=True):
        builtin = max(their_code.builtinCode, their_code.deprecatedBuiltinCode)
        assert code_ == (builtin, text(their_code.customCode), their_code.version)
    for signature, their_signature in zip(ours.signatures, theirs.signatureDefs or [], strict=True):
        assert (signature.key, signature.subgraph) == (
            text(their_signature.signatureKey),
            their_signature.subgraphIndex,
        )
        for entries, their_entries in (
            (signature.inputs, their_signature.inputs),
            (signature.outputs, their_signature.outputs),
        ):
            assert entries == [(text(e.name), e.tensorIndex) for e in their_entries or []]
    for graph, their_graph in zip(ours.subgraphs, theirs.subgraphs, strict=True):
        assert graph.name == text(their_graph.name)
        assert numbers(graph.inputs) == numbers(their_graph.inputs)
        assert numbers(graph.outputs) == numbers(their_graph.outputs)
        for node, their_node in zip(graph.operators, their_graph.operators or [], strict=True):
            assert (node.code, numbers(node.inputs), numbers(node.outputs)) == (
                their_node.opcodeIndex,
                numbers(their_node.inputs),
                numbers(their_node.outputs),
            )
            assert node.custom_option_bytes == len(numbers(their_node.customOptions))
        for ours_, their_tensor in zip(graph.tensors, their_graph.tensors, strict=True):
            check_tensor(ours_, their_tensor)


def check_tensor(ours: Any, theirs: Any) -> None:
    assert (ours.name, ours.buffer, ours.variable) == (text(theirs.name), theirs.buffer, bool(theirs.isVariable))
    assert ours.type == TENSOR_TYPES[theirs.type]
    assert ours.external_buffer == theirs.externalBuffer
    assert numbers(ours.shape) == numbers(theirs.shape)
    assert numbers(ours.signature) == numbers(theirs.shapeSignature)
    assert ours.sparse == (theirs.sparsity is not None)
    if theirs.sparsity is not None:
        lists = [v for d in theirs.sparsity.dimMetadata for v in (d.arraySegments, d.arrayIndices) if v is not None]
        assert ours.sparse_index_bytes == sum(np.asarray(v.values).nbytes for v in lists)
    assert (ours.quantization is None) == (theirs.quantization is None)
    if ours.quantization is not None:
        assert numbers(ours.quantization.scales) == numbers(theirs.quantization.scale)
        assert numbers(ours.quantization.zero_points) == numbers(theirs.quantization.zeroPoint)
        assert ours.quantization.dimension == theirs.quantization.quantizedDimension
        details = theirs.quantization.details
        assert ours.quantization.scale_tensor == (None if details is None else details.scales)


@pytest.mark.parametrize("name", KEPT)
def test_converted_files_read_as_the_generated_modules_read_them(tflite: Any, name: str) -> None:
    check(read_model(tflite(name)), reference(tflite(name)))


def test_every_field_reads_as_the_generated_module_reads_it() -> None:
    content = exotic()
    check(read_model(content), reference(content))


def test_the_tflite_package_agrees_on_what_it_knows(tflite: Any) -> None:
    """Three readers, one answer: the package that others use sees the same tensors and operators."""
    content = tflite("dynamic")
    graph = tflite_package.Model.GetRootAs(content).Subgraphs(0)
    ours = read_model(content).subgraphs[0]
    assert [t.name for t in ours.tensors] == [
        graph.Tensors(i).Name().decode() for i in range(graph.TensorsLength())
    ]
    assert [numbers(t.shape) for t in ours.tensors] == [
        numbers(graph.Tensors(i).ShapeAsNumpy()) for i in range(graph.TensorsLength())
    ]
    assert [o.code for o in ours.operators] == [
        graph.Operators(i).OpcodeIndex() for i in range(graph.OperatorsLength())
    ]
