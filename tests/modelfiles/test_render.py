"""Descriptions as people and programs get them: complete, strict JSON, and never obeyed."""

from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from tflite_builder import OP, TYPE, code, model, operator, quantization, subgraph, tensor

from modelfiles import render
from modelfiles.description import KerasModel, Layer, Tensor, TFLiteModel
from modelfiles.errors import ModelFileError
from modelfiles.render import printable, to_dict, to_renderable
from modelfiles.tflite_file import describe_tflite_bytes

KEPT = {path.stem: path.read_bytes() for path in sorted((Path(__file__).parent / "data/tflite").glob("*.tflite"))}


def shown(found: KerasModel | TFLiteModel, width: int = 100, **options: Any) -> str:
    file = io.StringIO()
    Console(file=file, width=width, markup=False, highlight=False, emoji=False, **options).print(
        to_renderable(found)
    )
    return file.getvalue()


def strict(found: KerasModel | TFLiteModel) -> dict[str, Any]:
    """Through text and back, as a reader gets it that takes no NaN and no half characters."""

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    text = json.dumps(to_dict(found), allow_nan=False, ensure_ascii=False)
    text.encode("utf-8")
    return dict(json.loads(text, parse_constant=refuse))


def keras_model(**fields: Any) -> KerasModel:
    kernel = Tensor("kernel", (3, 2), "float32", 24)
    dense = Layer("dense", "Dense", {"units": 2}, (None, 2), (kernel,), False, (), (), 6, 0)
    nested = Layer("base", "Functional", {}, (None, 2), (), False, (dense,), (), 6, 0)
    head = Layer("head", "Softmax", {}, None, (), True)
    return dataclasses.replace(
        KerasModel("a.keras", "keras", "3.15.1", (nested, head), ((None, 3),), 6, 0, 6, 9, (), "net"), **fields
    )


# For people


def test_a_tflite_file_shows_all_that_matters() -> None:
    text = shown(dataclasses.replace(describe_tflite_bytes(KEPT["int8"]), path="cnn.tflite"))
    for part in (
        "cnn.tflite",
        "TFLite · full int8 · 7,104 bytes · needs TensorFlow Lite 1.14.0",
        "(?, 8, 8, 3)  int8  0.00391961 · (q + 128)",
        "serving_default",
        "FULLY_CONNECTED        4      2",
        "(24, 72)",
        "1,728",
        "24 scales",
        "no weight",
        "Parameters    2,101",
        "Weight bytes  2,212",
        "int8        2,064",
        "File bytes    7,104",
        "Parameters are the elements of constants",
    ):
        assert part in text, part


def test_custom_operators_sparse_weights_and_devices_show() -> None:
    tensors = [tensor([4, 8], buffer=1, sparsity=schema.SparsityParametersT()), tensor([1]), tensor([1])]
    graph = subgraph(tensors, [operator([1], [2], i) for i in range(3)], [1], [2])
    codes = [code(custom="FlexErf", version=1), code(custom="Mine", version=2), code(custom="ethos-u")]
    text = shown(
        describe_tflite_bytes(model(graph, subgraph([tensor([3], buffer=2)]), codes=codes, buffers=[bytes(12)] * 2))
    )
    for part in (
        "Flex",
        "custom",
        "sparse",
        "stored (sparse)",
        "Subgraphs",
        "Compiled for",
        "Arm Ethos-U",
        "Graph",
    ):
        assert part in text, part
    assert text.count("! ") == 3


def test_a_keras_model_shows_its_layers_nested_with_totals() -> None:
    text = shown(keras_model(warnings=("a Lambda layer runs code.",)))
    lines = [line.rstrip() for line in text.splitlines()]
    assert "Keras (.keras) · Sequential net · saved by Keras 3.15.1 · takes (?,\N{NO-BREAK SPACE}3)" in lines
    assert "base     Functional  (?, 2)                 6  frozen" in lines
    assert "  dense  Dense       (?, 2)                 6  frozen" in lines
    assert "head     Softmax     not known              0" in lines
    for part in (
        "trainable",
        "Optimizer variables  9",
        "! a Lambda layer runs code.",
        "Each stored array counts once",
    ):
        assert part in text, part


def test_weights_alone_do_not_pretend_to_be_a_model() -> None:
    text = shown(keras_model(format="weights-h5", saved_by=None, layers=(), inputs=(), kind="unknown", name=""))
    assert "no architecture" in text
    assert "does not say by which Keras" in text
    assert "unknown" not in text
    assert "Layer" not in text


@pytest.mark.parametrize("width", [40, 60, 80, 200])
@pytest.mark.parametrize("name", KEPT)
def test_every_width_keeps_the_lines_within_it(name: str, width: int) -> None:
    text = shown(describe_tflite_bytes(KEPT[name]), width)
    assert max(map(len, text.splitlines())) <= width


def test_figures_are_whole_where_a_terminal_is_usual() -> None:
    """A long name is cut; the figures beside it never are."""
    content = model(subgraph([tensor([2**10, 2**10], buffer=1, name="layer/" * 40)]), buffers=[bytes(2**22)])
    text = shown(describe_tflite_bytes(content), 80)
    assert "layer/layer" in text
    assert "…" in text
    assert "(1024, 1024)  float32  4,194,304" in text


def test_fused_names_are_shortened_and_long_lists_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render, "MAX_ROWS", 2)
    tensors = [tensor([i], buffer=i, name=f"a{i};b;c") for i in (1, 2, 3)]
    found = describe_tflite_bytes(model(subgraph(tensors), buffers=[bytes(4), bytes(8), bytes(12)]))
    text = shown(found)
    assert "a3\N{NO-BREAK SPACE}(+2)" in text
    assert "a1" not in text
    assert "… and 1 smaller ones; --json lists all." in text
    assert [t["name"] for t in strict(found)["subgraphs"][0]["tensors"]] == ["a1;b;c", "a2;b;c", "a3;b;c"]


def test_no_colour_without_a_terminal() -> None:
    found = describe_tflite_bytes(KEPT["flex"])
    assert "\x1b" not in shown(found)
    assert "\x1b[" in shown(found, force_terminal=True, color_system="standard")


EVIL = "[bold red]x[/]\x1b[2J\x07\r\n\u202e\u200b\ud800[link=http://a]:smile:"


def test_names_are_text_and_nothing_else() -> None:
    layer = Layer(EVIL, EVIL, {EVIL: EVIL}, (None,), (Tensor(EVIL, (1,), EVIL, 4),), True)
    found = keras_model(path=EVIL, name=EVIL, kind=EVIL, saved_by=EVIL, layers=(layer,), warnings=(EVIL,))
    text = shown(found, 400)
    assert text.count("[bold red]x[/]\\x1b[2J\\x07\\r\\n\\u202e\\u200b\\ud800[link=http://a]:smile:") == 7
    assert all(c.isprintable() or c in "\n\N{NO-BREAK SPACE}" for c in text)
    assert strict(found)["name"] == EVIL.replace("\ud800", "\N{REPLACEMENT CHARACTER}")


def test_tflite_names_are_text_and_nothing_else() -> None:
    evil = EVIL.replace("\ud800", "")
    argument, signature, note = schema.TensorMapT(), schema.SignatureDefT(), schema.MetadataT()
    argument.name = signature.signatureKey = note.name = evil
    signature.inputs = signature.outputs = [argument]
    graph = subgraph([tensor([1], buffer=1, name=evil)], [operator([0], [0])], [0], [0])
    graph.name = evil
    found = describe_tflite_bytes(
        model(
            graph,
            codes=[code(custom=evil)],
            buffers=[bytes(4)],
            description=evil,
            metadata=[note],
            signatureDefs=[signature],
        ),
        evil,
    )
    for width in (40, 400):
        assert all(c.isprintable() or c in "\n\N{NO-BREAK SPACE}" for c in shown(found, width))
    assert "\\x1b[2J" in shown(found, 400)
    assert strict(found)["operators"][0]["name"] == evil


@given(st.text())
def test_printable_text_is_printable_and_plain_text_stays(text: str) -> None:
    assert printable(text).isprintable()
    if text.isprintable():
        assert printable(text) == text


# For programs


def test_the_json_is_complete() -> None:
    found = describe_tflite_bytes(KEPT["signatures"], "s.tflite")
    data = strict(found)
    assert data["schema"] == 1
    assert data["path"] == "s.tflite"
    assert data["operators"] == [{"name": "FULLY_CONNECTED", "version": 1, "custom": False, "count": 2}]
    assert {field.name for field in dataclasses.fields(TFLiteModel)} - {"tensors"} <= set(data)
    assert len(data["subgraphs"][0]["tensors"]) == len(found.subgraphs[0].tensors)
    assert data["signatures"][0].keys() == {"key", "inputs", "outputs", "subgraph"}


def test_the_json_of_a_keras_model_is_complete() -> None:
    data = strict(keras_model())
    assert data["layers"][0]["layers"][0]["weights"] == [
        {"name": "kernel", "shape": [3, 2], "dtype": "float32", "nbytes": 24}
    ]
    assert data["inputs"] == [[None, 3]]
    assert (data["schema"], data["format"], data["saved_by"]) == (1, "keras", "3.15.1")


def test_numbers_that_json_lacks_become_null() -> None:
    content = model(subgraph([tensor([2], TYPE.INT8, quantized=quantization([np.nan, np.inf]))], inputs=[0]))
    found = strict(describe_tflite_bytes(content))
    assert found["subgraphs"][0]["tensors"][0]["quantization"]["scales"] == [None, None]
    one = describe_tflite_bytes(model(subgraph([tensor([2], quantized=quantization([np.nan]))], inputs=[0])))
    assert strict(one)["inputs"][0]["scale"] is None
    assert "nan" in shown(one)


def test_strange_configurations_become_json() -> None:
    deep: Any = "end"
    for _ in range(10_000):
        deep = [deep]
    config = {
        "f": np.float32(2.5),
        "t": (1, 2),
        "m": MappingProxyType({1: float("-inf")}),
        "o": object,
        "deep": deep,
    }
    layer = Layer("a", "Dense", config, None, (), True)
    data = strict(keras_model(layers=(layer,)))["layers"][0]["config"]
    assert (data["f"], data["t"], data["m"]) == ("2.5", [1, 2], {"1": None})
    assert data["o"] == "<class 'object'>"
    assert json.dumps(data["deep"]).count("[") == render.MAX_DEPTH - 3


EDITS = st.lists(st.tuples(st.integers(0, 20_000), st.binary(min_size=1, max_size=4)), min_size=1, max_size=6)


@given(st.sampled_from(sorted(KEPT)), EDITS)
def test_whatever_can_be_described_can_be_shown(name: str, edits: list[tuple[int, bytes]]) -> None:
    content = bytearray(KEPT[name])
    for position, word in edits:
        at = 8 + position % (len(content) - 12)
        content[at : at + len(word)] = word
    try:
        found = describe_tflite_bytes(bytes(content))
    except ModelFileError:
        return
    strict(found)
    assert all(c.isprintable() or c in "\n\N{NO-BREAK SPACE}" for c in shown(found, 80))


def test_the_operators_of_an_empty_graph_are_none() -> None:
    found = describe_tflite_bytes(model(subgraph([]), codes=[code(OP.ADD)]))
    assert strict(found)["operators"] == []
    assert "Operator" in shown(found)
