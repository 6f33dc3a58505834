"""Fixtures over the artefact folder: what a check asks for by name."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from fixtures.houses import Houses, five_houses, many_houses
from fixtures.points import Points, points
from modelfiles import forward
from modelfiles.errors import RuntimeFailure
from modelfiles.runtimes import Answer, RuntimeProcess
from suites.artefacts import Artefacts, Found
from suites.images import TestImages, images_of
from suites.plugin import ARTEFACTS, CIFAR10, RECORDER, RUNTIMES
from suites.statistics import Line, least_squares
from suites.subjects import (
    PIXEL_SCALINGS,
    ImageSubject,
    LinearSubject,
    LogisticSubject,
    Predictor,
    linear_subject,
    logistic_subject,
    pixel_scaling,
)
from suites.verify import Verify


@pytest.fixture(scope="session")
def artefacts(pytestconfig: pytest.Config) -> Artefacts:
    """The folder that is judged."""
    folder = pytestconfig.stash[ARTEFACTS]
    assert isinstance(folder, Path)
    return Artefacts(folder, trust_evidence=not pytestconfig.getoption("--no-evidence"))


@pytest.fixture(scope="session")
def five() -> Houses:
    """The lab's five houses."""
    return five_houses()


@pytest.fixture(scope="session")
def houses() -> Houses:
    """The lab's 10,000 houses."""
    return many_houses()


@pytest.fixture(scope="session")
def ols(houses: Houses) -> Line:
    """The least-squares line through the 10,000 houses."""
    return least_squares(houses.x, houses.y)


@pytest.fixture(scope="session")
def plane_points() -> Points:
    """The lab's two-class points."""
    return points()


@pytest.fixture
def linear_file(artefacts: Artefacts, verify: Verify) -> Found:
    """The file that holds the linear model."""
    return _noted(artefacts.keras("linear"), verify)


@pytest.fixture
def tuned_file(artefacts: Artefacts, verify: Verify) -> Found:
    """The file that holds the model refitted with the tuner's values."""
    return _noted(artefacts.keras("tuned"), verify)


@pytest.fixture
def logistic_file(artefacts: Artefacts, verify: Verify) -> Found:
    """The file that holds the logistic model."""
    return _noted(artefacts.keras("logistic"), verify)


@pytest.fixture
def cnn_file(artefacts: Artefacts, verify: Verify) -> Found:
    """The file that holds the CNN; skipped where the lab's own order has overwritten it."""
    if artefacts.overwritten and not artefacts.candidates("cnn"):
        pytest.skip("overwritten by the lab's own order: the CNN's file holds the VGG16 model")
    return _noted(artefacts.keras("cnn"), verify)


@pytest.fixture
def linear(linear_file: Found, houses: Houses, verify: Verify) -> LinearSubject:
    """The linear model's line and predictions in original units."""
    subject = linear_subject(forward.load(linear_file.keras_path), houses)
    verify.note(subject.scaling)
    return subject


@pytest.fixture
def tuned(tuned_file: Found, houses: Houses, verify: Verify) -> LinearSubject:
    """The tuned model's line and predictions in original units."""
    subject = linear_subject(forward.load(tuned_file.keras_path), houses)
    verify.note(subject.scaling)
    return subject


@pytest.fixture
def logistic(logistic_file: Found, plane_points: Points, verify: Verify) -> LogisticSubject:
    """The logistic model's probabilities at points in original units."""
    subject = logistic_subject(forward.load(logistic_file.keras_path), plane_points)
    verify.note(subject.scaling)
    return subject


@pytest.fixture(scope="session")
def images(pytestconfig: pytest.Config, artefacts: Artefacts) -> TestImages:
    """Images to judge classifiers on: those of the evidence, of ``--cifar10``, or the generated default."""
    return images_of(artefacts, pytestconfig.stash[CIFAR10], pytestconfig.getoption("--cifar10"))


NOT_ASKED = "was not asked"


class Runtimes:
    """One worker process per runtime, started when it is first asked and shared by the checks of a run."""

    def __init__(self, config: pytest.Config, stack: ExitStack) -> None:
        self._specs = config.stash[RUNTIMES]
        self._stack = stack
        self._processes: dict[str, RuntimeProcess] = {}
        self._answers: dict[tuple[str, Path, int], Answer] = {}
        self.answered: dict[str, str] = dict.fromkeys(self._specs, NOT_ASKED)

    def informs(self, name: str) -> bool:
        """Whether the runtime is tried without points."""
        return self._specs[name][1]

    def start(self) -> None:
        """Let the first runtime import its libraries while the checks before it run."""
        with suppress(RuntimeFailure):  # whoever asks it first is told
            self._process(self.first).start()

    def _process(self, name: str) -> RuntimeProcess:
        if name not in self._processes:
            process = RuntimeProcess(self._specs[name][0])
            self._processes[name] = self._stack.enter_context(process)
        return self._processes[name]

    @property
    def first(self) -> str:
        """The runtime that checks without variants use."""
        return next(iter(self._specs))

    def answer(self, name: str, model: Path, x: npt.NDArray[np.float32]) -> Answer:
        """What the runtime called ``name`` answers to ``x`` (n, …) for the .tflite file ``model``.

        The same question is asked once in a run.

        Raises:
            RuntimeFailure: it refused, crashed, hung, or is not there; the next question starts it anew.
        """
        question = (name, model, zlib.crc32(np.ascontiguousarray(x).data))
        if question in self._answers:
            return self._answers[question]
        try:
            answer = self._process(name).run(model.read_bytes(), x)
        except RuntimeFailure as failure:
            if failure.kind != "refused":
                del self._processes[name]
            if self.answered[name] == NOT_ASKED or failure.kind == "unavailable":
                self.answered[name] = failure.reason
            raise
        self.answered[name] = f"{answer.module} {answer.version}"
        self._answers[question] = answer
        return answer


@pytest.fixture(scope="session", autouse=True)
def runtimes(pytestconfig: pytest.Config) -> Iterator[Runtimes]:
    """The worker processes; what answered is written into the header."""
    with ExitStack() as stack:
        workers = Runtimes(pytestconfig, stack)
        workers.start()
        yield workers
        pytestconfig.stash[RECORDER].note_runtimes(workers.answered)


@pytest.fixture
def informs(runtime: str, runtimes: Runtimes) -> bool:
    """Whether the runtime of this variant only informs; asking for it adds those runtimes to the variants."""
    return runtimes.informs(runtime)


def _noted(found: Found, verify: Verify) -> Found:
    verify.note(f"judged: {found.name}")
    _ = found.keras
    return found


LARGE_MODEL = 2_000_000
IMAGES_FOR_A_LARGE_MODEL = 300


class Judge:
    """Answers of classifiers on the test images; each file is read, and each image answered, once in a run.

    A large model (VGG16 takes about 16 ms an image in NumPy) answers for the first few hundred images only.
    """

    def __init__(self, images: TestImages) -> None:
        self._images = images
        self._loaded: dict[str, tuple[Predictor, ImageSubject]] = {}

    def __call__(self, found: Found, n: int | None = None) -> tuple[Predictor, ImageSubject]:
        """The model, and its answers to the first ``n`` images or to all."""
        images, large = self._images, found.keras.parameters > LARGE_MODEL
        n = min(len(images.x), n or len(images.x), IMAGES_FOR_A_LARGE_MODEL if large else len(images.x))
        if found.name not in self._loaded:
            loaded, few = forward.load(found.keras_path), slice(0, 40 if large else None)
            scaling = pixel_scaling(loaded, images.probe[0][few], images.probe[1][few])
            nothing = np.empty((0, len(images.class_names)), np.float32)
            self._loaded[found.name] = loaded, ImageSubject(nothing, images.y[:0], scaling)
        model, subject = self._loaded[found.name]
        done = len(subject.labels)
        if done < n:
            more = model.predict(PIXEL_SCALINGS[subject.scaling](images.x[done:n]))
            outputs = np.concatenate([subject.probabilities, more]) if done else more
            subject = ImageSubject(outputs, images.y[:n], subject.scaling)
            self._loaded[found.name] = model, subject
        return model, subject.first(n)


@pytest.fixture(scope="session")
def judge(images: TestImages) -> Judge:
    """Answers of a classifier on the test images."""
    return Judge(images)
