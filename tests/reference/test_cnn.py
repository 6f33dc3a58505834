"""The CNN: the lab's network, fed with the lab's numbers at half their size."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fixtures import lab_notebook
from fixtures.images import ImageSet


@pytest.fixture(scope="module")
def cnn(tensorflow: Any) -> Any:
    from reference import cnn

    return cnn


def test_layers_and_parameters(cnn: Any) -> None:
    model = cnn.build_model()
    assert model.count_params() == 167_562
    assert [layer.count_params() for layer in model.layers if layer.weights] == [896, 18_496, 147_520, 650]


def test_every_pixel_value_is_what_keras_makes_of_the_labs(cnn: Any) -> None:
    values = np.arange(256, dtype=np.uint8)
    assert cnn.pixels(values).dtype == np.float32
    assert cnn.pixels(values).tobytes() == (values / 255.0).astype(np.float32).tobytes()
    assert values.tolist() == list(range(256)), "the images themselves stay as they are"


def test_labels_are_one_hot(cnn: Any, few_images: ImageSet, tensorflow: Any) -> None:
    expected = tensorflow.keras.utils.to_categorical(few_images.y_train, 10)
    np.testing.assert_array_equal(cnn.one_hot(few_images.y_train), expected)


def test_the_fit_is_the_labs_to_the_last_bit(cnn: Any, few_images: ImageSet) -> None:
    from reference import environment

    environment.start_afresh(42)
    lab = lab_notebook.cnn_model()
    curves = lab_notebook.fit_images(lab, lab_notebook.lab_images(few_images), 1).history
    environment.start_afresh(42)
    ours, history = cnn.train(few_images, epochs=1)
    assert [w.tobytes() for w in lab.get_weights()] == [w.tobytes() for w in ours.get_weights()]
    assert history == curves
