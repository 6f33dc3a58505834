"""The matrix in a real browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reports.matrix_page import render
from tests.reports import sample_matrix
from tests.reports.test_accessibility import Scheme, browser, pytestmark, violations

__all__ = ["browser", "pytestmark"]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("matrix") / "matrix.html"
    path.write_text(render(sample_matrix.troubled()), encoding="utf-8")
    return path


@pytest.mark.parametrize(("scheme", "width"), [("light", 1200), ("dark", 400)])
def test_axe_finds_no_violation(browser: Any, file: Path, scheme: Scheme, width: int) -> None:
    assert violations(browser, file, scheme, width) == []


@pytest.mark.parametrize("width", [1200, 400, 320])
def test_nothing_overflows_and_a_cell_leads_to_its_results(browser: Any, file: Path, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900})
    try:
        tab = context.new_page()
        tab.goto(file.as_uri())
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        tab.locator(".matrix td a").first.click()
        results = tab.locator(":target")
        assert "linear/architecture" in results.inner_text()
    finally:
        context.close()
