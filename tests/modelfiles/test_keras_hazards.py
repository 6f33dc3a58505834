"""Configurations are programs: what they would run is named, never run; what makes no sense is one sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import modelfiles
from modelfiles import KerasModel, ModelFileError, UnsupportedLayer
from modelfiles.architecture import MAX_CONFIG_BYTES, MAX_DEPTH, MAX_NODES
from modelfiles.forward import load
from modelfiles.kinds import KERAS_LAYERS, MAX_WARNINGS
from tests.modelfiles.keras_files import CONFIG, DATA, WEIGHTS, cpu_limit, edit_config, entries, write_zip

LINEAR = DATA / "keras-3.15" / "linear.keras"
GRAPH = DATA / "keras-3.15" / "graph.keras"


def append(layer: dict[str, Any]) -> Any:
    return lambda configuration: configuration["config"]["layers"].append(layer)


def described(path: Path) -> KerasModel:
    model = modelfiles.describe(path)
    assert isinstance(model, KerasModel)
    return model


HAZARDS = {
    "Lambda": (
        {"class_name": "Lambda", "config": {"name": "code", "function": ["4wEAAAA=", None, None]}},
        "Python code",
    ),
    "TFSMLayer": (
        {"class_name": "TFSMLayer", "config": {"name": "code", "filepath": "/tmp/x"}},
        "another SavedModel",
    ),
    "vocabulary": (
        {"class_name": "StringLookup", "config": {"name": "code", "vocabulary": "/etc/passwd"}},
        "reads the file '/etc/passwd'",
    ),
    "registered": (
        {"class_name": "Mine", "registered_name": "pkg>Mine", "config": {"name": "code"}},
        "is a 'pkg>Mine', which is not Keras's own",
    ),
    "registered under Keras's name": (
        {"class_name": "Dropout", "registered_name": "pkg>Dropout", "config": {"name": "code"}},
        "is a 'pkg>Dropout', which is not Keras's own",
    ),
    "somebody's module": (
        {"module": "os", "class_name": "Dropout", "config": {"name": "code"}},
        "is a 'os>Dropout', which is not Keras's own",
    ),
    "unknown class": (
        {"class_name": "Mystery", "config": {"name": "code"}},
        "is a 'Mystery', which is not Keras's own",
    ),
    "function of TensorFlow": (
        {"class_name": "TFOpLambda", "config": {"name": "code", "function": "io.write_file"}},
        "a function of TensorFlow 'io.write_file'",
    ),
}


@pytest.mark.parametrize("what", HAZARDS)
def test_a_layer_that_would_run_code(tmp_path: Path, what: str) -> None:
    """Described, flagged by name and reason, and refused by the forward pass."""
    layer, said = HAZARDS[what]
    path = edit_config(LINEAR, tmp_path / "model.keras", append(layer))
    assert any("'code'" in warning and said in warning for warning in described(path).warnings)
    with pytest.raises(UnsupportedLayer, match="'code'"):
        load(path)


def test_a_model_class_of_somebodys_own(tmp_path: Path) -> None:
    def rename(configuration: dict[str, Any]) -> None:
        configuration |= {"module": "__main__", "class_name": "Sequential", "registered_name": "Sequential"}

    path = edit_config(LINEAR, tmp_path / "model.keras", rename)
    assert any("'__main__>Sequential'" in warning for warning in described(path).warnings)
    with pytest.raises(UnsupportedLayer, match="__main__>Sequential"):
        load(path)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"module": "os", "class_name": "system", "config": {}}, "os.system"),
        ({"module": "builtins", "class_name": "function", "config": "mine"}, "the Python function 'mine'"),
        ({"class_name": "__lambda__", "config": {"value": ["4wEAAAA=", None, None]}}, "a Python function"),
    ],
)
def test_an_object_outside_keras_anywhere(tmp_path: Path, value: dict[str, Any], said: str) -> None:
    """Loading looks up whatever `module` and `class_name` say, also deep in the training configuration."""

    def hide(configuration: dict[str, Any]) -> None:
        configuration["compile_config"]["loss"] = {"inner": [value]}

    path = edit_config(LINEAR, tmp_path / "model.keras", hide)
    assert any(said in warning for warning in described(path).warnings)
    assert load(path).layers == ("dense",)


def test_an_activation_of_somebodys_own_is_not_computed(tmp_path: Path) -> None:
    def change(configuration: dict[str, Any]) -> None:
        configuration["config"]["layers"][1]["config"]["activation"] = {
            "module": "builtins", "class_name": "function", "config": "mine", "registered_name": "function"
        }  # fmt: skip

    with pytest.raises(UnsupportedLayer, match="the activation 'mine'"):
        load(edit_config(LINEAR, tmp_path / "model.keras", change))


def test_warnings_are_bounded(tmp_path: Path) -> None:
    def flood(configuration: dict[str, Any]) -> None:
        layers = configuration["config"]["layers"]
        layers += [{"class_name": "Lambda", "config": {"name": f"code{i}"}} for i in range(500)]

    warnings = described(edit_config(LINEAR, tmp_path / "model.keras", flood)).warnings
    assert len(warnings) == MAX_WARNINGS + 1
    assert "450 more" in warnings[-1]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite_are_allowed_and_named(tmp_path: Path, value: float) -> None:
    path = tmp_path / "model.h5"
    path.write_bytes((DATA / "keras-2.12" / "logistic.h5").read_bytes())
    with h5py.File(path, "r+") as file:
        file["model_weights/dense/dense/kernel:0"][0] = value
    assert described(path).warnings == ("layer 'dense': 1 of 2 values of kernel are not finite.",)
    np.testing.assert_array_equal(modelfiles.weights(path)["dense"][0][0], np.float32(value))


def test_large_weights_are_finite(tmp_path: Path) -> None:
    """Their sum overflows, they do not."""
    path = tmp_path / "model.h5"
    path.write_bytes((DATA / "keras-2.12" / "logistic.h5").read_bytes())
    with h5py.File(path, "r+") as file:
        del file["model_weights/dense/dense/kernel:0"]
        file["model_weights/dense/dense/kernel:0"] = np.full((2, 1), 1.7e308)
    assert described(path).warnings == ()


def test_missing_weights_are_named(tmp_path: Path) -> None:
    path = tmp_path / "model.h5"
    path.write_bytes((DATA / "keras-2.12" / "logistic.h5").read_bytes())
    with h5py.File(path, "r+") as file:
        file["model_weights/dense"].attrs["weight_names"] = [b"dense/kernel:0"]
    warnings = described(path).warnings
    assert warnings == ("layer 'dense' (Dense) should have the weights kernel, bias; it has kernel.",)
    with pytest.raises(ModelFileError, match="a bias that does not fit: missing"):
        load(path)


def with_config(tmp_path: Path, config: bytes) -> Path:
    return write_zip(tmp_path / "model.keras", entries(LINEAR) | {CONFIG: config})


def test_no_json(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="no valid JSON"):
        modelfiles.describe(with_config(tmp_path, b"{'class_name'"))
    with pytest.raises(ModelFileError, match="no JSON object"):
        modelfiles.describe(with_config(tmp_path, b"[1, 2]"))


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 900, 100_000])
def test_json_nested_too_deep(tmp_path: Path, depth: int) -> None:
    with pytest.raises(ModelFileError, match=r"levels deep|no valid JSON"):
        modelfiles.describe(with_config(tmp_path, b'{"a":' * depth + b"1" + b"}" * depth))


def test_json_too_large(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"config\.json in it would take"):
        modelfiles.describe(with_config(tmp_path, b" " * (MAX_CONFIG_BYTES + 1)))


def test_too_many_layers(tmp_path: Path) -> None:
    def flood(configuration: dict[str, Any]) -> None:
        layers = configuration["config"]["layers"]
        layers += [{"class_name": "ReLU", "config": {"name": str(i)}} for i in range(MAX_NODES)]

    with pytest.raises(ModelFileError, match="more than 20,000 layers"):
        modelfiles.describe(edit_config(LINEAR, tmp_path / "model.keras", flood))


def test_two_layers_of_one_name(tmp_path: Path) -> None:
    path = edit_config(LINEAR, tmp_path / "a.keras", append({"class_name": "ReLU", "config": {"name": "dense"}}))
    with pytest.raises(ModelFileError, match="have the same name"):
        modelfiles.describe(path)


def test_models_that_double_at_each_level(tmp_path: Path) -> None:
    """Thirty nested models, each of which applies the next twice: a thousand million layers in 20 kB."""
    model: dict[str, Any] = {"class_name": "ReLU", "config": {"name": "last"}}
    for level in range(28):
        name = f"level{level}"
        inner = model["config"]["name"]
        model = {
            "class_name": "Functional",
            "config": {
                "name": name,
                "layers": [
                    {
                        "class_name": "InputLayer",
                        "config": {"name": "x", "batch_shape": [None, 1]},
                        "inbound_nodes": [],
                    },
                    {**model, "inbound_nodes": [[["x", 0, 0, {}]], [[inner, 0, 0, {}]]]},
                ],
                "input_layers": [["x", 0, 0]],
                "output_layers": [[inner, 1, 0]],
            },
        }
    contents = entries(LINEAR) | {CONFIG: json.dumps(model).encode()}
    path = write_zip(tmp_path / "model.keras", contents)
    with cpu_limit(60):
        modelfiles.describe(path)
        with pytest.raises(ModelFileError, match="applies more than"):
            load(path)


def test_layers_that_wait_for_one_another(tmp_path: Path) -> None:
    def loop(configuration: dict[str, Any]) -> None:
        for layer in configuration["config"]["layers"]:
            if layer["config"]["name"] == "my_conv":
                history = layer["inbound_nodes"][0]["args"][0]["config"]
                history["keras_history"] = ["re_lu", 0, 0]

    path = edit_config(GRAPH, tmp_path / "model.keras", loop)
    assert described(path).parameters == 227
    with pytest.raises(ModelFileError, match="waits for an output that no other layer makes"):
        load(path)


def test_an_output_that_no_layer_makes(tmp_path: Path) -> None:
    def change(configuration: dict[str, Any]) -> None:
        configuration["config"]["output_layers"] = [["answer", 0, 7]]

    with pytest.raises(ModelFileError, match="an output of 'answer' that is not made"):
        load(edit_config(GRAPH, tmp_path / "model.keras", change))


def test_a_subclassed_model_is_described_by_its_weights(tmp_path: Path) -> None:
    """Its configuration lists no layers: they are attributes in code that the file does not hold."""
    contents = entries(LINEAR)
    configuration = {"module": "__main__", "class_name": "Mine", "config": {}, "registered_name": "Mine"}
    path = write_zip(tmp_path / "model.keras", contents | {CONFIG: json.dumps(configuration).encode()})
    model = described(path)
    assert (model.kind, model.parameters) == ("__main__>Mine", 2)
    assert [layer.kind for layer in model.layers] == ["Dense"]
    with pytest.raises(ModelFileError, match="no architecture"):
        load(path)


def test_hdf5_that_is_no_model(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "data.h5", "w") as file:
        file["images"] = np.zeros((2, 2))
    with pytest.raises(ModelFileError, match="no Keras model"):
        modelfiles.describe(tmp_path / "data.h5")


def test_every_layer_of_this_keras_is_known() -> None:
    """A class of Keras's own must not be called somebody else's."""
    layers = pytest.importorskip("keras").layers
    public = {
        value.__name__
        for value in vars(layers).values()
        if isinstance(value, type)
        and issubclass(value, layers.Layer)
        and value.__name__ not in ("Layer", "Wrapper")
    }
    assert public <= KERAS_LAYERS


def test_weights_are_only_read_from_the_weights(tmp_path: Path) -> None:
    """Files beside them in the archive, such as a layer's assets, are left alone."""
    contents = entries(LINEAR) | {
        "assets/vocabulary.txt": b"x",
        "../../outside": b"y",
        WEIGHTS: entries(LINEAR)[WEIGHTS],
    }
    assert described(write_zip(tmp_path / "model.keras", contents)).parameters == 2
    assert list(tmp_path.iterdir()) == [tmp_path / "model.keras"]
