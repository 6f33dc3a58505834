"""Linear regression: the normal equation on five houses, gradient descent on ten thousand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fixtures.houses import Houses
from suites.architecture import layer_summary
from suites.artefacts import Artefacts, Found
from suites.statistics import Line, normal_equation
from suites.subjects import LinearSubject
from suites.verify import Verify

DRAWN = 25  # every 25th of the 10,000 houses is drawn


def test_normal_equation(artefacts: Artefacts, five: Houses, verify: Verify, series: Callable[..., None]) -> None:
    """scikit-learn's line through the five houses is the closed form's."""
    seen = artefacts.evidence("linear")["normal_equation"]
    verify.note("as the student's process reported it")
    exact = normal_equation(five.x, five.y)
    verify("slope", seen["slope"], exact.slope)
    verify("intercept", seen["intercept"], exact.intercept)
    series(
        "houses",
        x=five.x.ravel().tolist(),
        y=five.y.tolist(),
        slope=exact.slope,
        intercept=exact.intercept,
        sklearn_slope=seen["slope"],
        sklearn_intercept=seen["intercept"],
    )


def test_architecture(linear_file: Found, verify: Verify) -> None:
    """The model is one linear neuron on one input: a slope and an intercept."""
    model = linear_file.keras
    verify("layers", layer_summary(model))
    verify("parameters", model.trainable_parameters)


def test_coefficient_agreement(
    linear: LinearSubject,
    ols: Line,
    houses: Houses,
    artefacts: Artefacts,
    verify: Verify,
    series: Callable[..., None],
) -> None:
    """Slope and intercept, in the original units, agree with ordinary least squares."""
    verify("slope", linear.line.slope, ols.slope)
    verify("intercept", linear.line.intercept, ols.intercept)
    series(
        "fit",
        x=houses.x[::DRAWN, 0].tolist(),
        y=houses.y[::DRAWN, 0].tolist(),
        ols=_line(ols),
        keras=_line(linear.line),
        residual_deviation=_residual_deviation(ols, houses),
    )
    loss = artefacts.evidence_or("linear").get("history", {}).get("loss")
    if loss:
        series("history", loss=loss)


def test_prediction_agreement(
    linear: LinearSubject, ols: Line, houses: Houses, verify: Verify, series: Callable[..., None]
) -> None:
    """Predictions agree with ordinary least squares, as a share of the residual deviation."""
    deviation = _residual_deviation(ols, houses)
    difference = linear.predictions - ols(houses.x)
    largest = float(np.abs(difference).max()) / deviation
    verify("largest difference", largest)
    order = np.argsort(houses.x.ravel())[:: houses.x.size // 50]
    limit = verify.check.criteria["largest difference"].limit
    series(
        "difference",
        x=houses.x.ravel()[order].tolist(),
        difference=difference.ravel()[order].tolist(),
        tolerance=float(limit) * deviation,
        residual_deviation=deviation,
    )
    edges = np.linspace(-80, 80, 41)
    counts = [np.histogram(houses.y - line, edges)[0].tolist() for line in (ols(houses.x), linear.predictions)]
    series("residuals", edges=edges.tolist(), ols=counts[0], keras=counts[1])


def _line(line: Line) -> dict[str, Any]:
    return {"slope": line.slope, "intercept": line.intercept}


def _residual_deviation(ols: Line, houses: Houses) -> float:
    return float(np.std(houses.y - ols(houses.x), ddof=2))
