"""The forward pass equals the Keras of this environment: the lab's models, and random small ones of every layer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import modelfiles
from modelfiles.forward import load

Keras = Any
Build = Callable[[Keras], Any]


@pytest.fixture(scope="session")
def keras() -> Keras:
    """`tf.keras`, imported once."""
    return pytest.importorskip("tensorflow").keras


def randomise(model: Any, seed: int = 0) -> None:
    """Weights of a trained model's size, statistics of variance near 1: zeros would hide what is left out."""
    random = np.random.default_rng(seed)
    for layer in model._flatten_layers(include_self=False, recursive=True):
        if getattr(layer, "layers", None):
            continue
        values = []
        for weight, old in zip(layer.weights, layer.get_weights(), strict=True):
            kind = weight.name.split("/")[-1].removesuffix(":0")
            if kind in ("moving_variance", "variance", "gamma"):
                values.append(random.uniform(0.5, 1.5, old.shape))
            elif kind == "count":
                values.append(old)
            else:
                fan_in = max(1, int(np.prod(old.shape[:-1]))) if old.ndim > 1 else 4
                values.append(random.standard_normal(old.shape) / np.sqrt(fan_in))
        layer.set_weights(values)


def assert_equal(model: Any, path: Path, rows: int = 3, seed: int = 0) -> None:
    """Saved and read again, the model gives what Keras gives, to a few units in the last place."""
    x = np.random.default_rng(seed).standard_normal((rows, *model.input_shape[1:])).astype("float32")
    model.save(path)
    ours, theirs = load(path).predict(x), np.asarray(model(x, training=False))
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=2e-6 * max(1.0, float(np.abs(theirs).max())))
    description = modelfiles.describe(path)
    assert isinstance(description, modelfiles.KerasModel)
    assert description.parameters == model.count_params()
    assert [layer.output_shape for layer in description.layers][-1] == tuple(model.output_shape)
    trainable = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    assert description.trainable_parameters == trainable


def linear(keras: Keras) -> Any:
    return keras.Sequential([keras.layers.Dense(1, input_shape=(1,))])


def logistic(keras: Keras) -> Any:
    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, activation="sigmoid")])


def cnn(keras: Keras) -> Any:
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            layers.Conv2D(32, (3, 3), activation="relu"),
            layers.MaxPooling2D(2, 2),
            layers.Conv2D(64, (3, 3), activation="relu"),
            layers.MaxPooling2D(2, 2),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )


def transfer(keras: Keras) -> Any:
    base = keras.applications.VGG16(input_shape=(32, 32, 3), include_top=False, weights=None)
    base.trainable = False
    layers = keras.layers
    head = [layers.Flatten(), layers.Dense(64, activation="relu"), layers.Dense(10, activation="softmax")]
    return keras.Sequential([base, *head])


def functional_cnn(keras: Keras) -> Any:
    layers = keras.layers
    inputs = keras.Input((12, 12, 3))
    x = layers.Rescaling(1 / 255.0)(inputs)
    x = layers.Conv2D(4, 3, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    x = layers.Activation("relu")(x)
    shortcut = layers.Conv2D(4, 1)(inputs)
    x = layers.Add()([x, shortcut])
    x = layers.SeparableConv2D(6, 3, activation="relu")(x)
    x = layers.concatenate([layers.MaxPooling2D()(x), layers.AveragePooling2D(2)(x)])
    x = layers.Dropout(0.3)(layers.GlobalAveragePooling2D()(x))
    return keras.Model(inputs, layers.Dense(5, activation="softmax")(x))


def models_in_models(keras: Keras) -> Any:
    layers = keras.layers
    inner = keras.Sequential(
        [keras.Input((6,)), layers.Dense(5, name="a"), layers.BatchNormalization()], name="inner"
    )
    middle = keras.Sequential([inner, layers.Dense(4, name="a")], name="middle")
    inner.layers[0].trainable = False
    return keras.Sequential([keras.Input((6,)), middle, layers.Dense(3, name="a")])


def built_late(keras: Keras) -> Any:
    """Without an input layer: the shape is known from the first batch."""
    model = keras.Sequential([keras.layers.Dense(3, activation="elu"), keras.layers.Dense(2)])
    model.build((None, 4))
    return model


def augmented(keras: Keras) -> Any:
    layers = keras.layers
    augmentation = [layers.RandomFlip("horizontal"), layers.RandomRotation(0.1), layers.RandomZoom(0.1)]
    noise = [layers.GaussianNoise(0.1), layers.SpatialDropout2D(0.2)]
    return keras.Sequential([keras.Input((6, 6, 2)), *augmentation, *noise, layers.Conv2D(2, 3), layers.Flatten()])


MODELS: list[Build] = [
    linear,
    logistic,
    cnn,
    functional_cnn,
    models_in_models,
    built_late,
    augmented,
]


@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
@pytest.mark.parametrize("build", MODELS, ids=lambda build: build.__name__)
def test_model(keras: Keras, tmp_path: Path, build: Build, name: str) -> None:
    keras.utils.set_random_seed(1)
    model = build(keras)
    randomise(model)
    assert_equal(model, tmp_path / name)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
def test_transfer_model(keras: Keras, tmp_path: Path, name: str) -> None:
    """VGG16 at 32 × 32 with a head of the lab's; and its features, as the base by itself gives them."""
    model = transfer(keras)
    randomise(model)
    assert_equal(model, tmp_path / name)
    x = np.random.default_rng(2).standard_normal((2, 32, 32, 3)).astype("float32")
    features = load(tmp_path / name).predict(x, until="vgg16")
    np.testing.assert_allclose(features, np.asarray(model.layers[0](x)), rtol=0, atol=1e-5)


def test_normalization_that_was_adapted(keras: Keras, tmp_path: Path) -> None:
    layers = keras.layers
    adapted = layers.Normalization()
    adapted.adapt(np.random.default_rng(3).normal(500, 200, (100, 4)))
    given_ = layers.Normalization(mean=[1.0, 2.0, 3.0, 4.0], variance=[1.0, 4.0, 9.0, 0.0])
    model = keras.Sequential([keras.Input((4,)), adapted, given_, layers.Dense(1)])
    assert_equal(model, tmp_path / "model.keras")


@pytest.mark.parametrize("name", ["relu", "softmax", "sigmoid", "tanh"])
def test_activation_given_as_tensorflows_function(keras: Keras, tmp_path: Path, name: str) -> None:
    function = getattr(pytest.importorskip("tensorflow").nn, name)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation=function)])
    assert_equal(model, tmp_path / "model.keras")


ACTIVATIONS = [
    "linear", "relu", "relu6", "sigmoid", "softmax", "tanh", "elu", "selu", "gelu", "swish", "softplus", "softsign",
    "leaky_relu", "exponential", "mish",
]  # fmt: skip


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_over_its_range(keras: Keras, tmp_path: Path, name: str) -> None:
    """From −100 to 100, and where single precision ends, overflow and underflow included."""
    try:
        keras.activations.get(name)
    except ValueError:
        pytest.skip(f"this Keras has no {name}")
    model = keras.Sequential([keras.Input((1,)), keras.layers.Activation(name)])
    model.save(tmp_path / "model.keras")
    x = np.concatenate([np.linspace(-100, 100, 4001), [0.0, -0.0, 1e-30, -1e-30, 3e38, -3e38]])[:, None]
    ours, theirs = load(tmp_path / "model.keras").predict(x), np.asarray(model(x.astype("float32")))
    np.testing.assert_allclose(ours, theirs, rtol=3e-6, atol=3e-7)


def image_layer(layers: Any, draw: st.DrawFn, shape: tuple[int, int, int]) -> Any:
    """One layer that takes images of that shape."""
    height, width, _ = shape
    side = st.integers(1, min(3, height, width))
    kernel, strides = (draw(side), draw(side)), draw(st.integers(1, 2))
    padding = draw(st.sampled_from(["valid", "same"]))
    dilation = draw(st.integers(1, 2)) if strides == 1 and 2 * max(kernel) <= min(height, width) else 1
    function = draw(st.sampled_from([None, "relu", "tanh", "elu"]))
    bias = draw(st.booleans())
    border = st.tuples(st.integers(0, 2), st.integers(0, 2))
    crop = ((draw(st.integers(0, (height - 1) // 2)), 0), (0, draw(st.integers(0, (width - 1) // 2))))
    choices = {
        "Conv2D": lambda: layers.Conv2D(
            draw(st.integers(1, 4)),
            kernel,
            strides,
            padding,
            dilation_rate=dilation,
            activation=function,
            use_bias=bias,
        ),
        "DepthwiseConv2D": lambda: layers.DepthwiseConv2D(
            kernel, strides, padding, draw(st.integers(1, 2)), activation=function, use_bias=bias
        ),
        "SeparableConv2D": lambda: layers.SeparableConv2D(2, kernel, strides, padding, use_bias=bias),
        "MaxPooling2D": lambda: layers.MaxPooling2D(kernel, strides, padding),
        "AveragePooling2D": lambda: layers.AveragePooling2D(kernel, None, padding),
        "BatchNormalization": lambda: layers.BatchNormalization(scale=bias, center=draw(st.booleans())),
        "LayerNormalization": lambda: layers.LayerNormalization(scale=bias),
        "ZeroPadding2D": lambda: layers.ZeroPadding2D((draw(border), draw(border))),
        "Cropping2D": lambda: layers.Cropping2D(crop),
        "UpSampling2D": lambda: layers.UpSampling2D((1, 2)),
        "ReLU": lambda: layers.ReLU(draw(st.sampled_from([None, 1.0])), 0.1, draw(st.sampled_from([0.0, 0.3]))),
        "LeakyReLU": lambda: layers.LeakyReLU(0.2),
        "ELU": lambda: layers.ELU(0.7),
        "PReLU": lambda: layers.PReLU(shared_axes=[1, 2] if bias else None),
        "Softmax": lambda: layers.Softmax(),
        "Rescaling": lambda: layers.Rescaling(0.5, 0.1),
        "Permute": lambda: layers.Permute((2, 1, 3)),
        "Reshape": lambda: layers.Reshape((width, height, -1)),
        "Dense": lambda: layers.Dense(3, activation=function, use_bias=bias),
        "Dropout": lambda: layers.Dropout(0.5),
    }
    return choices[draw(st.sampled_from(sorted(choices)))]()


@st.composite
def stacks(draw: st.DrawFn, layers: Any) -> tuple[tuple[int, int, int], list[Any]]:
    """An input shape, and layers that fit one another; the last ones make a vector of the images."""
    shape = (draw(st.integers(2, 9)), draw(st.integers(2, 9)), draw(st.integers(1, 3)))
    current, stack = shape, []
    for _ in range(draw(st.integers(1, 5))):
        layer = image_layer(layers, draw, current)
        stack.append(layer)
        current = tuple(layer.compute_output_shape((None, *current)))[1:]
        if min(current[:2]) < 2 or max(current[:2]) > 12:
            break
    ends = [layers.Flatten, layers.GlobalAveragePooling2D, layers.GlobalMaxPooling2D]
    stack += [
        draw(st.sampled_from(ends))(),
        layers.Dense(draw(st.integers(1, 4)), draw(st.sampled_from(ACTIVATIONS[:6]))),
    ]
    return shape, stack


@given(data=st.data())
@settings(max_examples=settings.default.max_examples // 4)
def test_any_small_stack(keras: Keras, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Every layer that is computed here, with random settings, shapes and weights; also in batches of one row."""
    keras.backend.clear_session()
    shape, stack = data.draw(stacks(keras.layers))
    model = keras.Sequential([keras.Input(shape), *stack])
    randomise(model, data.draw(st.integers(0, 2**16)))
    path = tmp_path_factory.getbasetemp() / data.draw(st.sampled_from(["stack.keras", "stack.h5"]))
    assert_equal(model, path)
