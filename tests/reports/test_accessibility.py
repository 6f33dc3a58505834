"""The page in a real browser: axe-core finds nothing, nothing is fetched, nothing overflows."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest

from tests.reports.html import parse

playwright = pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed: no browser can be driven"
)
axe = pytest.importorskip("axe_playwright_python.base", reason="axe-playwright-python is not installed")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (Debian's package: chromium)")

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE = 180_000
"""Milliseconds: a busy machine is slow to start a browser, and that is not what is tested."""
Scheme = Literal["light", "dark"]
# Only what is needed comes back: the nodes that pass would be megabytes.
AXE = """
axe.run({resultTypes: ['violations']}).then(result => ({
  passes: result.passes.length,
  violations: result.violations.flatMap(violation => violation.nodes.slice(0, 3).map(
    node => `${violation.id}: ${node.target} ${node.failureSummary}`)),
}))
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        # A profile of its own in a temporary folder is what launch() makes.
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS, timeout=PATIENCE)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, page: str, troubled_page: str) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    paths = {"reference": folder / "reference.html", "troubled": folder / "troubled.html"}
    paths["reference"].write_text(page, encoding="utf-8")
    paths["troubled"].write_text(troubled_page, encoding="utf-8")
    return paths


def violations(browser: Any, file: Path, scheme: Scheme, width: int, *, unfolded: bool = False) -> list[str]:
    """What axe-core objects to; ``unfolded`` opens everything that is folded away first."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    try:
        tab = context.new_page()
        tab.set_default_timeout(PATIENCE)
        tab.goto(file.as_uri())
        if unfolded:
            tab.evaluate("document.querySelectorAll('details').forEach(details => details.open = true)")
        tab.evaluate(axe.AXE_SCRIPT)
        found = tab.evaluate(AXE)
        assert found["passes"] > 20, "axe-core did not look"
        return [str(said) for said in found["violations"]]
    finally:
        context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("name", "width"), [("reference", 1200), ("reference", 400), ("troubled", 400)])
def test_axe_finds_no_violation(
    browser: Any, files: dict[str, Path], name: str, scheme: Scheme, width: int
) -> None:
    assert violations(browser, files[name], scheme, width) == []


@pytest.mark.slow
@pytest.mark.parametrize(("scheme", "width"), [("light", 1200), ("dark", 400)])
def test_axe_finds_no_violation_in_what_is_folded_away(
    browser: Any, files: dict[str, Path], scheme: Scheme, width: int
) -> None:
    assert violations(browser, files["troubled"], scheme, width, unfolded=True) == []


def test_axe_would_find_one(browser: Any, files: dict[str, Path]) -> None:
    page = files["reference"].read_text(encoding="utf-8")
    spoilt = files["reference"].with_name("spoilt.html")
    spoilt.write_text(page.replace('<html lang="en">', "<html>").replace('alt="Image of', 'data-alt="Image of'))
    found = violations(browser, spoilt, "light", 1200)
    assert {violation.partition(":")[0] for violation in found} >= {"html-has-lang", "image-alt"}


@pytest.mark.parametrize("width", [1200, 400, 320])
def test_nothing_is_fetched_and_nothing_overflows_without_javascript(
    browser: Any, files: dict[str, Path], width: int
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, java_script_enabled=False)
    try:
        tab = context.new_page()
        tab.set_default_timeout(PATIENCE)
        fetched: list[str] = []
        tab.on("request", lambda request: fetched.append(request.url))
        tab.goto(files["reference"].as_uri())
        assert [url for url in fetched if not url.startswith(("file:", "data:"))] == []
        assert tab.locator("h2").first.inner_text().endswith("PASS")
        assert tab.locator("main").bounding_box()["width"] <= width
        tab.locator("details").first.locator("summary").click()
        assert tab.locator("details").first.locator("table").is_visible()
    finally:
        context.close()
    context = browser.new_context(viewport={"width": width, "height": 900})
    try:
        tab = context.new_page()
        tab.set_default_timeout(PATIENCE)
        tab.goto(files["reference"].as_uri())
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
    finally:
        context.close()


def test_wide_tables_scroll_in_regions_that_the_keyboard_reaches(page: str) -> None:
    scrolling = [e for e in parse(page).all("div") if e.attributes.get("class") == "scroll"]
    assert len(scrolling) > 20
    for region in scrolling:
        assert region.attributes["tabindex"] == "0"
        assert region.attributes["role"] == "region"
        assert region.attributes.get("aria-label") or region.attributes.get("aria-labelledby")
