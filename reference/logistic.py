"""Logistic regression: both libraries on the same two-class points.

One neuron with a sigmoid is a logistic regression. The two do not minimise the same thing, though: scikit-learn
adds a penalty on the weights unless told otherwise, gradient descent adds none and stops after a number of
epochs. Like is compared with like: decisions with scikit-learn's default, coefficients with its unpenalised fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, confusion_matrix

from fixtures.points import Points, points
from reference import environment
from reference.evidence import Logistic, LogisticEvidence
from reference.training import BATCH, EachEpoch, Floats, History, Model, history_of, steps_per_epoch
from reference.work import Work

Classes = npt.NDArray[np.int64]

MODEL = "logistic_regression_model.keras"


def sklearn_fit(data: Points, penalty_strength: float = 1.0) -> Logistic:
    """scikit-learn's fit; its default penalty has strength 1, and 0 leaves the penalty out."""
    fitted = LogisticRegression(C=1 / penalty_strength if penalty_strength else np.inf)
    fitted.fit(data.x_train, data.y_train)
    return _described(data, fitted.coef_[0], fitted.intercept_[0], fitted.predict(data.x_test))


def build_model(steps_per_execution: int = 1) -> Model:
    """One neuron with a sigmoid on two inputs; SGD at Keras's default learning rate, 0.01."""
    model = tf.keras.Sequential(
        [
            tf.keras.Input(shape=(2,)),
            tf.keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(
        optimizer="sgd",
        loss="binary_crossentropy",
        metrics=["accuracy"],
        steps_per_execution=steps_per_execution,
    )
    return model


def train(x: Floats, y: Classes, *, epochs: int = 100, callbacks: Sequence[Any] = ()) -> tuple[Model, History]:
    """Fit the model to points x (n, 2) with classes y (n,), an epoch at a time inside TensorFlow."""
    steps = steps_per_epoch(len(x))
    model = build_model(steps_per_execution=steps)
    fitted = model.fit(
        x, y, epochs=epochs, batch_size=BATCH, steps_per_epoch=steps, verbose=0, callbacks=list(callbacks)
    )
    return model, history_of(fitted)


def classes_of(model: Model, x: Floats) -> Classes:
    """Class 1 where its probability is above one half, else class 0; shape (n,)."""
    return np.where(model.predict(x, verbose=0).ravel() > 0.5, 1, 0)


def run(work: Work) -> LogisticEvidence:
    """Fit both libraries, save TensorFlow's model."""
    data = points()
    environment.start_afresh(work.settings.seed)
    epochs = work.settings.regression_epochs
    with work.progress.steps("logistic regression, epochs", epochs) as advance:
        model, history = train(data.x_train, data.y_train, epochs=epochs, callbacks=[EachEpoch(advance)])
    model.save(work.folder / MODEL)

    kernel, bias = model.layers[-1].get_weights()
    return LogisticEvidence(
        sklearn=sklearn_fit(data),
        unpenalised=sklearn_fit(data, penalty_strength=0),
        tensorflow=_described(data, kernel[:, 0], bias[0], classes_of(model, data.x_test)),
        history=history,
    )


def _described(data: Points, weights: Floats, intercept: float, predicted: Any) -> Logistic:
    return Logistic(
        weights=[float(weight) for weight in weights],
        intercept=float(intercept),
        accuracy=float(accuracy_score(data.y_test, predicted)),
        confusion=confusion_matrix(data.y_test, predicted).tolist(),
    )
