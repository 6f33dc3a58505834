"""The benchmarks: fair to both sides, strict about the results, and their figures readable afterwards."""

from __future__ import annotations

import gc
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from reports import benchmarks as reported
from suites.benchmarks import elsewhere, results
from suites.benchmarks.comparison import Compared, Comparison, Took, alternate, describe, largest_difference, timed
from suites.benchmarks.forms import FULL, SHORT, Form
from suites.benchmarks.plugin import pytest_benchmark_update_json, sentence

ROOT = Path(__file__).parent.parent.parent
BENCHES = ("suites", "-o", "python_files=bench_*.py")

# A run with one comparison, one latency measured elsewhere and one timed here, without TensorFlow.
RUN = """
import pytest
from suites.benchmarks import elsewhere
from suites.benchmarks.comparison import WAYS, Compared, Comparison, Took, describe

ROUNDS = {"lab": [3.0, 9.0, 4.0], "ours": [1.0, 2.0, 5.0]}

@pytest.fixture
def compared():
    comparison = Comparison("linear", "linear fit, 7 epochs", None, None, None, None, target=2.5)
    return Compared(comparison, 0.0, {way: [Took(s, s / 2) for s in ROUNDS[way]] for way in WAYS})

@pytest.mark.benchmark(timer=elsewhere.clock)
@pytest.mark.parametrize("way", ["ours", "lab"])
def test_training(compared, way, benchmark):
    benchmark.group = "training"
    benchmark.extra_info |= describe(compared, way)
    elsewhere.replay(benchmark, compared.seconds(way))

@pytest.mark.benchmark(timer=elsewhere.clock, group="latency")
def test_latency(benchmark):
    benchmark.extra_info |= {"library": "tflite", "label": "a|b", "bytes": 12_345, "first_seconds": 0.1234567}
    elsewhere.replay(benchmark, [n * 1e-6 for n in range(1, 501)])

def test_folder(folder, benchmark):
    pass
"""


def comparison(**changed: Any) -> Comparison:
    """A comparison of two functions that do nothing."""
    settings: dict[str, Any] = {
        "section": "linear",
        "what": "nothing",
        "lab": lambda: [1.0],
        "ours": lambda: [1.0],
        "result": lambda left: left,
        "before": lambda: None,
    }
    return Comparison(**(settings | changed))


def test_both_sides_run_alternately_from_the_same_start() -> None:
    seen: list[str] = []

    def note(what: str) -> Any:
        return lambda *_: seen.append(what) or [0.0]  # type: ignore[func-returns-value]

    found = alternate(
        comparison(lab=note("lab"), ours=note("ours"), before=note("start"), result=note("result")), rounds=2
    )
    assert seen == ["start", "lab", "result", "start", "ours", "result"] * 2
    assert [len(found.seconds(way)) for way in ("lab", "ours")] == [2, 2]


def test_the_worst_of_all_rounds_counts() -> None:
    answers = iter([[1.0], [1.25], [1.0], [1.0]])
    found = alternate(comparison(lab=lambda: next(answers), ours=lambda: next(answers)), rounds=2)
    assert found.difference == 0.25
    assert found.sameness == "results at most 2.5e-01 apart"
    assert alternate(comparison(), rounds=1).sameness == "results bit-identical"


def test_what_is_taken_from_a_result_is_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])

    def pass_time(seconds: float) -> Any:
        def run(*_: Any) -> list[float]:
            now[0] += seconds
            return [0.0]

        return run

    sides = {"lab": pass_time(4), "ours": pass_time(1), "before": pass_time(100), "result": pass_time(1000)}
    found = alternate(comparison(**sides), rounds=3)
    assert found.seconds("lab") == [4, 4, 4]
    assert found.ratio["ratio"] == 4


def test_the_garbage_collector_rests_while_the_clock_runs() -> None:
    assert gc.isenabled()
    with timed() as took:
        assert not gc.isenabled()
        assert math.isnan(took.seconds)
    assert gc.isenabled()
    assert took.seconds > 0
    with pytest.raises(KeyError), timed():
        raise KeyError
    assert gc.isenabled()


def test_the_ratio_is_of_medians() -> None:
    rounds = {"lab": [Took(3, 1), Took(90, 8), Took(4, 9)], "ours": [Took(2, 4), Took(0.1, 3), Took(50, 2)]}
    ratio = Compared(comparison(target=2.5), 0.0, rounds).ratio  # type: ignore[arg-type]
    assert ratio == {"lab_median": 4, "ours_median": 2, "ratio": 2, "cpu_ratio": 8 / 3, "target": 2.5}


finite = arrays.arrays(np.float64, arrays.array_shapes(max_dims=2, max_side=4), elements=st.floats(-1e6, 1e6))


@given(array=finite, shift=st.floats(-1e3, 1e3), data=st.data())
def test_the_largest_difference_is_found_wherever_it_is(array: Any, shift: float, data: st.DataObject) -> None:
    other = array.copy()
    place = data.draw(st.integers(0, array.size - 1))
    other.flat[place] += shift
    expected = abs(float(other.flat[place] - array.flat[place]))
    assert largest_difference([array, [0.0]], [other, [0.0]]) == expected
    assert largest_difference([array], [array.copy()]) == 0


@pytest.mark.parametrize(
    "other",
    [[[1.0, math.nan]], [[1.0, math.inf]], [[1.0, 2.0, 3.0]], [[[1.0], [2.0]]], [], [[1.0, 2.0], [0.0]]],
    ids=["nan", "infinite", "longer", "other shape", "nothing", "one more"],
)
def test_what_cannot_be_compared_is_infinitely_far_apart(other: Any) -> None:
    assert largest_difference([[1.0, 2.0]], other) == math.inf
    assert largest_difference(other, [[1.0, 2.0]]) == math.inf


def test_nan_equals_nothing_not_even_itself() -> None:
    assert largest_difference([[math.nan]], [[math.nan]]) == math.inf


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    """The run above: what pytest said, and the JSON file."""
    place = tmp_path_factory.mktemp("run")
    (place / "conftest.py").write_text('pytest_plugins = ["suites.plugin", "suites.benchmarks.plugin"]')
    (place / "test_run.py").write_text(RUN)
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import pytest; sys.exit(pytest.main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "-ra", "--benchmark-json", "run.json", "--bench-threads", "3", "."]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
    assert (place / "run.json").exists(), done.stdout + done.stderr
    return done, place / "run.json"


def test_every_round_is_in_the_file_and_the_labs_way_is_the_baseline(run: tuple[Any, Path]) -> None:
    training, latency = reported.groups(reported.load(run[1]))
    assert training.baseline.way == "lab"
    assert training.baseline.label == "the lab’s own way"
    assert training.baseline.rounds == pytest.approx([3, 9, 4])
    assert training.ratios()[0].ratio == pytest.approx(2)
    assert training.baseline.note == "results bit-identical"
    assert (training.baseline.library, training.baseline.section) == ("keras", "linear")
    assert latency.baseline.rounds == pytest.approx([n * 1e-6 for n in range(1, 501)])


def test_training_comes_first_in_the_file() -> None:
    names = ["suites/bench_a.py::x", "suites/bench_training.py::y", "suites/bench_b.py::z"]
    content: dict[str, Any] = {"benchmarks": [{"fullname": name} for name in names]}
    pytest_benchmark_update_json(content)
    assert [bench["fullname"][-1] for bench in content["benchmarks"]] == ["y", "x", "z"]


def test_the_end_of_a_run_says_the_ratio_and_what_was_left_out(run: tuple[Any, Path]) -> None:
    done, path = run
    assert "the reference beside the lab's own way, 3 threads" in done.stdout
    assert (
        "linear fit, 7 epochs: 2.00 times as fast (target at the lab's own epochs: 2.5), median 4.00 s → 2.00 s "
        "(processor time: 2.00 times); results bit-identical"
    ) in done.stdout
    assert "needs an artefact folder: give --artefacts DIR" in done.stdout
    ours = json.loads(path.read_text())["machine_info"]["tflab"]
    assert (ours["form"], ours["threads"]) == ("short", 3)
    assert set(ours["load_average"]) == {"start", "end"}


def test_a_sentence_without_a_target_names_none() -> None:
    rounds = {"lab": [Took(1, 1)], "ours": [Took(2, 2)]}
    said = sentence(describe(Compared(comparison(), 1e-6, rounds), "ours"))  # type: ignore[arg-type]
    assert said.startswith("nothing: 0.50 times as fast, median 1.00 s → 2.00 s")
    assert said.endswith("results at most 1.0e-06 apart")


@pytest.mark.parametrize("seconds", [[], [1.0, 0.0], [-1.0]])
def test_durations_must_be_some(seconds: list[float]) -> None:
    with pytest.raises(ValueError, match="no durations"):
        elsewhere.replay(None, seconds)


def test_kept_results_name_no_machine_and_read_like_the_run(run: tuple[Any, Path], tmp_path: Path) -> None:
    content = json.loads(run[1].read_text())
    done = CliRunner().invoke(results.main, [str(run[1]), "--out", str(tmp_path / "kept")])
    assert done.exit_code == 0, done.output
    page, kept = sorted((tmp_path / "kept").iterdir(), reverse=True)[0], next((tmp_path / "kept").glob("*.json"))
    assert page.suffix == ".md"
    assert kept.stem.startswith(content["datetime"][:10])

    text = kept.read_text() + page.read_text()
    for private in (content["machine_info"]["node"], str(run[1].parent), str(ROOT), "fullname"):
        assert private not in text
    assert kept.stat().st_size < 10_000, "of 500 rounds the percentiles stay"

    before, after = (reported.groups(reported.load(path)) for path in (run[1], kept))
    assert [group.name for group in before] == [group.name for group in after]
    assert after[0].baseline.rounds == before[0].baseline.rounds
    assert after[1].baseline.median == pytest.approx(before[1].baseline.median, rel=1e-4)
    assert len(json.loads(kept.read_text())["benchmarks"][-1]["stats"]["percentiles"]) == 101


def test_the_summary_shows_comparisons_and_sizes(run: tuple[Any, Path]) -> None:
    page = results.summary(results.strip(json.loads(run[1].read_text())))
    assert "| linear fit, 7 epochs | 4 s | 2 s | 2.00 | 2.00 | 2.5 | results bit-identical |" in page
    assert r"| a\|b | 251 µs | 1 µs | 500 µs | 500 | 12,345 |" in page
    assert "3 used; load average" in page


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"machine_info": {}, "benchmarks": []}', None])
def test_anything_else_is_refused_in_one_sentence(content: str | None, tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    if content is not None:
        path.write_text(content)
    done = CliRunner().invoke(results.main, [str(path), "--out", str(tmp_path / "kept")])
    assert done.exit_code == 2
    assert done.output.count("\n") == 1
    assert done.output.startswith(f"Error: {path} ")
    assert not (tmp_path / "kept").exists()


def test_durations_read_in_the_unit_that_fits() -> None:
    assert [results.duration(s) for s in (0.0000123, 0.0456, 7.891, 123.4)] == [
        "12.3 µs",
        "45.6 ms",
        "7.89 s",
        "123 s",
    ]


def collected(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", *BENCHES, "--collect-only", "-q", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_every_kind_of_benchmark_is_collected_and_no_check_is() -> None:
    done = collected()
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    for file, name, count in (
        ("training", "test_same_result", 5),
        ("training", "test_training", 10),
        ("conversion", "test_conversion", 6),
        ("inference", "test_keras", 4),
        ("inference", "test_numpy", 2),
        ("loading", "test_describe", 5),
        ("loading", "test_load", 3),
        ("loading", "test_interpreter", 2),
        ("loading", "test_cold", 2),
        ("loading", "test_warm", 1),
    ):
        assert sum(line.startswith(f"suites/bench_{file}.py::{name}") for line in lines) == count, name
    assert sum("::test_tflite[" in line for line in lines) >= 16
    assert not [line for line in lines if line.startswith("suites/test_")]


def test_a_warm_judge_gives_each_forks_status_and_seconds(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "suites.benchmarks.warm", "2", "-p", "no:terminal", "--artefacts", tmp_path]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    judged = json.loads(done.stdout)
    assert [status for status, _, _ in judged] == [4, 4], "an empty folder is a usage error"
    assert all(seconds > 0 and computed > 0 for _, seconds, computed in judged)


def test_unusable_options_are_refused() -> None:
    assert "--bench-threads: give 1 or more." in collected("--bench-threads", "0").stderr
    assert "invalid choice: 'tiny'" in collected("--bench-form", "tiny").stderr


def test_the_full_form_is_the_labs_own() -> None:
    assert (FULL.linear_epochs, FULL.logistic_epochs, FULL.transfer_epochs) == (100, 100, 10)
    assert (FULL.trials, FULL.tuned_epochs, FULL.rounds) == (10, (50, 200, 10), 3)
    assert SHORT.rounds >= 2, "one round shows no spread"


def test_a_side_that_trains_otherwise_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison of the logistic fits sees a single epoch more."""
    from reference import environment

    environment.prepare()
    from reference import logistic
    from suites.bench_training import logistic_fit

    form = Form(**{**vars(SHORT), "logistic_epochs": 2, "rounds": 1})
    assert alternate(logistic_fit(form, tmp_path), 1).difference == 0

    honest = logistic.build_model

    def faster(*arguments: Any, **more: Any) -> Any:
        model = honest(*arguments, **more)
        model.optimizer.learning_rate = 0.02
        return model

    monkeypatch.setattr(logistic, "build_model", faster)
    assert alternate(logistic_fit(form, tmp_path), 1).difference > 1e-3
