"""Linear regression: five houses solved in one go, ten thousand by gradient descent.

The normal equation gives the line exactly. Gradient descent walks towards it, and on standardised data the walk
is short: both axes then have mean 0 and deviation 1, so one learning rate suits both parameters. What the walk
ends with is a line *between standardised axes*; `in_original_units` says what it is in square feet and prices.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import StandardScaler

from fixtures.houses import five_houses, many_houses
from reference import environment
from reference.evidence import Line, LinearEvidence, Scaler
from reference.training import BATCH, EachEpoch, Floats, History, Model, history_of, steps_per_epoch
from reference.work import Work

MODEL = "tf_simple_linear_regression_model.keras"
LEARNING_RATE = 0.01


def normal_equation(x: Floats, y: Floats) -> Line:
    """The least-squares line through x (n, 1) and y (n,) in closed form: θ = (XᵀX)⁻¹ Xᵀy, with X = [x, 1]."""
    design = np.column_stack([x, np.ones(len(x))])
    slope, intercept = np.linalg.solve(design.T @ design, design.T @ y)
    return Line(float(slope), float(intercept))


def sklearn_line(x: Floats, y: Floats) -> Line:
    """The same line by scikit-learn, which decomposes X instead of squaring it."""
    fitted = LinearRegression().fit(x, np.ravel(y))
    return Line(float(fitted.coef_[0]), float(fitted.intercept_))


def build_model(learning_rate: float = LEARNING_RATE, steps_per_execution: int = 1) -> Model:
    """One linear neuron on one input, both parameters zero at first; SGD on the squared error."""
    model = tf.keras.Sequential(
        [
            tf.keras.Input(shape=(1,)),
            tf.keras.layers.Dense(1, kernel_initializer="zeros", bias_initializer="zeros"),
        ]
    )
    model.compile(
        optimizer=tf.keras.optimizers.SGD(learning_rate=learning_rate),
        loss="mse",
        steps_per_execution=steps_per_execution,
    )
    return model


def train(x: Floats, y: Floats, *, epochs: int = 100, callbacks: Sequence[Any] = ()) -> tuple[Model, History]:
    """Fit the model to standardised x (n, 1) and y (n, 1), an epoch at a time inside TensorFlow."""
    steps = steps_per_epoch(len(x))
    model = build_model(steps_per_execution=steps)
    fitted = model.fit(
        x, y, epochs=epochs, batch_size=BATCH, steps_per_epoch=steps, verbose=0, callbacks=list(callbacks)
    )
    return model, history_of(fitted)


def scaled_line(model: Model) -> Line:
    """Slope and intercept as the model holds them: between standardised axes."""
    kernel, bias = model.layers[-1].get_weights()
    return Line(float(kernel[0, 0]), float(bias[0]))


def in_original_units(line: Line, x_scaler: Scaler, y_scaler: Scaler) -> Line:
    """Bring a line between scaled axes back to the original ones.

    Put (x - μx)/σx and (y - μy)/σy into y' = w x' + b and solve for y: the slope is w σy/σx, the intercept
    μy + σy b - slope μx. Leave out the last term, as the lab's printout does, and what is left is the
    prediction at the mean house, not at x = 0.
    """
    slope = line.slope * y_scaler.scale / x_scaler.scale
    return Line(slope, y_scaler.mean + y_scaler.scale * line.intercept - slope * x_scaler.mean)


def standardise(values: Floats) -> tuple[Floats, Scaler]:
    """Scale a column (n, 1) to mean 0 and deviation 1; gives what undoes it too."""
    scaler = StandardScaler()
    scaled = scaler.fit_transform(values)
    return scaled, Scaler(mean=float(scaler.mean_[0]), scale=float(scaler.scale_[0]))


def run(work: Work) -> LinearEvidence:
    """Solve five houses, train on ten thousand, save the model."""
    five, many = five_houses(), many_houses()
    fitted = LinearRegression().fit(five.x, five.y)

    x, x_scaler = standardise(many.x)
    y, y_scaler = standardise(many.y)
    environment.start_afresh(work.settings.seed)
    epochs = work.settings.regression_epochs
    with work.progress.steps("linear regression, epochs", epochs) as advance:
        model, history = train(x, y, epochs=epochs, callbacks=[EachEpoch(advance)])
    model.save(work.folder / MODEL)

    scaled = scaled_line(model)
    return LinearEvidence(
        normal_equation=Line(float(fitted.coef_[0]), float(fitted.intercept_)),
        closed_form=normal_equation(five.x, five.y),
        five_predictions=[float(price) for price in fitted.predict(five.x)],
        least_squares=sklearn_line(many.x, many.y),
        tensorflow=in_original_units(scaled, x_scaler, y_scaler),
        scaled=scaled,
        printed_bias=scaled.intercept * y_scaler.scale + y_scaler.mean,
        x_scaler=x_scaler,
        y_scaler=y_scaler,
        history=history,
    )
