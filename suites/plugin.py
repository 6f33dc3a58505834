"""The pytest plugin: hands a check its artefacts and its criteria, and writes its record.

``pytest suites --artefacts DIR`` judges a folder. Every test in ``suites/test_*.py`` must be a row of the table
and every row a test; otherwise the run stops before it judges anything.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fixtures.cifar10 import load_cifar10
from fixtures.errors import DataSetError
from fixtures.images import ImageSet
from modelfiles.errors import ModelFileError, RuntimeFailure
from modelfiles.runtimes import RuntimeSpec, default_runtimes, parse_runtime
from suites.artefacts import EvidenceAbsent, Missing
from suites.calibration import distribution
from suites.expected_failures import ExpectedFailuresError, load_expected_failures
from suites.recorder import Recorder, new_header
from suites.records import Header, Outcome, Result, Series
from suites.specification import CHECK, CHECKS, Check
from suites.verify import CheckFailed, Verify

SUITES = Path(__file__).parent
RECORD = "tflab_record"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options that other scripts rely on."""
    group = parser.getgroup("tflab", "conformance checks over an artefact folder")
    group.addoption("--artefacts", type=Path, metavar="DIR", help="judge the artefact folder DIR")
    group.addoption(
        "--implementation",
        choices=["reference"],
        help="produce this implementation's artefacts, then judge them",
    )
    group.addoption("--short", action="store_true", help="produce with fewer epochs and images")
    group.addoption("--no-evidence", action="store_true", help="ignore DIR/evidence: the folder is a stranger's")
    group.addoption(
        "--runtime", action="append", default=[], metavar="NAME=PYTHON",
        help="judge .tflite files on this runtime too; PYTHON can import tf.lite, ai_edge_litert or tflite_runtime",
    )  # fmt: skip
    group.addoption(
        "--inform", action="append", default=[], metavar="NAME=PYTHON",
        help="try .tflite files on this runtime and show what happens, without points",
    )  # fmt: skip
    group.addoption("--cifar10", type=Path, metavar="PATH", help="real CIFAR-10: folder, tarball or Keras cache")
    group.addoption("--seed", type=int, default=42, metavar="N", help="seed of the reference (default 42)")
    group.addoption("--records", type=Path, metavar="FILE", help="write the records (JSON lines) to FILE")
    group.addoption("--report", type=Path, metavar="FILE.html", help="write the conformance report to FILE.html")
    group.addoption(
        "--benchmarks", type=Path, metavar="FILE.json", help="pytest-benchmark's results, for the report"
    )
    group.addoption(
        "--expected-failures", type=Path, metavar="FILE.toml",
        help="known failures, strict (default: fixtures/expected_failures.toml)",
    )  # fmt: skip


def pytest_configure(config: pytest.Config) -> None:
    """Refuse unusable options before anything runs; start the recorder when there is something to judge."""
    artefacts: Path | None = config.getoption("--artefacts")
    produced = config.getoption("--implementation") is not None
    if artefacts is not None and not produced and not artefacts.is_dir():
        raise pytest.UsageError(f"{artefacts} is no folder: give the artefact folder that is to be judged.")
    if artefacts is not None and not produced and not any(artefacts.iterdir()):
        raise pytest.UsageError(f"{artefacts} is empty: there is nothing to judge.")
    config.stash[RUNTIMES] = _runtimes(config)
    config.stash[CIFAR10] = _cifar10(config.getoption("--cifar10"))
    is_worker = hasattr(config, "workerinput")
    records, report = config.getoption("--records"), config.getoption("--report")
    if records is None and report is not None:
        records = report.with_suffix(".jsonl")
    config.stash[RECORDER] = Recorder(None if is_worker else records)
    config.pluginmanager.register(_Collector(config.stash[RECORDER]), "tflab-records")
    # `--artefacts` as pytest was given it, and what `--implementation` leaves behind later, meet here.
    config.stash[ARTEFACTS] = artefacts


RECORDER = pytest.StashKey[Recorder]()
RUNTIMES = pytest.StashKey[dict[str, tuple[RuntimeSpec, bool]]]()
ARTEFACTS = pytest.StashKey[Path | None]()
CIFAR10 = pytest.StashKey[ImageSet | None]()
VERIFY = pytest.StashKey[Verify]()
SERIES = pytest.StashKey[list[Series]]()


def _cifar10(path: Path | None) -> ImageSet | None:
    try:
        return load_cifar10(path) if path is not None else None
    except DataSetError as error:
        raise pytest.UsageError(str(error)) from error


def _runtimes(config: pytest.Config) -> dict[str, tuple[RuntimeSpec, bool]]:
    """Runtime name to (how it is started, whether it only informs); the declared ones first."""
    try:
        declared = [*default_runtimes(), *map(parse_runtime, config.getoption("--runtime"))]
        informing = [parse_runtime(text, required=False) for text in config.getoption("--inform")]
    except ValueError as error:
        raise pytest.UsageError(str(error)) from error
    return {spec.name: (spec, False) for spec in declared} | {spec.name: (spec, True) for spec in informing}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a check that asks for ``runtime`` one variant for each; informing ones only where it asks for them."""
    if "runtime" not in metafunc.fixturenames or _check_id(metafunc.definition) is None:
        return
    runtimes = metafunc.config.stash[RUNTIMES]
    informing_too = "informs" in metafunc.fixturenames
    names = [name for name, (_, informs) in runtimes.items() if informing_too or not informs]
    metafunc.parametrize("runtime", names, ids=names)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Hold tests and table against each other, mark the known failures, and put the checks in table order."""
    checks = [item for item in items if _check_id(item) is not None]
    if not checks:
        return
    undeclared = sorted({str(_check_id(item)) for item in checks} - set(CHECK))
    if undeclared:
        raise pytest.UsageError(f"{', '.join(undeclared)}: no such row in suites/specification.py.")
    if config.stash[ARTEFACTS] is None:
        raise pytest.UsageError(
            "nothing to judge: give --artefacts DIR, or --implementation reference to produce the reference first."
        )
    try:
        expected = load_expected_failures(config.getoption("--expected-failures"))
        failures = expected.matching(_check_id, checks, config.stash[ARTEFACTS])
    except ExpectedFailuresError as error:
        raise pytest.UsageError(str(error)) from error
    for item, failure in failures:
        item.add_marker(pytest.mark.xfail(reason=failure.sentence, strict=True, raises=(CheckFailed, Missing)))
    order = {check.id: number for number, check in enumerate(CHECKS)}
    items.sort(key=lambda item: order.get(_check_id(item) or "", -1))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Declare in the header every cell that must follow."""
    _start(session.config, [cell for item in session.items if (cell := _cell(item)) is not None])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(node: Any, ids: list[str]) -> None:
    """Under xdist the controller collects nothing: it learns the cells from the first of its workers."""
    _start(node.config, [cell for identifier in ids if (cell := _cell_of(identifier)) is not None])


def _start(config: pytest.Config, cells: list[str]) -> None:
    artefacts, recorder = config.stash[ARTEFACTS], config.stash[RECORDER]
    if artefacts is not None and cells and recorder.header is None and not config.option.collectonly:
        try:
            recorder.start(_header(config, artefacts, cells))
        except OSError as error:
            raise pytest.UsageError(f"{recorder.path}: cannot write the records: {error.strerror}.") from error


def _header(config: pytest.Config, artefacts: Path, cells: list[str]) -> Header:
    implementation = config.getoption("--implementation") or str(artefacts)
    return new_header(
        implementation=implementation,
        artefacts=artefacts,
        seed=config.getoption("--seed"),
        command=shlex.join(["pytest", *map(str, config.invocation_params.args)]),
        expected=cells,
    )


@pytest.fixture
def verify(request: pytest.FixtureRequest) -> Verify:
    """Hold measurements of the running check against its criteria in the table."""
    check = CHECK[str(_check_id(request.node))]
    verify = Verify(check)
    request.node.stash[VERIFY] = verify
    return verify


@pytest.fixture
def series(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Keep the data of a figure: ``series("fit", x=…, y=…)``."""
    kept = request.node.stash.setdefault(SERIES, [])

    def keep(name: str, **data: Any) -> None:
        check, variant = str(_check_id(request.node)), _variant(request.node)
        kept.append(Series(check=check, name=name, variant=variant, data=data))

    return keep


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """After a check's last line, fail it if any of its measurements missed its criterion."""
    result = yield
    verify = pyfuncitem.stash.get(VERIFY, None)
    if verify is not None:
        verify.conclude()
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn the end of a check, in whichever phase it came, into its record."""
    report = yield
    if call.excinfo is not None and isinstance(call.excinfo.value, EvidenceAbsent):
        report.outcome = "skipped"
        report.longrepr = (str(item.path), (item.location[1] or 0) + 1, f"Skipped: {call.excinfo.value}")
    check = CHECK.get(_check_id(item) or "")
    ends_here = report.when == "call" or not report.passed
    if check is not None and ends_here:
        result = _result(item, check, report, call)
        drawn = (*item.stash.get(SERIES, []), *_distributions(item))
        lines = [msgspec.json.encode(record).decode() for record in (result, *drawn)]
        report.user_properties.append((RECORD, lines))
    return report


class _Collector:
    """Collects the records of finished checks; under xdist in the controller, which alone writes the file."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name, lines in report.user_properties:
            if name == RECORD:
                assert isinstance(lines, list)
                self.recorder.add(lines)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Write the footer, unless the run was broken off: then no whole file is left behind."""
    recorder = session.config.stash[RECORDER]
    if exitstatus not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        return
    try:
        if recorder.finish():
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
    except OSError as error:
        sys.stderr.write(f"{recorder.path}: cannot write the records: {error.strerror}; make room and run again.\n")
        session.exitstatus = pytest.ExitCode.USAGE_ERROR


def _check_id(item: Any) -> str | None:
    """``section/check`` of a test in ``suites/test_*.py``; None for any other test."""
    path: Path | None = getattr(item, "path", None)
    function = getattr(item, "originalname", None)
    if path is None or function is None or path.parent != SUITES or not path.name.startswith("test_"):
        return None
    return f"{path.stem.removeprefix('test_')}/{function.removeprefix('test_').replace('_', '-')}"


def _variant(item: Any) -> str | None:
    callspec = getattr(item, "callspec", None)
    return callspec.id if callspec is not None else None


def _cell(item: Any) -> str | None:
    check, variant = _check_id(item), _variant(item)
    return check if check is None or variant is None else f"{check}[{variant}]"


def _cell_of(identifier: str) -> str | None:
    """The cell of a test's identifier, such as ``suites/test_tflite.py::test_linear_parity[ai-edge-litert]``."""
    matched = re.search(r"(?:^|/)test_(\w+)\.py::test_(\w+)(\[.*\])?$", identifier)
    if matched is None:
        return None
    check = f"{matched[1]}/{matched[2].replace('_', '-')}"
    return check + (matched[3] or "") if check in CHECK else None


def _result(item: pytest.Item, check: Check, report: pytest.TestReport, call: pytest.CallInfo[None]) -> Result:
    outcome, message = _outcome(report, call)
    verify = item.stash.get(VERIFY, None)
    informs = getattr(item, "callspec", None) is not None and _informs(item)
    points = 0.0 if informs else check.points
    return Result(
        check=check.id,
        variant=_variant(item),
        outcome=outcome,
        points=points if outcome in ("passed", "xfailed") else 0.0,
        max_points=0.0 if outcome in ("skipped", "errored") else points,
        measurements=verify.measurements if verify else [],
        notes=verify.notes if verify else [],
        message=message,
        hint=check.hint if outcome in ("failed", "missing") else "",
        statement=_statement(item),
        command=_command(item),
        informs=informs,
        seconds=round(report.duration, 3),
    )


def _distributions(item: pytest.Item) -> Iterator[Series]:
    """The distributions behind the calibrated limits that were measured, for the report's strips."""
    verify = item.stash.get(VERIFY, None)
    if verify is None:
        return
    for quantity in dict.fromkeys(m.quantity for m in verify.measurements):
        criterion, found = verify.check.criteria[quantity], distribution(verify.check.id, quantity)
        if criterion.calibrated and found is not None:
            data = {
                "right": found.right,
                "wrong": [{"case": wrong.case, "value": wrong.value} for wrong in found.wrong],
                "limit": criterion.limit,
                "comparison": criterion.comparison,
                "unit": criterion.unit,
                "seeds": len(found.right),
            }
            yield Series(check=verify.check.id, name=f"distribution:{quantity}", data=data, variant=_variant(item))


def _informs(item: Any) -> bool:
    name = item.callspec.params.get("runtime")
    return bool(name) and item.config.stash[RUNTIMES][name][1]


def _statement(item: Any) -> str:
    return " ".join((item.function.__doc__ or "").split("\n\n", 1)[0].split())


def _command(item: pytest.Item) -> str:
    function = getattr(item, "originalname", "")
    folder = item.config.stash[ARTEFACTS]
    return f"pytest suites/{item.path.name}::{function} --artefacts {shlex.quote(str(folder))}"


def _outcome(report: pytest.TestReport, call: pytest.CallInfo[None]) -> tuple[Outcome, str]:
    """The outcome and its one sentence, from what pytest and the exception say."""
    error = call.excinfo.value if call.excinfo is not None else None
    if hasattr(report, "wasxfail"):
        return ("xfailed" if report.skipped else "xpassed"), str(report.wasxfail)
    if report.passed:
        return "passed", ""
    if report.failed and isinstance(report.longrepr, str) and report.longrepr.startswith("[XPASS(strict)]"):
        return "xpassed", f"expected to fail, but holds: {report.longrepr.removeprefix('[XPASS(strict)] ')}"
    if isinstance(error, pytest.skip.Exception):
        return "skipped", str(error.msg)
    if isinstance(error, EvidenceAbsent):
        return "skipped", str(error)
    if isinstance(error, Missing):
        return "missing", str(error)
    if isinstance(error, CheckFailed | ModelFileError):
        return "failed", str(error)
    if isinstance(error, RuntimeFailure):
        return ("errored" if error.kind == "unavailable" else "failed"), error.reason
    return "errored", f"{type(error).__name__}: {error}"


ALL_HOLD, SOME_FAIL, INTERRUPTED = map(
    int, (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED)
)


def run(arguments: list[str]) -> int:
    """Run the suites in this process, with strangers' plugins kept out; returns pytest's exit status.

    Collection and judging see neither the folder's own files nor any other pytest settings.
    """
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    fixed = ["-c", str(SUITES / "checks.ini"), "--rootdir", str(SUITES.parent), "-p", "no:cacheprovider"]
    plugins = [] if __package__ is None else ["-p", __name__]
    return int(pytest.main([*fixed, *plugins, *arguments, str(SUITES)]))
