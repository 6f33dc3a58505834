"""keras-tuner's own files, read as data: ``oracle.json`` and one ``trial.json`` per trial."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from suites.artefacts import Missing
from suites.verify import CheckFailed

MAX_BYTES = 2 * 2**20
MAX_TRIALS = 1_000


class _Parameter(msgspec.Struct, frozen=True):
    class_name: str
    config: dict[str, Any]


class _HyperParameters(msgspec.Struct, frozen=True):
    space: list[_Parameter]
    values: dict[str, Any]


class _Metric(msgspec.Struct, frozen=True):
    direction: str | None = None


class _Metrics(msgspec.Struct, frozen=True):
    metrics: dict[str, _Metric] = {}


class _TrialFile(msgspec.Struct, frozen=True):
    trial_id: str
    hyperparameters: _HyperParameters
    metrics: _Metrics
    score: float | None
    status: str


@dataclass(frozen=True)
class Trial:
    """One trial: what was drawn, what came out. ``score`` is the objective's value, None if it never finished."""

    id: str
    values: dict[str, Any]
    space: dict[str, dict[str, Any]]
    objectives: dict[str, str | None]
    score: float | None
    status: str

    @property
    def finished(self) -> bool:
        """Whether keras-tuner completed it."""
        return self.status == "COMPLETED" and self.score is not None


def read_trials(root: Path) -> list[Trial]:
    """All trials of the first tuner project below ``root``, by identifier.

    Raises:
        Missing: there is no project of a tuner.
        CheckFailed: a trial's file is no such file, or too large.
    """
    project = _project(root)
    if project is None:
        raise Missing("not found: looked for sgd_tuning_epochs/ with keras-tuner's oracle.json and trials.")
    paths = sorted(project.glob("trial_*/trial.json"))[:MAX_TRIALS]
    return sorted((_read(path) for path in paths), key=lambda trial: trial.id)


def _project(root: Path) -> Path | None:
    for folder, folders, files in os.walk(root):
        folders.sort(key=lambda name: (name != "sgd_tuning_epochs", name))
        folders[:] = [name for name in folders if name != "evidence" and not name.startswith(".")]
        if "oracle.json" in files:
            return Path(folder)
    return None


def _read(path: Path) -> Trial:
    if path.is_symlink() or path.stat().st_size > MAX_BYTES:
        raise CheckFailed(f"{path.parent.name}/{path.name} is no file that keras-tuner writes")
    try:
        file = msgspec.json.decode(path.read_bytes(), type=_TrialFile)
    except msgspec.MsgspecError as error:
        raise CheckFailed(f"{path.parent.name}/{path.name} is no file that keras-tuner writes: {error}") from error
    return Trial(
        id=file.trial_id,
        values=file.hyperparameters.values,
        space={str(p.config.get("name")): {"kind": p.class_name, **p.config} for p in file.hyperparameters.space},
        objectives={name: metric.direction for name, metric in file.metrics.metrics.items()},
        score=file.score,
        status=file.status,
    )
