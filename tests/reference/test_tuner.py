"""The search: keras-tuner's own trials in less time, never mixed with an earlier search's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fixtures import lab_notebook
from fixtures.lab_notebook import ScaledHouses

TRIALS, EPOCHS = 2, (4, 12, 2)


@pytest.fixture(scope="module")
def tuner(tensorflow: Any) -> Any:
    from reference import tuner

    return tuner


@pytest.fixture(scope="module")
def few_houses(tensorflow: Any) -> ScaledHouses:
    houses = lab_notebook.scaled_houses()
    rows = slice(0, 500)
    return ScaledHouses(
        houses.x[rows], houses.y_true[rows], houses.x_scaled[rows], houses.y_scaled[rows], houses.scaler_y
    )


def search(tuner: Any, houses: ScaledHouses, directory: Path, seed: int = 42, **more: Any) -> Any:
    from reference import environment

    environment.start_afresh(seed)
    return tuner.search(houses.x_scaled, houses.y_scaled, directory=directory, trials=TRIALS, epochs=EPOCHS, **more)


def outcome(found: Any) -> list[tuple[dict[str, Any], float]]:
    trials = (found.oracle.get_trial(name) for name in found.oracle.start_order)
    return [(trial.hyperparameters.values, float(trial.score)) for trial in trials]


@pytest.fixture(scope="module")
def found(tuner: Any, few_houses: ScaledHouses, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A finished search, with the calls of `advance` that it made."""
    advanced: list[None] = []
    done = search(tuner, few_houses, tmp_path_factory.mktemp("search"), advance=lambda: advanced.append(None))
    done.advanced = advanced
    return done


def test_trials_are_those_of_the_labs_own_tuner_to_the_last_bit(
    found: Any, few_houses: ScaledHouses, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reference import environment

    monkeypatch.chdir(tmp_path)
    environment.start_afresh(42)
    lab = lab_notebook.regression_tuner(TRIALS, EPOCHS)
    lab_notebook.search(lab, few_houses)

    assert outcome(found) == outcome(lab)
    best = [tuner.get_best_models(1)[0].get_weights() for tuner in (found, lab)]
    assert [w.tobytes() for w in best[0]] == [w.tobytes() for w in best[1]], "each trial's best epoch is kept"


def test_a_trial_starts_where_a_fresh_model_would(tuner: Any, found: Any) -> None:
    """One compiled model serves all trials; nothing of a trial is left in it for the next."""
    (trial,) = found.oracle.get_best_trials(1)
    model = found.hypermodel.build(trial.hyperparameters)
    assert [w.tolist() for w in model.get_weights()] == [[[0.0]], [0.0]]
    assert int(model.optimizer.iterations.numpy()) == 0
    drawn = trial.hyperparameters.get("learning_rate")
    assert float(model.optimizer.learning_rate.numpy()) == pytest.approx(drawn, rel=1e-6)


def test_it_draws_from_the_labs_ranges(tuner: Any, found: Any) -> None:
    assert len(found.advanced) == TRIALS
    values = [drawn for drawn, _ in outcome(found)]
    assert values[0]["epochs"] == EPOCHS[0], "registered inside the first trial, so that has the smallest"
    assert all(EPOCHS[0] <= drawn["epochs"] <= EPOCHS[1] and drawn["epochs"] % 2 == 0 for drawn in values)
    assert all(1e-4 <= drawn["learning_rate"] <= 1e-1 for drawn in values)
    trial = json.loads((Path(found.project_dir) / "trial_0" / "trial.json").read_text())
    assert trial["status"] == "COMPLETED"
    space = {p["config"]["name"]: p["config"] for p in trial["hyperparameters"]["space"]}
    assert set(space) == {"learning_rate", "epochs"}
    assert space["learning_rate"]["sampling"] == "log"


def test_an_earlier_search_in_the_directory_is_removed_not_reported(
    tuner: Any, few_houses: ScaledHouses, tmp_path: Path
) -> None:
    earlier = tmp_path / tuner.PROJECT
    (earlier / "trial_0").mkdir(parents=True)
    (earlier / "tuner0.json").write_text("{}")
    (earlier / "trial_0" / "trial.json").write_text("an earlier trial")
    second = search(tuner, few_houses, tmp_path)
    assert len(second.losses) == TRIALS, "every trial was run here"
    assert "earlier" not in (earlier / "trial_0" / "trial.json").read_text()


def test_a_trial_that_fails_ends_the_search(
    tuner: Any, few_houses: ScaledHouses, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tuner.RegressionTuner, "get_trial_dir", fail)
    with pytest.raises((RuntimeError, OSError), match="No space left"):
        search(tuner, few_houses, tmp_path)


def test_early_stopping_waits_five_epochs(tuner: Any, few_houses: ScaledHouses, tmp_path: Path) -> None:
    """The loss is soon at its floor, the trial ends well before its 200 epochs, and its best epoch is kept."""
    from reference import environment, linear

    environment.start_afresh(42)
    found = tuner.search(
        few_houses.x_scaled, few_houses.y_scaled, directory=tmp_path, trials=1, epochs=(200, 200, 10)
    )
    (losses,) = found.losses.values()
    assert len(losses) < 200
    assert losses.index(min(losses)) == len(losses) - 1 - tuner.PATIENCE
    (trial,) = found.oracle.get_best_trials(1)
    assert trial.score == min(losses)

    environment.start_afresh(42)
    plain = linear.build_model(trial.hyperparameters.get("learning_rate"))
    best_epoch = losses.index(min(losses)) + 1
    plain.fit(few_houses.x_scaled, few_houses.y_scaled, epochs=best_epoch, batch_size=32, verbose=0)
    (kept,) = found.get_best_models(1)
    assert [w.tobytes() for w in kept.get_weights()] == [w.tobytes() for w in plain.get_weights()]


def test_the_refit_starts_from_a_fresh_model(tuner: Any, few_houses: ScaledHouses) -> None:
    from reference import environment, linear

    x, y = few_houses.x_scaled, few_houses.y_scaled
    environment.start_afresh(42)
    model, refit = tuner.refit(x, y, learning_rate=0.02, epochs=2)
    environment.start_afresh(42)
    plain = linear.build_model(0.02)
    plain.fit(x, y, epochs=2, batch_size=32, verbose=0)
    assert [w.tobytes() for w in model.get_weights()] == [w.tobytes() for w in plain.get_weights()]
    assert (refit.learning_rate, refit.epochs, len(refit.history["loss"])) == (0.02, 2, 2)
    squared_error = float(((model.predict(x, verbose=0) - y) ** 2).mean())
    assert refit.loss == pytest.approx(squared_error, rel=1e-5)
