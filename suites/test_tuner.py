"""Hyperparameter search: what keras-tuner was asked, what it found, and whether that was used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from fixtures.houses import Houses
from suites.artefacts import Artefacts, EvidenceAbsent, Found
from suites.criteria import number
from suites.statistics import Line
from suites.subjects import LinearSubject
from suites.tuner_files import Trial, read_trials
from suites.verify import CheckFailed, Verify


@pytest.fixture
def trials(artefacts: Artefacts) -> list[Trial]:
    """All trials that keras-tuner left behind."""
    return read_trials(artefacts.root)


def test_search_space(
    trials: list[Trial], artefacts: Artefacts, verify: Verify, series: Callable[..., None]
) -> None:
    """Ten trials minimise the training loss over the lab's ranges of learning rate and epochs."""
    finished = [trial for trial in trials if trial.finished]
    verify("finished trials", len(finished))
    space = {name: config for trial in finished for name, config in trial.space.items()}
    verify("learning rate", _learning_rate_range(space.get("learning_rate")))
    if "epochs" in space:
        verify("epochs", _epochs_range(space["epochs"]))
    else:
        drawn = sorted({str(trial.values["epochs"]) for trial in finished if "epochs" in trial.values})
        verify("epochs", f"never registered; drawn: {', '.join(drawn) or 'none'}")
    verify("objective", _objective(finished))

    trained = {t["id"]: t.get("trained_epochs") for t in artefacts.evidence_or("tuner").get("trials", [])}
    best = _best(finished)
    series("trials", trials=[_drawn(trial, trained.get(trial.id)) for trial in trials], best=best and best.id)


def test_best_trial(trials: list[Trial], tuned_file: Found, artefacts: Artefacts, verify: Verify) -> None:
    """The refitted model used the values of the best finished trial."""
    best = _best([trial for trial in trials if trial.finished])
    if best is None:
        raise CheckFailed("no trial finished, so there are no best values")
    refit = artefacts.evidence_or("tuner").get("refit", {})
    rate = tuned_file.keras.learning_rate or refit.get("learning_rate")
    if rate is None:
        raise EvidenceAbsent("a model file cannot show this: it was saved without its optimizer")
    verify("learning rate", rate, float(best.values["learning_rate"]))
    if "epochs" in refit:
        verify("epochs", refit["epochs"] == best.values.get("epochs"), because=_asked(refit, best))
        verify.note("epochs as the student's process reported them")
    else:
        verify.note("how many epochs the refit asked for, a model file cannot show")


def test_refit(
    linear: LinearSubject,
    tuned: LinearSubject,
    ols: Line,
    houses: Houses,
    verify: Verify,
    series: Callable[..., None],
) -> None:
    """The model refitted with the best values is no worse than the untuned one."""
    losses = {
        "untuned": _loss(linear.predictions, houses),
        "tuned": _loss(tuned.predictions, houses),
        "ols": _loss(ols(houses.x), houses),
    }
    verify("excess loss", losses["tuned"] / losses["untuned"] - 1)
    verify.note(f"mean squared error {number(losses['untuned'])} untuned, {number(losses['tuned'])} tuned")
    series("losses", **losses)


def _loss(predictions: np.ndarray[Any, Any], houses: Houses) -> float:
    return float(np.mean((predictions - houses.y) ** 2))


def _best(finished: list[Trial]) -> Trial | None:
    return min(finished, key=lambda trial: trial.score if trial.score is not None else np.inf, default=None)


def _learning_rate_range(config: dict[str, Any] | None) -> str:
    if config is None:
        return "not searched"
    return f"{config.get('min_value')}…{config.get('max_value')}, {config.get('sampling')}"


def _epochs_range(config: dict[str, Any]) -> str:
    return f"{config.get('min_value')}…{config.get('max_value')} by {config.get('step')}"


def _objective(finished: list[Trial]) -> str:
    """The metric that every trial's score stands for; the oracle's own file does not name it."""
    for name, direction in (finished[0].objectives if finished else {}).items():
        if name == "loss" or len(finished[0].objectives) == 1:
            return f"{name}, {direction}"
    return "unknown"


def _asked(refit: dict[str, Any], best: Trial) -> str:
    return f": {refit['epochs']} epochs, the best trial drew {best.values.get('epochs')}"


def _drawn(trial: Trial, trained_epochs: int | None) -> dict[str, Any]:
    return {
        "id": trial.id,
        "learning_rate": trial.values.get("learning_rate"),
        "epochs": trial.values.get("epochs"),
        "trained_epochs": trained_epochs,
        "score": trial.score,
        "finished": trial.finished,
    }
