"""Preprocessing is recognised, not demanded."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fixtures.houses import many_houses
from fixtures.points import points
from suites.statistics import least_squares, logistic_fit
from suites.subjects import ImageSubject, Scaling, linear_subject, logistic_subject, pixel_scaling, scalings

HOUSES = many_houses()
POINTS = points()


class Affine:
    """A model as data: outputs x · w + b, through a sigmoid if asked."""

    def __init__(self, weights: npt.ArrayLike, bias: float, sigmoid: bool = False) -> None:
        self.weights, self.bias, self.sigmoid = np.asarray(weights, float), bias, sigmoid

    def predict(self, x: npt.NDArray[np.float32], batch_size: int = 256) -> npt.NDArray[np.float32]:
        z = x.astype(float) @ self.weights[:, None] + self.bias
        return (1 / (1 + np.exp(-z)) if self.sigmoid else z).astype(np.float32)


positive = st.floats(1e-3, 1e6)


@given(
    arrays(np.float64, (7, 2), elements=st.floats(-1e6, 1e6)),
    st.tuples(st.floats(-1e6, 1e6), positive),
)
def test_scaling_and_unscaling_are_inverse(x: npt.NDArray[np.float64], scale: tuple[float, float]) -> None:
    scaling = Scaling("any", np.full(2, scale[0]), np.full(2, scale[1]))
    back = scaling.invert(scaling.apply(x))
    # float32 keeps 24 bits of the scaled value, so the error is relative to the distance from the shift.
    np.testing.assert_allclose(back, x, atol=2**-23 * float(np.abs(x - scale[0]).max()) + 1e-6)


@pytest.mark.parametrize("x_scaling", scalings(HOUSES.x), ids=lambda s: s.name)
@pytest.mark.parametrize("y_scaling", scalings(HOUSES.y), ids=lambda s: s.name)
def test_the_line_comes_back_from_any_scaling(x_scaling: Scaling, y_scaling: Scaling) -> None:
    """A model that is exactly least squares in its own units is least squares in the original ones."""
    ols = least_squares(HOUSES.x, HOUSES.y)
    slope = ols.slope * x_scaling.scale[0] / y_scaling.scale[0]
    bias = (ols(x_scaling.shift)[0] - y_scaling.shift[0]) / y_scaling.scale[0]
    found = linear_subject(Affine([slope], bias), HOUSES)
    assert found.line.slope == pytest.approx(ols.slope, rel=2e-3)
    assert found.line.intercept == pytest.approx(ols.intercept, rel=2e-3)


def test_a_wrong_slope_stays_wrong() -> None:
    found = linear_subject(Affine([0.2], 0.0), HOUSES)
    assert abs(found.line.slope - least_squares(HOUSES.x, HOUSES.y).slope) > 0.01


def test_outputs_that_are_no_numbers_are_not_fitted() -> None:
    found = linear_subject(Affine([np.nan], 0.0), HOUSES)
    assert np.isnan(found.line.slope)


@pytest.mark.parametrize("scaling", scalings(POINTS.x_train)[:3], ids=lambda s: s.name)
def test_the_boundary_comes_back_from_any_scaling(scaling: Scaling) -> None:
    w1, w2, b = logistic_fit(POINTS.x_train, POINTS.y_train)
    weights = np.array([w1, w2]) * scaling.scale
    bias = b + np.array([w1, w2]) @ scaling.shift
    found = logistic_subject(Affine(weights, bias, sigmoid=True), POINTS)
    assert found.coefficients(POINTS.x_train.mean(axis=0)) == pytest.approx([w1, w2, b], abs=1e-3)


def test_a_probability_that_is_no_number_is_no_class() -> None:
    subject = logistic_subject(Affine([np.nan, 0], 0.0, sigmoid=True), POINTS)
    assert set(subject.classes(POINTS.x_test)) == {-1}


class Brightness:
    """Knows dark images (class 0) from bright ones (class 1), in pixels of its own scale."""

    def __init__(self, threshold: float, steepness: float) -> None:
        self.threshold, self.steepness = threshold, steepness

    def predict(self, x: npt.NDArray[np.float32], batch_size: int = 256) -> npt.NDArray[np.float32]:
        bright = 1 / (1 + np.exp(-(x.mean(axis=(1, 2, 3)) - self.threshold) * self.steepness))
        return np.stack([1 - bright, bright], axis=1)


@pytest.mark.parametrize(
    ("shift", "scale", "name"),
    [(0, 255, "divided by 255"), (0, 1, "0…255"), (0.4734 * 255, 255, "centred, divided by 255"),
     (127.5, 127.5, "scaled to −1…1"), (120.7, 64.2, "standardised over all pixels")],
)  # fmt: skip
def test_the_scale_of_pixels_is_recognised(shift: float, scale: float, name: str) -> None:
    """A calibrated model has its smallest cross-entropy at its own scale, though it decides the same at others."""
    random = np.random.RandomState(0)
    levels = random.randint(0, 256, 400).astype(np.uint8)
    x = np.broadcast_to(levels[:, None, None, None], (400, 32, 32, 3))
    log_odds = (levels - 127.5) / 25
    y = (random.rand(400) < 1 / (1 + np.exp(-log_odds))).astype(np.int64)
    assert pixel_scaling(Brightness((127.5 - shift) / scale, scale / 25), x, y) == name


def test_answers_that_are_no_numbers_are_never_right() -> None:
    outputs = np.full((4, 10), np.nan, np.float32)
    subject = ImageSubject(outputs, np.zeros(4, np.int64), "0…255")
    assert subject.accuracy == 0
    assert subject.confusion(10).sum() == 0
