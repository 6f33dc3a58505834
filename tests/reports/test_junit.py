from __future__ import annotations

from pathlib import Path

import pytest
from junitparser import Error, Failure, JUnitXml, Skipped

from reports.junit import junit
from suites.records import Measurement, Result
from tests.reports import sample
from tests.reports.golden import FILES, FOLDER


@pytest.mark.parametrize("name", FILES)
def test_files_are_reproduced_to_the_byte(name: str) -> None:
    """After a deliberate change: ``python -m tests.reports.golden``."""
    assert FILES[name]() == (FOLDER / name).read_text(encoding="utf-8")


def cases(tmp_path: Path, text: str) -> dict[str, list[type]]:
    """Cell to the kinds of result that a reader we did not write finds in it."""
    path = tmp_path / "junit.xml"
    path.write_text(text, encoding="utf-8")
    return {
        f"{case.classname}/{case.name}": [type(kind) for kind in case.result]
        for suite in JUnitXml.fromfile(str(path))
        for case in suite
    }


def test_outcomes_are_kept_apart(tmp_path: Path) -> None:
    found = cases(tmp_path, junit([sample.troubled()]))
    assert set(found) == {result.cell for result in sample.troubled().results}
    assert found["linear/coefficient-agreement"] == [Failure]
    assert found["tuner/refit"] == [Failure]
    assert found["quantization/weights"] == [Failure]
    assert found["tflite/logistic-parity[litert]"] == [Error]
    assert found["transfer/accuracy"] == [Skipped]
    assert found["formats/round-trip"] == [Skipped]
    assert found["linear/architecture"] == []


def test_totals_agree_with_the_cases(tmp_path: Path) -> None:
    path = tmp_path / "junit.xml"
    path.write_text(junit([sample.troubled()]), encoding="utf-8")
    document = JUnitXml.fromfile(str(path))
    assert (document.tests, document.failures, document.errors, document.skipped) == (30, 3, 1, 3)
    stated = [(suite.tests, suite.failures, suite.errors, suite.skipped) for suite in document]
    document.update_statistics()
    for suite in document:
        suite.update_statistics()
    assert [(suite.tests, suite.failures, suite.errors, suite.skipped) for suite in document] == stated
    assert document.tests == 30


def test_a_cell_without_a_result_fails(tmp_path: Path) -> None:
    found = cases(tmp_path, junit([sample.without(sample.plain(), "cnn/accuracy")]))
    assert found["cnn/accuracy"] == [Failure]


def test_an_informing_variant_fails_nothing(tmp_path: Path) -> None:
    run = sample.changed(sample.plain(), {"quantization/runtime-support[tflite-runtime]": {"outcome": "failed"}})
    found = cases(tmp_path, junit([run]))
    assert found["quantization/runtime-support[tflite-runtime]"] == []


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    text = "]]><script>&\x00\x1b\ufffe\ud800\"'"
    measurement = Measurement(quantity=text, measured=text, criterion=text, ok=False)
    result = Result(
        check=f"linear/{text}",
        outcome="failed",
        points=0.0,
        max_points=1.0,
        message=text * 5_000,
        measurements=[measurement],
    )
    [found] = cases(tmp_path, junit([sample.bare(result)])).values()
    assert found == [Failure]


def test_runs_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "junit.xml"
    path.write_text(junit([sample.plain(), sample.plain()]), encoding="utf-8")
    names = [suite.name for suite in JUnitXml.fromfile(str(path))]
    assert len(set(names)) == len(names) == 16
    assert "linear, run 2, TensorFlow 2.21.0" in names
