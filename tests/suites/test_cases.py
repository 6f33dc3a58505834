"""The checks themselves: each rejects its wrong case, alone, and right work in other styles passes all."""

from __future__ import annotations

import shutil
from itertools import combinations
from pathlib import Path

import pytest

from fixtures import artefact_cases, artefact_styles
from fixtures.artefact_cases import CASES, WrongCase
from fixtures.artefact_styles import STYLES, Style
from suites.records import Records
from suites.score import scores, total
from suites.specification import CHECK, CHECKS
from tests.suites.judging import Judge

BAD = {"failed", "missing", "errored", "xpassed"}
NOT_HERE = {"transfer/accuracy"}
"""Needs ImageNet weights and real images; its wrong case stands in test_transfer_accuracy.py."""


def bad(found: Records) -> set[str]:
    return {score.check for score in scores(found.results) if score.outcome in BAD}


def explain(found: Records) -> str:
    return "\n".join(f"{r.cell} {r.outcome}: {r.message}" for r in found.results if r.outcome in BAD)


def test_the_reference_gets_full_marks(reference_folder: Path, judge: Judge) -> None:
    status, found = judge(reference_folder)
    assert status == 0, explain(found)
    assert {result.check for result in found.results} == set(CHECK)
    skipped = {r.check for r in found.results if r.outcome == "skipped"}
    assert skipped == {"transfer/accuracy"}
    reached, possible = total(found.results)
    assert reached == possible == 100 - CHECK["transfer/accuracy"].points


@pytest.mark.parametrize("wrong", CASES, ids=lambda wrong: wrong.name)
def test_wrong_work_fails_exactly_its_checks(
    wrong: WrongCase, reference_folder: Path, tmp_path: Path, judge: Judge
) -> None:
    folder = artefact_cases.build(reference_folder, tmp_path / wrong.name, wrong)
    status, found = judge(folder)
    assert bad(found) == wrong.fails | wrong.missing, explain(found)
    outcomes = {score.check: score.outcome for score in scores(found.results)}
    assert {outcomes[check] for check in wrong.fails} <= {"failed"}
    assert {outcomes[check] for check in wrong.missing} <= {"missing"}
    assert status == 1
    for result in found.results:
        if result.outcome in ("failed", "missing"):
            assert result.message, result.cell
            assert result.hint, result.cell


@pytest.mark.parametrize("right", STYLES, ids=lambda right: right.name)
def test_right_work_in_another_style_passes(
    right: Style, reference_folder: Path, tmp_path: Path, judge: Judge
) -> None:
    folder = artefact_styles.build(reference_folder, tmp_path / right.name, right)
    status, found = judge(folder)
    assert status == 0, explain(found)
    passed = {score.check for score in scores(found.results) if score.outcome == "passed"}
    needs_evidence = {check.id for check in CHECKS if check.evidence}
    judged_without_knowing_the_data = {"cnn/accuracy", "cnn/confusion-matrix", "quantization/accuracy-drop"}
    always = set(CHECK) - needs_evidence - judged_without_knowing_the_data - {"transfer/accuracy"}
    assert always <= passed


def test_every_check_has_a_wrong_case_and_no_two_checks_the_same_ones() -> None:
    sets = {
        check.id: {c.name for c in CASES if check.id in c.fails} for check in CHECKS if check.id not in NOT_HERE
    }
    assert not [check for check, cases in sets.items() if not cases]
    assert not [(a, b) for a, b in combinations(sets, 2) if sets[a] == sets[b]]


def test_an_absent_section_is_missing_and_the_others_stand(
    reference_folder: Path, tmp_path: Path, judge: Judge
) -> None:
    folder = tmp_path / "half"
    folder.mkdir()
    for name in ("tf_simple_linear_regression_model.keras", "simple_linear_regression_model.tflite"):
        shutil.copy(reference_folder / name, folder)
    status, found = judge(folder)
    outcomes = {score.check: score.outcome for score in scores(found.results)}
    assert status == 1
    assert outcomes["linear/coefficient-agreement"] == "passed"
    assert outcomes["linear/normal-equation"] == "skipped"
    assert outcomes["logistic/accuracy"] == "missing"
    message = next(r.message for r in found.results if r.check == "logistic/accuracy")
    assert message.startswith("not found: looked for logistic_regression_model.keras")


@pytest.mark.parametrize(
    "name", ["cifar10_cnn_model.keras", "cifar10_cnn_model.h5", "cifar10_cnn_model_quantized.tflite"]
)
def test_a_truncated_file_fails_with_its_own_reason(
    name: str, reference_folder: Path, tmp_path: Path, judge: Judge
) -> None:
    folder = tmp_path / "cut"
    folder.mkdir()
    content = (reference_folder / name).read_bytes()
    (folder / name).write_bytes(content[: len(content) // 2])
    _, found = judge(folder)
    messages = [r.message for r in found.results if r.outcome == "failed"]
    assert messages
    assert all("truncated" in message for message in messages), messages
    assert not [r for r in found.results if r.outcome == "errored"]


def test_evidence_of_a_stranger_is_ignored(reference_folder: Path, judge: Judge) -> None:
    status, found = judge(reference_folder, "--no-evidence")
    assert status == 0
    outcomes = {score.check: score.outcome for score in scores(found.results)}
    rest_on_evidence = {check.id for check in CHECKS if check.evidence}
    assert rest_on_evidence == {check for check in rest_on_evidence if outcomes[check] == "skipped"}
    assert outcomes["cnn/accuracy"] == "skipped"
    assert not bad(found)


def test_nan_weights_fail_and_leave_strict_records(reference_folder: Path, tmp_path: Path, judge: Judge) -> None:
    import numpy as np

    from fixtures.model_edits import Weights, edit_keras

    folder = tmp_path / "nan"
    folder.mkdir()

    def spoil(weights: Weights) -> None:
        for name, array in weights.items():
            if name.startswith("layers") and array.dtype == np.float32:
                weights[name] = np.full_like(array, np.nan)

    for name in ("logistic_regression_model.keras", "cifar10_cnn_model.keras"):
        shutil.copy(reference_folder / name, folder)
        edit_keras(folder / name, weights=spoil)
    shutil.copytree(reference_folder / "evidence", folder / "evidence")
    _, found = judge(folder)
    outcomes = {score.check: score.outcome for score in scores(found.results)}
    for check in ("logistic/accuracy", "logistic/decision-agreement", "cnn/accuracy", "cnn/confusion-matrix"):
        assert outcomes[check] == "failed", check
