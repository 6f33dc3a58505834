"""Calibrated limits stand between what right work measures and what wrong work measures."""

from __future__ import annotations

import pytest

from suites.calibration import calibration, distribution
from suites.criteria import Criterion
from suites.specification import CHECKS, Check

CALIBRATED = [
    (check, quantity, criterion)
    for check in CHECKS
    for quantity, criterion in check.criteria.items()
    if criterion.calibrated
]
NOT_MEASURED_HERE = {("transfer/accuracy", "accuracy")}
"""Needs ImageNet's weights."""


@pytest.mark.parametrize(
    ("check", "quantity", "criterion"), CALIBRATED, ids=[f"{check.id}:{name}" for check, name, _ in CALIBRATED]
)
def test_a_calibrated_limit_has_both_distributions(check: Check, quantity: str, criterion: Criterion) -> None:
    if (check.id, quantity) in NOT_MEASURED_HERE:
        pytest.skip("ImageNet's weights are not to be had here")
    found = distribution(check.id, quantity)
    assert found is not None
    assert len(found.right) >= 5
    assert all(criterion.holds(value) for value in found.right), found.right
    missed = [wrong.case for wrong in found.wrong if not criterion.holds(wrong.value)]
    assert missed, f"no wrong work misses {criterion}"


def test_every_wrong_case_misses_some_limit_of_its_check() -> None:
    for check in CHECKS:
        missed: dict[str, bool] = {}
        for quantity, criterion in check.criteria.items():
            found = distribution(check.id, quantity) if criterion.calibrated else None
            for wrong in found.wrong if found else ():
                missed[wrong.case] = missed.get(wrong.case, False) or not criterion.holds(wrong.value)
        assert all(missed.values()), (check.id, missed)


def test_the_file_says_where_it_was_measured() -> None:
    found = calibration()
    assert len(found.seeds) >= 5
    assert {"tensorflow-cpu", "numpy"} <= set(found.environment)
