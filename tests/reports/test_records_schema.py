from __future__ import annotations

from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from reports.records_schema import FILE, schema, text
from suites.records import Footer
from tests.reports import sample


def test_the_published_schema_is_that_of_the_types() -> None:
    """After a deliberate change: ``python -m reports.records_schema``."""
    assert FILE.read_text(encoding="utf-8") == text()


def test_records_satisfy_the_schema() -> None:
    Draft202012Validator.check_schema(schema())
    validator = Draft202012Validator(schema())
    run = sample.troubled()
    for record in (run.header, *run.results, *run.series, Footer(results=len(run.results))):
        validator.validate(msgspec.json.decode(msgspec.json.encode(record)))


@pytest.mark.parametrize(
    "record",
    [
        {"kind": "footer"},
        {"kind": "result", "check": "linear/x", "outcome": "fine", "points": 1, "max_points": 1},
        {"kind": "rumour"},
        {},
    ],
)
def test_other_objects_do_not(record: dict[str, Any]) -> None:
    assert not Draft202012Validator(schema()).is_valid(record)
