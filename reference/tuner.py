"""Hyperparameter search: ten trials over learning rate and epochs, then a fresh model with the best values.

keras-tuner draws the learning rate when the model is built; how many epochs to train is not the model's to know,
so the tuner's own `run_trial` draws that. As the number of epochs is first registered there, the first trial
always has the smallest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras_tuner
import numpy as np
import tensorflow as tf

from fixtures.houses import many_houses
from reference import environment, linear, versions
from reference.evidence import Refit, Trial, TunerEvidence
from reference.training import BATCH, EachEpoch, Floats, Model, history_of, steps_per_epoch
from reference.work import Work

DIRECTORY, PROJECT = "sgd_tuning_epochs", "regression_sgd_epochs"
MODEL = "tuned_linear_regression_model.keras"
LEARNING_RATES = (1e-4, 1e-1)
EPOCHS = (50, 200, 10)
PATIENCE = 5


class BestEpoch(tf.keras.callbacks.Callback):  # type: ignore[misc]
    """Keeps the weights of the epoch with the smallest loss in memory.

    keras-tuner's own callback writes a file after every epoch that improved, up to two hundred a trial, of which
    one is ever read.
    """

    def __init__(self) -> None:
        super().__init__()
        self.loss = np.inf
        self.weights: list[Any] = []

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002, D102
        if logs and logs["loss"] < self.loss:
            self.loss, self.weights = logs["loss"], self.model.get_weights()


class RegressionTuner(keras_tuner.RandomSearch):  # type: ignore[misc]
    """Random search that draws the number of epochs too.

    `epochs` is (smallest, largest, step); `advance` is called after each trial. The losses of all epochs are
    kept in `losses`, by trial.
    """

    def __init__(
        self, *args: Any, epochs: tuple[int, int, int], advance: Callable[[], None], **kwargs: Any
    ) -> None:
        self.epochs = epochs
        self.advance = advance
        self.losses: dict[str, list[float]] = {}
        super().__init__(*args, **kwargs)

    def run_trial(self, trial: Any, x: Floats, y: Floats, **fit: Any) -> Any:
        """Train with this trial's learning rate for its epochs, or until the loss stops falling."""
        drawn = trial.hyperparameters
        low, high, step = self.epochs
        epochs = drawn.Int("epochs", min_value=low, max_value=high, step=step)

        model = self.hypermodel.build(drawn)
        best = BestEpoch()
        stopping = tf.keras.callbacks.EarlyStopping(monitor="loss", patience=PATIENCE)
        fitted = model.fit(x, y, epochs=epochs, callbacks=[stopping, best], **fit)

        model.set_weights(best.weights)
        model.save_weights(f"{self.get_trial_dir(trial.trial_id)}/{versions.TUNER_CHECKPOINT}")
        self.losses[trial.trial_id] = history_of(fitted)["loss"]
        self.advance()
        return fitted


def search(
    x: Floats,
    y: Floats,
    *,
    directory: Path,
    trials: int = 10,
    epochs: tuple[int, int, int] = EPOCHS,
    advance: Callable[[], None] = lambda: None,
) -> RegressionTuner:
    """Search over standardised x (n, 1) and y (n, 1); keras-tuner draws from Python's own `random`.

    Raises:
        RuntimeError: a trial failed; keras-tuner would go on with the others, but an answer key must be whole.
    """
    steps = steps_per_epoch(len(x))
    model = linear.build_model(steps_per_execution=steps)
    untrained = model.get_weights()

    def build(drawn: Any) -> Model:
        """One model, put back to its beginning: a new one for each trial would be compiled anew each time."""
        low, high = LEARNING_RATES
        rate = drawn.Float("learning_rate", min_value=low, max_value=high, sampling="log")
        model.set_weights(untrained)
        model.optimizer.learning_rate = rate
        model.optimizer.iterations.assign(0)
        return model

    tuner = RegressionTuner(
        build,
        objective="loss",
        max_trials=trials,
        executions_per_trial=1,
        epochs=epochs,
        advance=advance,
        directory=str(directory),
        project_name=PROJECT,
        overwrite=True,  # a search that finds an earlier one runs no trial and reports the old best as its own
        max_consecutive_failed_trials=1,
    )
    tuner.search(x, y, batch_size=BATCH, steps_per_epoch=steps, verbose=0)
    return tuner


def refit(
    x: Floats, y: Floats, *, learning_rate: float, epochs: int, callbacks: Sequence[Any] = ()
) -> tuple[Model, Refit]:
    """Train a fresh model with the values found: not the best trial's own, which has been trained already."""
    steps = steps_per_epoch(len(x))
    model = linear.build_model(learning_rate, steps_per_execution=steps)
    fitted = model.fit(
        x, y, epochs=epochs, batch_size=BATCH, steps_per_epoch=steps, verbose=0, callbacks=list(callbacks)
    )
    loss = float(model.evaluate(x, y, batch_size=len(x), verbose=0))
    return model, Refit(learning_rate=learning_rate, epochs=epochs, loss=loss, history=history_of(fitted))


def run(work: Work) -> TunerEvidence:
    """Search on the ten thousand houses, refit with the best values, save the model and the tuner's files."""
    houses = many_houses()
    x, _ = linear.standardise(houses.x)
    y, _ = linear.standardise(houses.y)
    settings, progress = work.settings, work.progress

    environment.start_afresh(settings.seed)
    with progress.steps("hyperparameter search, trials", settings.trials) as advance:
        tuner = search(
            x,
            y,
            directory=work.folder / DIRECTORY,
            trials=settings.trials,
            epochs=settings.tuned_epochs,
            advance=advance,
        )
    (best,) = tuner.oracle.get_best_trials(1)
    rate, epochs = (best.hyperparameters.get(name) for name in ("learning_rate", "epochs"))

    environment.start_afresh(settings.seed)
    with progress.steps("refit with the best values, epochs", epochs) as advance:
        model, refitted = refit(x, y, learning_rate=rate, epochs=epochs, callbacks=[EachEpoch(advance)])
    model.save(work.folder / MODEL)
    trials = [_trial(tuner, id_) for id_ in tuner.oracle.start_order]
    return TunerEvidence(best=best.trial_id, trials=trials, refit=refitted)


def _trial(tuner: RegressionTuner, identifier: str) -> Trial:
    trial = tuner.oracle.get_trial(identifier)
    losses = tuner.losses[identifier]
    return Trial(
        id=identifier,
        learning_rate=trial.hyperparameters.get("learning_rate"),
        epochs=trial.hyperparameters.get("epochs"),
        trained_epochs=len(losses),
        score=float(trial.score),
        loss=losses,
    )
