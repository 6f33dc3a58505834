"""Linear regression: the closed form, the way back to original units, and the same fit in less time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures import lab_notebook
from fixtures.houses import five_houses, many_houses
from reference.evidence import Line, Scaler

EPOCHS = 2

moderate = st.floats(-1e3, 1e3)
scales = st.floats(1e-3, 1e3)


@pytest.fixture(scope="module")
def linear(tensorflow: Any) -> Any:
    from reference import linear

    return linear


def test_the_closed_form_is_scikit_learns_line(linear: Any) -> None:
    houses = five_houses()
    ours, theirs = linear.normal_equation(houses.x, houses.y), linear.sklearn_line(houses.x, houses.y)
    assert ours.slope == pytest.approx(theirs.slope, rel=1e-9)
    assert ours.intercept == pytest.approx(theirs.intercept, rel=1e-9)
    assert (ours.slope, ours.intercept) == pytest.approx((0.1005987, 105.68769), rel=1e-6)


@given(
    line=st.builds(Line, moderate, moderate),
    x=st.builds(Scaler, moderate, scales),
    y=st.builds(Scaler, moderate, scales),
)
def test_a_line_brought_back_predicts_what_it_did_between_scaled_axes(
    linear: Any, line: Line, x: Scaler, y: Scaler
) -> None:
    original = linear.in_original_units(line, x, y)
    for size in (-500.0, 0.0, 123.4):
        scaled_prediction = line.slope * (size - x.mean) / x.scale + line.intercept
        expected = scaled_prediction * y.scale + y.mean
        magnitude = abs(line.slope) * (abs(size) + abs(x.mean)) / x.scale * y.scale + abs(expected)
        assert original.slope * size + original.intercept == pytest.approx(expected, abs=1e-9 * (1 + magnitude))


def test_scaling_is_scikit_learns_and_invertible(linear: Any) -> None:
    houses = many_houses()
    scaled, scaler = linear.standardise(houses.x)
    assert scaled.mean() == pytest.approx(0, abs=1e-12)
    assert scaled.std() == pytest.approx(1, rel=1e-12)
    np.testing.assert_allclose(scaled * scaler.scale + scaler.mean, houses.x, atol=1e-9)


def test_the_fit_is_the_labs_to_the_last_bit(linear: Any, tensorflow: Any) -> None:
    """An epoch at a time inside TensorFlow: the same weights and losses as one call for each batch."""
    from reference import environment
    from reference.training import steps_per_epoch

    houses = lab_notebook.scaled_houses()
    environment.start_afresh(42)
    lab = lab_notebook.linear_model()
    curve = lab_notebook.fit_linear(lab, houses, EPOCHS).history["loss"]
    environment.start_afresh(42)
    ours, history = linear.train(houses.x_scaled, houses.y_scaled, epochs=EPOCHS)

    assert steps_per_epoch(len(houses.x)) == 313
    for theirs, weights in zip(lab.get_weights(), ours.get_weights(), strict=True):
        assert theirs.tobytes() == weights.tobytes()
    assert history["loss"] == curve

    environment.start_afresh(43)
    other, _ = linear.train(houses.x_scaled, houses.y_scaled, epochs=EPOCHS)
    assert other.get_weights()[0].tobytes() != ours.get_weights()[0].tobytes(), "bits must be able to differ"
