"""The benchmarks' pytest plugin: how much is run, on how many threads, and what is said at the end."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pytest

from suites.benchmarks.forms import FORMS, Form
from suites.plugin import ARTEFACTS

PACKAGES = ("tensorflow", "tensorflow-cpu", "keras", "keras-tuner", "ai-edge-litert", "scikit-learn", "numpy")
LOAD = pytest.StashKey[float]()
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the benchmarks' options."""
    group = parser.getgroup("tflab-benchmarks", "benchmarks (pytest suites -o python_files=bench_*.py)")
    group.addoption(
        "--bench-form",
        choices=list(FORMS),
        default="short",
        help="short: about a minute; full: the lab's own epochs and trials, about 20 minutes (default: short)",
    )
    group.addoption(
        "--bench-threads",
        type=int,
        default=1,
        metavar="N",
        help="threads of TensorFlow, NumPy and the runtimes; what is compared has the same (default: 1)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Refuse a number of threads that is none; see how busy the machine is with other things."""
    if config.getoption("--bench-threads") < 1:
        raise pytest.UsageError("--bench-threads: give 1 or more.")
    config.stash[LOAD] = load()


@pytest.fixture(scope="session")
def form(pytestconfig: pytest.Config) -> Form:
    """How much is run."""
    return FORMS[pytestconfig.getoption("--bench-form")]


@pytest.fixture(scope="session")
def threads(pytestconfig: pytest.Config) -> Iterator[int]:
    """The number of threads, which NumPy's libraries keep to from here on, and child processes too."""
    from threadpoolctl import threadpool_limits

    number: int = pytestconfig.getoption("--bench-threads")
    with pytest.MonkeyPatch.context() as patch, threadpool_limits(number):
        for name in THREAD_VARIABLES:
            patch.setenv(name, str(number))
        yield number


@pytest.fixture(scope="session")
def folder(pytestconfig: pytest.Config) -> Path:
    """The artefact folder whose files are converted, run and loaded; without one, that is skipped."""
    found = pytestconfig.stash[ARTEFACTS]
    if found is None:
        pytest.skip("needs an artefact folder: give --artefacts DIR")
    return found


def pytest_benchmark_update_json(output_json: dict[str, Any]) -> None:
    """Put the training first: it is what most readers look for."""
    output_json["benchmarks"].sort(key=lambda bench: "bench_training" not in bench["fullname"])


def pytest_benchmark_update_machine_info(config: pytest.Config, machine_info: dict[str, Any]) -> None:
    """Say what the figures depend on besides the machine."""
    machine_info["tflab"] = {
        "form": config.getoption("--bench-form"),
        "threads": config.getoption("--bench-threads"),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "load_average": {"start": config.stash[LOAD], "end": load()},
        "packages": {name: found for name in PACKAGES if (found := _version(name))},
    }


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """One line for each comparison: what pytest-benchmark's table shows as two."""
    session = getattr(config, "_benchmarksession", None)
    compared = [b.extra_info for b in getattr(session, "benchmarks", []) if b.extra_info.get("way") == "ours"]
    if not compared:
        return
    threads = config.getoption("--bench-threads")
    terminalreporter.section(f"the reference beside the lab's own way, {threads} thread{'s' * (threads > 1)}")
    for info in compared:
        terminalreporter.write_line(sentence(info))


def sentence(info: dict[str, Any]) -> str:
    """What a comparison found."""
    ratio = info["ratio"]
    target = f" (target at the lab's own epochs: {ratio['target']:g})" if ratio["target"] else ""
    return (
        f"{info['what']}: {ratio['ratio']:.2f} times as fast{target}, "
        f"median {ratio['lab_median']:.2f} s → {ratio['ours_median']:.2f} s "
        f"(processor time: {ratio['cpu_ratio']:.2f} times); {info['note']}"
    )


def load() -> float:
    """Processes that want a processor, on average of the last minute."""
    return round(os.getloadavg()[0], 2)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
