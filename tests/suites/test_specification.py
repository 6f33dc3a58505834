"""The table is whole, and every row is a test."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import suites
from suites.specification import CHECK, CHECKS, IMAGE_LIMITS, SECTIONS, accuracy_quantity

SUITES = Path(suites.__file__).parent

IDENTIFIERS = """
linear/normal-equation linear/architecture linear/coefficient-agreement linear/prediction-agreement
tuner/search-space tuner/best-trial tuner/refit
logistic/architecture logistic/sklearn-accuracy logistic/accuracy logistic/coefficient-agreement
logistic/decision-agreement
tflite/signature tflite/linear-parity tflite/logistic-parity
cnn/parameter-count cnn/accuracy cnn/confusion-matrix
transfer/frozen-base transfer/accuracy
formats/round-trip
quantization/weights quantization/size-reduction quantization/output-parity quantization/accuracy-drop
quantization/runtime-support
""".split()


def written_checks() -> dict[str, ast.FunctionDef]:
    found = {}
    for path in SUITES.glob("test_*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                name = node.name.removeprefix("test_").replace("_", "-")
                found[f"{path.stem.removeprefix('test_')}/{name}"] = node
    return found


def test_identifiers_are_stable() -> None:
    assert [check.id for check in CHECKS] == IDENTIFIERS


def test_every_row_is_a_test_and_every_test_a_row() -> None:
    assert set(written_checks()) == set(CHECK)


def test_every_check_says_what_must_hold() -> None:
    for identifier, function in written_checks().items():
        statement = ast.get_docstring(function) or ""
        assert statement.endswith("."), identifier


def test_points_make_a_hundred() -> None:
    assert sum(check.points for check in CHECKS) == 100


def test_sections_are_in_the_order_of_the_lab() -> None:
    assert list(dict.fromkeys(check.section for check in CHECKS)) == [section.id for section in SECTIONS]
    lines = [section.lines for section in SECTIONS]
    assert lines == sorted(lines)


def test_every_criterion_says_why() -> None:
    for check in CHECKS:
        assert check.criteria, check.id
        assert check.hint, check.id
        for quantity, criterion in check.criteria.items():
            assert len(criterion.why) > 10, (check.id, quantity)


def test_limits_hold_from_a_number_of_training_images_on() -> None:
    assert accuracy_quantity("generated", 6_000) == "accuracy (generated)"
    assert accuracy_quantity("generated", 5_999) is None
    assert accuracy_quantity("cifar10", 50_000) == "accuracy (cifar10)"
    assert accuracy_quantity("faces", 50_000) is None
    for quantity in IMAGE_LIMITS.values():
        assert quantity in CHECK["cnn/accuracy"].criteria


def test_the_table_is_frozen() -> None:
    with pytest.raises(TypeError):
        CHECK["cnn/accuracy"].criteria["accuracy (generated)"] = None  # type: ignore[index]
