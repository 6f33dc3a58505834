"""Logistic regression in both libraries, like compared with like."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fixtures import lab_notebook
from fixtures.points import Points, points


@pytest.fixture(scope="module")
def logistic(tensorflow: Any) -> Any:
    from reference import logistic

    return logistic


@pytest.fixture(scope="module")
def data() -> Points:
    return points()


def test_scikit_learns_default_is_what_the_lab_reports(logistic: Any, data: Points) -> None:
    found = logistic.sklearn_fit(data)
    theirs = lab_notebook_fit(data)
    assert found.accuracy == 0.88
    assert found.weights == pytest.approx(theirs.coef_[0].tolist(), rel=1e-12)
    assert found.intercept == pytest.approx(theirs.intercept_[0], rel=1e-12)
    assert sum(found.confusion[0]) + sum(found.confusion[1]) == len(data.y_test)
    assert found.confusion[0][0] + found.confusion[1][1] == 176


def lab_notebook_fit(data: Points) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression().fit(data.x_train, data.y_train)


def test_without_the_penalty_the_gradient_is_zero(logistic: Any, data: Points) -> None:
    """At the maximum of the likelihood residuals are orthogonal to the features; the penalised fit stops short."""

    def gradient(found: Any) -> float:
        log_odds = data.x_train @ np.array(found.weights) + found.intercept
        residual = 1 / (1 + np.exp(-log_odds)) - data.y_train
        return float(np.abs(data.x_train.T @ residual).max() / len(residual))

    unpenalised, default = logistic.sklearn_fit(data, penalty_strength=0), logistic.sklearn_fit(data)
    assert gradient(unpenalised) < 1e-4 < gradient(default)
    assert np.linalg.norm(default.weights) < np.linalg.norm(unpenalised.weights)


def test_the_fit_is_the_labs_to_the_last_bit(logistic: Any, data: Points) -> None:
    from reference import environment

    environment.start_afresh(42)
    lab = lab_notebook.logistic_model()
    curve = lab_notebook.fit_logistic(lab, data.x_train, data.y_train, 3).history
    environment.start_afresh(42)
    ours, history = logistic.train(data.x_train, data.y_train, epochs=3)
    assert [w.tobytes() for w in lab.get_weights()] == [w.tobytes() for w in ours.get_weights()]
    assert history == curve


def test_classes_are_decided_at_one_half(logistic: Any, tensorflow: Any) -> None:
    model = logistic.build_model()
    model.set_weights([np.array([[1.0], [0.0]]), np.array([0.0])])
    x = np.array([[-1.0, 5.0], [0.0, 5.0], [1.0, -5.0]])
    assert logistic.classes_of(model, x).tolist() == [0, 0, 1]
