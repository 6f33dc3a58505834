"""Ties the rooms together for pytest: produce the reference before the checks, draw the report after them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest_plugins = ["suites.plugin", "pytester"]

OUT = Path("out")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Produce the implementation under test when asked to; sections that are whole already are kept."""
    config = session.config
    if config.getoption("--implementation") != "reference" or hasattr(config, "workerinput"):
        return
    from reference.produce import produce
    from suites.plugin import ARTEFACTS

    folder = config.getoption("--artefacts") or OUT / "reference"
    produce(folder, seed=config.getoption("--seed"), cifar10=config.getoption("--cifar10"))
    config.stash[ARTEFACTS] = folder


@pytest.hookimpl(wrapper=True)
def pytest_sessionfinish(session: pytest.Session) -> Iterator[None]:
    """Draw the conformance report once the records are whole."""
    result = yield
    report: Path | None = session.config.getoption("--report")
    records: Path | None = session.config.getoption("--records")
    if report is not None and records is not None and records.exists() and not hasattr(session.config, "workerinput"):
        from reports import conformance

        conformance.write([records], report, benchmarks=session.config.getoption("--benchmarks"))
        terminal = session.config.pluginmanager.get_plugin("terminalreporter")
        if terminal is not None:
            terminal.write_line(f"\nReport: {report.resolve()}")
    return result
