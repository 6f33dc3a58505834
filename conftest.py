"""Ties the rooms together for pytest: produce the reference before the checks, draw the report after them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest_plugins = ["suites.plugin", "suites.benchmarks.plugin", "pytester"]

OUT = Path("out")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Produce the implementation under test when asked to; sections that are whole already are kept."""
    config = session.config
    if config.getoption("--implementation") != "reference":
        return
    from fixtures.errors import DataSetError
    from reference.errors import ProduceError
    from reference.produce import produce
    from reference.settings import SHORT, Settings
    from suites.plugin import ARTEFACTS
    from tflab.reference_command import TerminalProgress, load_images

    folder = config.getoption("--artefacts") or OUT / "reference"
    config.stash[ARTEFACTS] = folder
    if hasattr(config, "workerinput"):
        return  # under xdist the controller has produced it before it started this worker
    try:
        # What TensorFlow deprecates in itself would bury what the reference says, and a leg's last words.
        with TerminalProgress() as progress, warnings.catch_warnings(action="ignore"):
            images, source = load_images(config.getoption("--cifar10"), None, None, download=False)
            produce(
                folder,
                seed=config.getoption("--seed"),
                images=images,
                images_source=source,
                settings=SHORT if config.getoption("--short") else Settings(),
                progress=progress,
            )
    except (DataSetError, ProduceError) as error:
        raise pytest.UsageError(str(error)) from error


@pytest.hookimpl(wrapper=True)
def pytest_sessionfinish(session: pytest.Session) -> Iterator[None]:
    """Draw the conformance report once the records of this very run are whole."""
    result = yield
    from suites.plugin import RECORDER

    config = session.config
    report: Path | None = config.getoption("--report")
    written = config.stash[RECORDER].written
    if report is not None and written is not None:
        from reports import conformance

        conformance.write([written], report, benchmarks=config.getoption("--benchmarks"))
        terminal = config.pluginmanager.get_plugin("terminalreporter")
        if terminal is not None:
            terminal.write_line(f"\nReport: {report.resolve()}")
    return result
