"""The JSON schema of the records, made from their types: one line of a records file is one such object.

``python -m reports.records_schema`` writes it beside this file; a test holds the file to the types.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import msgspec

from suites.records import SCHEMA, Record

FILE: Final = Path(__file__).with_name("records.schema.json")


def schema() -> dict[str, Any]:
    """JSON schema (draft 2020-12) of one record: header, result, series or footer, told apart by ``kind``."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"tflab records, schema {SCHEMA}",
        "description": "One line of a records file: first a header, last a footer with the number of results.",
        **msgspec.json.schema(Record),
    }


def text() -> str:
    """The schema as the file holds it."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
