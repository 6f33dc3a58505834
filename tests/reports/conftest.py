from __future__ import annotations

import pytest

from reports.conformance import render
from tests.reports import sample
from tests.reports.html import Element, parse
from tests.reports.sample_benchmarks import benchmarks


@pytest.fixture(scope="session")
def page() -> str:
    """The report of a run in which everything holds, with benchmarks."""
    return render([sample.reference()], benchmarks())


@pytest.fixture(scope="session")
def troubled_page() -> str:
    """The report of a run in which every outcome occurs."""
    return render([sample.troubled()])


@pytest.fixture(scope="session")
def tree(page: str) -> Element:
    return parse(page)
