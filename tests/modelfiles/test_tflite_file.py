"""What `describe_tflite` says of files whose truth is known, and each definition that it counts by."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from tflite_builder import OP, TYPE, code, model, operator, quantization, subgraph, tensor

from modelfiles.description import Endpoint, Operator
from modelfiles.errors import ModelFileError
from modelfiles.tflite_file import describe_tflite, describe_tflite_bytes, tflite_tensor

F4 = np.dtype("<f4")


def floats(*values: float) -> bytes:
    return np.array(values, F4).tobytes()


# Files of the converter


def test_a_float_network(tflite: Any) -> None:
    found = describe_tflite_bytes(tflite("float32"), "network.tflite")
    assert (found.path, found.format, found.version) == ("network.tflite", "tflite", 3)
    assert found.parameters == found.stored_parameters == 2_101
    assert found.weight_bytes == 4 * 2_101
    assert found.file_bytes == len(tflite("float32"))
    assert found.inputs == (Endpoint("serving_default_keras_tensor:0", (-1, 8, 8, 3), "float32", 0.0, 0),)
    assert [(o.shape, o.dtype, o.scale, o.zero_point) for o in found.outputs] == [((-1, 5), "float32", 0.0, 0)]
    assert Operator("CONV_2D", 1, custom=False) in found.operators
    assert len(set(found.operators)) == len(found.operators)
    assert found.quantization == "float32"
    assert (found.description, found.min_runtime_version) == ("MLIR Converted.", "1.11.0")
    assert [s.key for s in found.signatures] == ["serving_default"]
    assert found.warnings == ()


@pytest.mark.parametrize(
    ("name", "kind", "weight_bytes"),
    [
        ("float32", "float32", 4 * 2_101),
        ("float16", "float16", 2 * 2_101),
        # Only the kernel of 1,728 elements is above the converter's limit of 1,024.
        ("dynamic", "dynamic range", 1_728 + 4 * 373),
        ("per_tensor", "dynamic range", 1_728 + 4 * 373),
        ("int8", "full int8", 2_064 + 4 * 37),
        ("int8_float_ends", "full int8", 2_064 + 4 * 37),
        ("int16", "full int16 (int8 weights)", 2_064 + 8 * 37),
    ],
)
def test_each_quantization_of_todays_converter(converted: Path, name: str, kind: str, weight_bytes: int) -> None:
    found = describe_tflite(converted / f"{name}.tflite")
    assert found.quantization == kind
    assert found.weight_bytes == weight_bytes
    assert found.parameters == int(np.load(converted / "expected.npz")["parameters"])
    assert found.warnings == ()


def test_integer_ends_carry_their_scale(tflite: Any) -> None:
    found = describe_tflite_bytes(tflite("int8"))
    (entry,), (exit_,) = found.inputs, found.outputs
    assert (entry.dtype, entry.zero_point) == ("int8", -128)
    assert entry.scale == pytest.approx(1 / 255, rel=0.01)
    assert (exit_.dtype, exit_.scale, exit_.zero_point) == ("int8", 1 / 256, -128)


def test_signatures_and_subgraphs(tflite: Any) -> None:
    found = describe_tflite_bytes(tflite("signatures"))
    assert {s.key: (list(s.inputs), list(s.outputs)) for s in found.signatures} == {
        "encode": (["x"], ["code"]),
        "decode": (["code"], ["x"]),
    }
    assert sorted(s.subgraph for s in found.signatures) == [0, 1]
    assert len(found.subgraphs) == 2
    assert found.parameters == sum(t.weight for g in found.subgraphs for t in g.tensors) * 12


def test_shapes_and_counters_are_no_parameters(tflite: Any) -> None:
    found = describe_tflite_bytes(tflite("loop"))
    assert found.parameters == 1  # the factor 2.0; the limit 5 and the step 1 are int32
    assert {op.name for op in found.operators} >= {"WHILE", "LESS", "MUL"}


@pytest.mark.parametrize(
    ("name", "operator_name", "warning"),
    [
        ("custom", "Atanh", "custom operators, which the runtime must bring: Atanh."),
        ("flex", "FlexMatrixInverse", "needs the Flex delegate, which pip's runtimes lack: FlexMatrixInverse."),
    ],
)
def test_operators_of_few_runtimes_are_named(tflite: Any, name: str, operator_name: str, warning: str) -> None:
    found = describe_tflite_bytes(tflite(name))
    assert Operator(operator_name, 1, custom=True) in found.operators
    assert found.warnings == (warning,)


# Definitions


def test_a_shared_buffer_counts_once() -> None:
    tensors = [tensor([2, 3], buffer=1), tensor([6], buffer=1), tensor([1, 6], buffer=2)]
    found = describe_tflite_bytes(model(subgraph(tensors), subgraph(tensors), buffers=[floats(*range(6))] * 2))
    assert (found.parameters, found.weight_bytes) == (12, 48)


def test_int4_is_packed_two_to_a_byte() -> None:
    kernel = tensor([3, 5], TYPE.INT4, 1, quantized=quantization([0.1]))
    found = describe_tflite_bytes(model(subgraph([kernel]), buffers=[bytes(8)]))
    assert (found.parameters, found.stored_parameters, found.weight_bytes) == (15, 15, 8)
    assert found.warnings == ()


def test_a_sparse_weight_counts_by_shape_and_by_what_is_stored() -> None:
    sparsity = schema.SparsityParametersT()
    sparsity.traversalOrder = np.array([0, 1], np.int32)
    kernel = tensor([4, 8], buffer=1, sparsity=sparsity)
    found = describe_tflite_bytes(model(subgraph([kernel]), buffers=[floats(1, 2, 3)]))
    assert (found.parameters, found.stored_parameters, found.weight_bytes) == (32, 3, 12)
    assert found.tensors[0].sparse
    with pytest.raises(ModelFileError, match="sparse"):
        tflite_tensor(model(subgraph([kernel]), buffers=[floats(1, 2, 3)]), 0)


def test_a_scale_is_no_weight_even_as_a_tensor() -> None:
    details = schema.BlockwiseQuantizationT()
    details.scales = 1
    blockwise = quantization()
    blockwise.detailsType, blockwise.details = schema.QuantizationDetails.BlockwiseQuantization, details
    tensors = [tensor([4], TYPE.INT8, 1, quantized=blockwise), tensor([2], buffer=2, name="scales")]
    found = describe_tflite_bytes(model(subgraph(tensors), buffers=[bytes(4), floats(0.5, 0.25)]))
    assert [t.weight for t in found.tensors] == [True, False]
    assert (found.parameters, found.weight_bytes) == (4, 4)


def test_integers_without_a_scale_are_no_weights() -> None:
    tensors = [tensor([2], TYPE.INT32, 1), tensor([2], TYPE.INT32, 2, quantized=quantization([0.1], [0]))]
    found = describe_tflite_bytes(model(subgraph(tensors), buffers=[bytes(8), bytes(8)]))
    assert [t.weight for t in found.tensors] == [False, True]
    assert found.parameters == 2


def test_state_is_no_weight() -> None:
    found = describe_tflite_bytes(model(subgraph([tensor([2], buffer=1, isVariable=True)]), buffers=[bytes(8)]))
    assert (found.parameters, found.tensors[0].variable) == (0, True)


def appended(position: int, size: int) -> bytes:
    """A file whose buffer 1 claims to stand `position` bytes from its start."""
    far = schema.BufferT()
    far.offset, far.size = position, size
    return model(subgraph([tensor([2], buffer=1)]), buffers=[far])


def test_a_buffer_after_the_flatbuffer_is_read_where_it_stands() -> None:
    length = len(appended(4096, 8))
    content = appended(4096, 8) + bytes(4096 - length) + floats(3, 4)
    assert describe_tflite_bytes(content).weight_bytes == 8
    assert tflite_tensor(content, 0).tolist() == [3, 4]
    with pytest.raises(ModelFileError, match=r"^truncated: 4,100 of 4,104 bytes\.$"):
        describe_tflite_bytes(content[:-4])


def test_values_in_another_file_are_said_to_be_missing() -> None:
    group = schema.ExternalBufferGroupT()
    group.name = "weights.bin"
    content = model(subgraph([tensor([2], externalBuffer=1)]), externalBufferGroups=[group])
    found = describe_tflite_bytes(content)
    assert (found.external_tensors, found.parameters) == (1, 0)
    assert found.warnings == ("1 tensors keep their values in other files ('weights.bin'), which are not counted.",)
    with pytest.raises(ModelFileError, match="another file"):
        tflite_tensor(content, 0)


@pytest.mark.parametrize(
    ("custom", "device"),
    [
        ("edgetpu-custom-op", "Google Edge TPU"),
        ("ethos-u", "Arm Ethos-U"),
        ("DISPATCH_OP_3", "an NPU, by LiteRT's compiler"),
    ],
)
def test_a_compiled_part_is_opaque(custom: str, device: str) -> None:
    graph = subgraph([tensor([1]), tensor([1])], [operator([0], [1], options=bytes(50))], [0], [1])
    found = describe_tflite_bytes(model(graph, codes=[code(custom=custom)]))
    assert found.accelerators == (device,)
    (warning,) = found.warnings
    assert warning.startswith(f"compiled for {device}: operator {custom!r} is opaque (50 bytes of its own)")


def test_an_unknown_operator_with_much_inside_is_noticed() -> None:
    graph = subgraph([tensor([1]), tensor([1])], [operator([0], [1], options=bytes(20_000))], [0], [1])
    found = describe_tflite_bytes(model(graph, codes=[code(custom="Mine")]))
    assert found.warnings[0] == "custom operator 'Mine' holds 20,000 bytes that only its own kernel understands."


# Kinds of quantization that today's converter does not make here


INT8 = quantization([0.1], [0])


def kind(tensors: list[Any], operators: list[Any], codes: list[Any], buffers: list[bytes]) -> str:
    return describe_tflite_bytes(model(subgraph(tensors, operators), codes=codes, buffers=buffers)).quantization


def test_integer_weights_expanded_before_use_are_weight_only() -> None:
    tensors = [tensor([2, 2], TYPE.INT8, 1, quantized=INT8), tensor([2, 2]), tensor([1, 2]), tensor([1, 2])]
    operators = [operator([0], [1], 0), operator([2, 1], [3], 1)]
    codes = [code(OP.DEQUANTIZE), code(OP.FULLY_CONNECTED)]
    assert kind(tensors, operators, codes, [bytes(4)]) == "weight-only"
    assert kind(tensors, [operator([2, 0], [3], 1)], codes, [bytes(4)]) == "dynamic range"


def test_narrow_weights_are_named() -> None:
    tensors = [tensor([2, 2], TYPE.INT4, 1, quantized=INT8), tensor([1, 2]), tensor([1, 2])]
    found = kind(tensors, [operator([1, 0], [2])], [code(OP.FULLY_CONNECTED)], [bytes(2)])
    assert found == "dynamic range (int4 weights)"


def test_integers_beside_floats_are_mixed() -> None:
    whole = [tensor([1, 2], TYPE.INT8, quantized=INT8), tensor([2, 2], TYPE.INT8, 1, quantized=INT8)]
    tensors = [*whole, tensor([1, 2], TYPE.INT8, quantized=INT8), tensor([1, 2]), tensor([1, 2])]
    operators = [operator([0, 1], [2], 0), operator([2], [3], 1), operator([3], [4], 2)]
    codes = [code(OP.FULLY_CONNECTED), code(OP.DEQUANTIZE), code(OP.SOFTMAX)]
    assert kind(tensors, operators, codes, [bytes(4)]) == "mixed: full int8, float32"
    assert kind(tensors, operators[:2], codes, [bytes(4)]) == "full int8"


def test_a_kernel_smaller_than_its_bias_decides() -> None:
    tensors = [
        tensor([1, 1], TYPE.INT8, quantized=INT8),
        tensor([1, 1], TYPE.INT8, 1, quantized=INT8),
        tensor([1], TYPE.INT32, 2, quantized=INT8),
        tensor([1, 1], TYPE.INT8, quantized=INT8),
    ]
    assert (
        kind(tensors, [operator([0, 1, 2], [3])], [code(OP.FULLY_CONNECTED)], [bytes(1), bytes(4)]) == "full int8"
    )


# Values


def test_values_are_those_of_the_interpreter(tflite: Any) -> None:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=tflite("dynamic"))
    interpreter.allocate_tensors()
    constants = [t for t in describe_tflite_bytes(tflite("dynamic")).tensors if t.constant]
    assert len(constants) >= 6
    for entry in constants:
        np.testing.assert_array_equal(
            tflite_tensor(tflite("dynamic"), entry.index), interpreter.get_tensor(entry.index)
        )


@pytest.mark.parametrize(
    ("dtype", "shape", "stored", "values"),
    [
        (TYPE.INT4, [3], b"\x7f\x08", [-1, 7, -8]),
        (TYPE.UINT4, [3], b"\x7f\x08", [15, 7, 8]),
        (TYPE.INT2, [4], b"\xe4", [0, 1, -2, -1]),
        (TYPE.BFLOAT16, [2], b"\x80\x3f\x20\xc0", [1.0, -2.5]),
        (TYPE.FLOAT16, [2], b"\x00\x3c\x00\xc0", [1.0, -2.0]),
        (TYPE.BOOL, [2], b"\x01\x00", [True, False]),
    ],
)
def test_packed_and_unusual_types(dtype: int, shape: list[int], stored: bytes, values: list[Any]) -> None:
    found = tflite_tensor(model(subgraph([tensor(shape, dtype, 1)]), buffers=[stored]), 0)
    assert found.tolist() == values
    assert list(found.shape) == shape


def test_tensors_without_readable_values_say_so(tflite: Any) -> None:
    text = model(subgraph([tensor([1], TYPE.STRING, 1), tensor([3], buffer=2)]), buffers=[b"words", bytes(8)])
    for index, reason in ((0, "do not fill"), (1, "do not fill"), (2, "no tensor 2"), (-1, "no tensor -1")):
        with pytest.raises(ModelFileError, match=reason):
            tflite_tensor(text, index)
    with pytest.raises(ModelFileError, match="stores no values"):
        tflite_tensor(tflite("float32"), 0)
    eight_bits = model(subgraph([tensor([1], TYPE.FLOAT8_E5M2, 1)]), buffers=[b"\x01"])
    with pytest.raises(ModelFileError, match="float8_e5m2"):
        tflite_tensor(eight_bits, 0)


# Files that are none


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"TFL3", "not a TFLite file"),
        (b"version https://git-lfs.github.com/spec/v1\n", "not a TFLite file"),
        (b"PK\x03\x04" + bytes(100), "not a TFLite file"),
    ],
)
def test_other_content_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=reason):
        describe_tflite(path)


def test_no_file_is_one_sentence(tmp_path: Path) -> None:
    for path, reason in ((tmp_path, "is a folder"), (tmp_path / "none.tflite", "no such file")):
        with pytest.raises(ModelFileError, match=reason):
            describe_tflite(path)


def test_large_files_are_mapped_and_read_alike(
    tmp_path: Path, tflite: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(tflite("float32"))
    whole = describe_tflite(path)
    monkeypatch.setattr("modelfiles.tflite_tensors._MAPPED_FROM", 1)
    assert describe_tflite(path) == whole
    assert tflite_tensor(path, 4).shape == whole.tensors[4].shape
