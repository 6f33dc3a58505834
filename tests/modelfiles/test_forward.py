"""The forward pass by itself: what it takes, what it refuses, and its windows against plain loops."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelfiles import ModelFileError, UnsupportedLayer
from modelfiles.activations import erf
from modelfiles.forward import LoadedModel, load, predict
from modelfiles.windows import (
    Windows,
    allocate,
    convolve,
    convolve_depthwise,
    pool_average,
    pool_max,
)
from tests.modelfiles.keras_files import DATA, cpu_limit, edit_config, expected

CNN = DATA / "keras-2.15" / "cnn.keras"
LINEAR = DATA / "keras-3.15" / "linear.keras"
GRAPH = DATA / "keras-3.15" / "graph.keras"


@pytest.fixture(scope="module")
def cnn() -> LoadedModel:
    return load(CNN)


@pytest.fixture(scope="module")
def images() -> Any:
    return np.random.default_rng(0).random((37, 12, 12, 3))


def test_batches_change_nothing(cnn: LoadedModel, images: Any) -> None:
    whole = cnn.predict(images)
    for size in (1, 5, 1000):
        np.testing.assert_allclose(cnn.predict(images, batch_size=size), whole, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(predict(CNN, images), whole)


def test_numbers_of_any_type_are_taken_as_float32(cnn: LoadedModel, images: Any) -> None:
    pixels = (255 * images).astype(np.uint8)
    np.testing.assert_array_equal(cnn.predict(pixels), cnn.predict(pixels.astype(np.float64)))
    assert cnn.predict(pixels).dtype == np.float32


def test_the_input_is_left_alone(cnn: LoadedModel, images: Any) -> None:
    x = images.astype(np.float32)
    before = x.copy()
    cnn.predict(x)
    np.testing.assert_array_equal(x, before)


def test_no_rows(cnn: LoadedModel) -> None:
    assert cnn.predict(np.zeros((0, 12, 12, 3))).shape == (0, 10)


def test_a_column_may_come_without_its_axis() -> None:
    model = load(LINEAR)
    x = np.linspace(-1, 1, 5)
    np.testing.assert_array_equal(model.predict(x), model.predict(x[:, None]))


@pytest.mark.parametrize("shape", [(2, 12, 12), (2, 12, 12, 1), (2, 11, 12, 3), (12, 12, 3), ()])
def test_wrong_shapes(cnn: LoadedModel, shape: tuple[int, ...]) -> None:
    with pytest.raises(ModelFileError, match="takes arrays of"):
        cnn.predict(np.zeros(shape))


@pytest.mark.parametrize("x", [np.array(["a"]), np.array([None]), np.array([1j])])
def test_no_numbers(cnn: LoadedModel, x: Any) -> None:
    with pytest.raises(ModelFileError, match="arrays of numbers"):
        cnn.predict(x)


def test_nan_and_overflow_are_results_and_not_warnings(cnn: LoadedModel, images: Any) -> None:
    x = np.array(images)
    x[3, 0, 0, 0], x[4] = np.nan, 3e38
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        y = cnn.predict(x)
    assert np.isnan(y[3]).all()
    assert np.isfinite(y[5]).all()


def test_features_of_a_layer(cnn: LoadedModel, images: Any) -> None:
    assert cnn.layers[:3] == ("conv2d", "max_pooling2d", "conv2d_1")
    assert cnn.predict(images, until="max_pooling2d").shape == (37, 5, 5, 3)
    np.testing.assert_array_equal(cnn.predict(images, until=cnn.layers[-1]), cnn.predict(images))
    with pytest.raises(ModelFileError, match="no layer 'vgg16'"):
        cnn.predict(images, until="vgg16")


def test_features_of_a_graph() -> None:
    model = load(GRAPH)
    assert model.predict(expected(GRAPH, "x"), until="body").shape == (2, 3)


def change(layer: str, **values: Any) -> Any:
    def edit(configuration: dict[str, Any]) -> None:
        for entry in configuration["config"]["layers"]:
            if entry["config"]["name"] == layer:
                entry["config"] |= values

    return edit


UNSUPPORTED = {
    "channels first": ("my_conv", {"data_format": "channels_first"}, "data_format 'channels_first'"),
    "groups": ("my_conv", {"groups": 2}, "groups 2"),
    "causal padding": ("my_conv", {"padding": "causal"}, "padding 'causal'"),
    "activation": ("my_conv", {"activation": "hard_sigmoid"}, "activation 'hard_sigmoid'"),
    "axis": ("norm", {"axis": 1}, r"axis \[1\]"),
}


@pytest.mark.parametrize("what", UNSUPPORTED)
def test_settings_that_are_not_computed(tmp_path: Path, what: str) -> None:
    layer, values, said = UNSUPPORTED[what]
    path = edit_config(GRAPH, tmp_path / "model.keras", change(layer, **values))
    with pytest.raises(UnsupportedLayer, match=said):
        predict(path, expected(GRAPH, "x"))


SENSELESS = {
    "stride": ("my_conv", {"strides": [0, 1]}, r"strides \[0, 1\]"),
    "many strides": ("my_conv", {"strides": [1, 1, 1]}, "strides"),
    "bias": ("my_conv", {"use_bias": "yes"}, "use_bias 'yes'"),
    "epsilon": ("norm", {"epsilon": 10**400}, "epsilon 1000"),
    "padding": ("zero_padding2d", {"padding": [[1, -1], [0, 0]]}, "padding"),
    "huge padding": ("zero_padding2d", {"padding": [[0, 65_000], [0, 65_000]]}, "for each sample"),
    "dilation": ("my_conv", {"padding": "valid", "dilation_rate": [60_000, 1]}, "makes nothing"),
    "axis": ("concatenate", {"axis": 0}, "cannot join"),
}


@pytest.mark.parametrize("what", SENSELESS)
def test_settings_that_make_no_sense(tmp_path: Path, what: str) -> None:
    layer, values, said = SENSELESS[what]
    path = edit_config(GRAPH, tmp_path / "model.keras", change(layer, **values))
    with pytest.raises(ModelFileError, match=said):
        predict(path, expected(GRAPH, "x"))


def test_outputs_are_bounded() -> None:
    with pytest.raises(ModelFileError, match="for each sample"):
        allocate((1, 2**14, 2**14))


def test_a_model_that_doubles_its_output(tmp_path: Path) -> None:
    """Joined to itself forty times over: refused before the memory is taken."""

    def grow(configuration: dict[str, Any]) -> None:
        layers = configuration["config"]["layers"]
        last = "picture"
        for number in range(40):
            name = f"grow{number}"
            reference = [last, 0, 0, {}]
            layers.append(
                {"class_name": "Concatenate", "config": {"name": name}, "inbound_nodes": [[reference, reference]]}
            )
            last = name
        configuration["config"]["output_layers"] = [[last, 0, 0]]

    path = edit_config(GRAPH, tmp_path / "model.keras", grow)
    with cpu_limit(60), pytest.raises(ModelFileError, match=r"for each sample|at once"):
        predict(path, expected(GRAPH, "x"))


def test_error_function() -> None:
    x = np.linspace(-6, 6, 10_001).astype(np.float32)
    exact = np.array([math.erf(value) for value in x])
    np.testing.assert_allclose(erf(x), exact, rtol=0, atol=2.5e-7)


WINDOWS = st.builds(
    Windows,
    size=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    strides=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    same=st.booleans(),
    dilation=st.tuples(st.integers(1, 2), st.integers(1, 2)),
)
SHAPES = st.tuples(st.integers(1, 2), st.integers(1, 9), st.integers(1, 9), st.integers(1, 3))


def each_window(x: Any, windows: Windows) -> Any:
    """(row, column, values, inside) of every window by plain loops: values with NaN where the border is."""
    rows, columns = windows.output(*x.shape[1:3])
    places = []
    for n, out, k, s, d in zip(
        x.shape[1:3], (rows, columns), windows.size, windows.strides, windows.dilation, strict=True
    ):
        before = max(0, (out - 1) * s + (k - 1) * d + 1 - n) // 2 if windows.same else 0
        places.append([[i * s + j * d - before for j in range(k)] for i in range(out)])
    for i, vertical in enumerate(places[0]):
        for j, horizontal in enumerate(places[1]):
            values = np.full((len(x), len(vertical), len(horizontal), x.shape[-1]), np.nan)
            for a, row in enumerate(vertical):
                for b, column in enumerate(horizontal):
                    if 0 <= row < x.shape[1] and 0 <= column < x.shape[2]:
                        values[:, a, b] = x[:, row, column]
            yield i, j, values


@given(windows=WINDOWS, shape=SHAPES, filters=st.integers(1, 3), seed=st.integers(0, 2**32 - 1))
def test_windows_by_plain_loops(windows: Windows, shape: Any, filters: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    x = random.standard_normal(shape).astype(np.float32)
    kernel = random.standard_normal((*windows.size, shape[-1], filters)).astype(np.float32)
    results = {
        "convolve": convolve(x, kernel, windows),
        "depthwise": convolve_depthwise(x, kernel, windows),
        "max": pool_max(x, windows),
        "average": pool_average(x, windows),
    }
    assert results["convolve"].shape == (shape[0], *windows.output(*shape[1:3]), filters)
    for i, j, values in each_window(x, windows):
        inside = np.nan_to_num(values)
        expected_values = {
            "convolve": np.einsum("nabc,abcf->nf", inside, kernel),
            "depthwise": np.einsum("nabc,abcf->ncf", inside, kernel).reshape(shape[0], -1),
            "max": np.nanmax(values, axis=(1, 2)) if not np.isnan(values).all() else None,
            "average": np.nanmean(values, axis=(1, 2)) if not np.isnan(values).all() else None,
        }
        for name, value in expected_values.items():
            if value is not None:
                np.testing.assert_allclose(results[name][:, i, j], value, rtol=1e-4, atol=1e-5, err_msg=name)
