"""Logistic regression: both libraries on the same two-class points."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from fixtures.points import Points
from suites.architecture import layer_summary
from suites.artefacts import Artefacts, Found
from suites.statistics import logistic_fit, wilson
from suites.subjects import LogisticSubject
from suites.verify import Verify

GRID = 100  # the lab draws the plane on 100 × 100 points
DRAWN = 60

Floats = npt.NDArray[np.float64]
Classes = npt.NDArray[np.int64]


@pytest.fixture(scope="module")
def sklearn_line(plane_points: Points) -> Floats:
    """(w1, w2, b) of scikit-learn's default LogisticRegression: penalised, C = 1."""
    return logistic_fit(plane_points.x_train, plane_points.y_train, penalty=1.0)


@pytest.fixture(scope="module")
def unpenalised_line(plane_points: Points) -> Floats:
    """(w1, w2, b) of the maximum-likelihood fit: what gradient descent without penalty goes towards."""
    return logistic_fit(plane_points.x_train, plane_points.y_train)


def test_architecture(logistic_file: Found, verify: Verify) -> None:
    """The model is one neuron with a sigmoid on two inputs."""
    model = logistic_file.keras
    verify("layers", layer_summary(model))
    verify("parameters", model.trainable_parameters)


def test_sklearn_accuracy(artefacts: Artefacts, verify: Verify) -> None:
    """scikit-learn classifies 88 % of the seeded test points as labelled."""
    seen = artefacts.evidence("logistic")["sklearn"]
    verify.note("as the student's process reported it")
    verify("accuracy", seen["accuracy"])


def test_accuracy(
    logistic: LogisticSubject,
    sklearn_line: Floats,
    plane_points: Points,
    verify: Verify,
    series: Callable[..., None],
) -> None:
    """TensorFlow's accuracy on the test points is within the binomial margin of scikit-learn's."""
    classes = logistic.classes(plane_points.x_test)
    right = classes == plane_points.y_test
    verify("accuracy", float(right.mean()), interval=wilson(int(right.sum()), right.size))
    theirs = _side(sklearn_line, plane_points.x_test)
    series(
        "confusion",
        labels=["0", "1"],
        sklearn=_confusion(plane_points.y_test, theirs),
        keras=_confusion(plane_points.y_test, classes),
    )


def test_coefficient_agreement(
    logistic: LogisticSubject, unpenalised_line: Floats, plane_points: Points, verify: Verify
) -> None:
    """The decision boundary runs in the direction, and through the place, of the maximum-likelihood one."""
    centre = plane_points.x_train.mean(axis=0)
    ours, theirs = logistic.coefficients(centre), unpenalised_line
    verify("angle", _angle(ours[:2], theirs[:2]))
    verify("offset", abs(_distance(ours, centre) - _distance(theirs, centre)))
    verify.note(f"weights {ours[0]:.3f}, {ours[1]:.3f}, bias {ours[2]:.3f} in original units")
    verify.note(f"without penalty {theirs[0]:.3f}, {theirs[1]:.3f}, {theirs[2]:.3f}")


def test_decision_agreement(
    logistic: LogisticSubject,
    sklearn_line: Floats,
    plane_points: Points,
    verify: Verify,
    series: Callable[..., None],
) -> None:
    """Both libraries give the same class, on the test points and over the plane."""
    same = logistic.classes(plane_points.x_test) == _side(sklearn_line, plane_points.x_test)
    verify("test points", float(same.mean()), interval=wilson(int(same.sum()), same.size))
    grid = _grid(plane_points.x_test, GRID)
    same = logistic.classes(grid) == _side(sklearn_line, grid)
    verify("grid", float(same.mean()))

    drawn = _grid(plane_points.x_test, DRAWN)
    series(
        "boundaries",
        x1=drawn[:DRAWN, 0].tolist(),
        x2=drawn[::DRAWN, 1].tolist(),
        sklearn=_rows(_side(sklearn_line, drawn)),
        keras=_rows(logistic.classes(drawn)),
        points=[[*map(float, x), int(y)] for x, y in zip(plane_points.x_test, plane_points.y_test, strict=True)],
        sklearn_line=sklearn_line.tolist(),
        keras_line=logistic.coefficients(plane_points.x_train.mean(axis=0)).tolist(),
    )


def _side(line: Floats, x: Floats) -> Classes:
    return np.asarray(x @ line[:2] + line[2] > 0).astype(np.int64)


def _angle(a: Floats, b: Floats) -> float:
    """Angle between two vectors (2,), in degrees."""
    cosine = a @ b / (np.linalg.norm(a) * np.linalg.norm(b))
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def _distance(line: Floats, point: Floats) -> float:
    """Signed distance of a point from a line w·x + b = 0, in feature units."""
    return float((line[:2] @ point + line[2]) / np.linalg.norm(line[:2]))


def _grid(x: Floats, steps: int) -> Floats:
    """The plane around points (n, 2) as the lab draws it, one unit beyond them: (steps², 2), row by row."""
    low, high = x.min(axis=0) - 1, x.max(axis=0) + 1
    first, second = np.meshgrid(np.linspace(low[0], high[0], steps), np.linspace(low[1], high[1], steps))
    return np.column_stack([first.ravel(), second.ravel()])


def _rows(classes: Classes) -> list[str]:
    return ["".join("1" if value == 1 else "0" for value in row) for row in classes.reshape(DRAWN, DRAWN)]


def _confusion(labels: npt.NDArray[np.int64], classes: Classes) -> list[list[int]]:
    return [[int(((labels == row) & (classes == column)).sum()) for column in (0, 1)] for row in (0, 1)]
