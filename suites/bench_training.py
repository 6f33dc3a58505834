"""Each training of the lab, its own way and the reference's: same data, seed and epochs, and the same result."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy.typing as npt
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from fixtures import lab_notebook as lab
from fixtures.images import ImageSet, generated_images
from fixtures.points import points
from reference import environment
from suites.benchmarks import elsewhere
from suites.benchmarks.comparison import WAYS, Compared, Comparison, Way, alternate, describe
from suites.benchmarks.forms import Form

SEED = 42
Arrays = Sequence[npt.ArrayLike]
Trained = tuple[Any, Mapping[str, Sequence[float]]]
"""A model and the curves of its training."""


def start() -> None:
    """The same beginning for both sides."""
    environment.start_afresh(SEED)


def linear_fit(form: Form, _: Path) -> Comparison:
    """The ten thousand houses; weights and every epoch's loss are compared."""
    from reference import linear

    houses, epochs = lab.scaled_houses(), form.linear_epochs

    def labs() -> Trained:
        model = lab.linear_model()
        return model, lab.fit_linear(model, houses, epochs).history

    def ours() -> Trained:
        return linear.train(houses.x_scaled, houses.y_scaled, epochs=epochs)

    return Comparison("linear", f"linear fit, {epochs} epochs", labs, ours, weights_and_curves, start, target=2.5)


def tuner_search(form: Form, place: Path) -> Comparison:
    """The search; what each trial drew, its score and the best trial's stored weights are compared."""
    from reference import tuner

    houses = lab.scaled_houses()
    folders = (place / str(number) for number in itertools.count())

    def labs() -> Any:
        folder = next(folders)
        folder.mkdir()
        with contextlib.chdir(folder):
            found = lab.regression_tuner(form.trials, form.tuned_epochs)
            lab.search(found, houses)
        found.directory = str(folder / found.directory)  # its files are read once the working folder is another
        return found

    def ours() -> Any:
        return tuner.search(
            houses.x_scaled,
            houses.y_scaled,
            directory=next(folders),
            trials=form.trials,
            epochs=form.tuned_epochs,
        )

    return Comparison("tuner", f"search of {form.trials} trials", labs, ours, trials, start, target=3.0)


def logistic_fit(form: Form, _: Path) -> Comparison:
    """The two-class points; weights and every epoch's curves are compared."""
    from reference import logistic

    data, epochs = points(), form.logistic_epochs

    def labs() -> Trained:
        model = lab.logistic_model()
        return model, lab.fit_logistic(model, data.x_train, data.y_train, epochs).history

    def ours() -> Trained:
        return logistic.train(data.x_train, data.y_train, epochs=epochs)

    return Comparison("logistic", f"logistic fit, {epochs} epochs", labs, ours, weights_and_curves, start)


def cnn_fit(form: Form, _: Path) -> Comparison:
    """The CNN on generated images; weights and curves are compared."""
    from reference import cnn

    images, epochs = image_set(form.cnn_images), form.cnn_epochs
    data = lab.lab_images(images)

    def labs() -> Trained:
        model = lab.cnn_model()
        return model, lab.fit_images(model, data, epochs).history

    def ours() -> Trained:
        return cnn.train(images, epochs=epochs)

    what = f"CNN fit, {form.cnn_images:,} images, epochs: {epochs}"
    return Comparison("cnn", what, labs, ours, weights_and_curves, start, tolerance=1e-5)


def vgg16_transfer(form: Form, _: Path) -> Comparison:
    """VGG16 with random weights, since it costs the same whatever it has learnt; the heads are compared.

    The lab sends every image through the base in every epoch, the reference once.
    """
    from reference import cnn, transfer

    images, epochs = image_set(form.transfer_images), form.transfer_epochs
    data = lab.lab_images(images)

    def labs() -> Any:
        model = lab.vgg16_model(weights=None)
        lab.fit_images(model, data, epochs)
        return model

    def ours() -> Any:
        base = transfer.build_base(None)
        model = transfer.build_model(base)
        train, validation = (
            (transfer.features(base, x), cnn.one_hot(y))
            for x, y in ((images.x_train, images.y_train), (images.x_validation, images.y_validation))
        )
        transfer.train_head(model, *train, epochs=epochs, validation=validation)
        return model

    what = f"VGG16 transfer, {form.transfer_images:,} images, {epochs} epochs"
    return Comparison("transfer", what, labs, ours, head, start, tolerance=1e-5, target=5.0)


COMPARISONS: dict[str, Callable[[Form, Path], Comparison]] = {
    "linear-fit": linear_fit,
    "tuner-search": tuner_search,
    "logistic-fit": logistic_fit,
    "cnn": cnn_fit,
    "vgg16-transfer": vgg16_transfer,
}


def weights_and_curves(trained: Trained) -> Arrays:
    """A model's weights, and the curves of its training in the order of their names."""
    model, history = trained
    return [*model.get_weights(), *(history[name] for name in sorted(history))]


def head(model: Any) -> Arrays:
    """The weights behind the base."""
    return [weight for layer in model.layers[-2:] for weight in layer.get_weights()]


def trials(tuner: Any) -> Arrays:
    """What each trial drew and scored, in the order of running, and the weights stored for the best one."""
    run = [tuner.oracle.get_trial(name) for name in tuner.oracle.start_order]
    drawn = [[trial.hyperparameters.get(name) for name in ("learning_rate", "epochs")] for trial in run]
    (best,) = tuner.get_best_models(1)
    return [drawn, [trial.score for trial in run], *best.get_weights()]


def image_set(training: int) -> ImageSet:
    """Images to train on, a quarter as many to validate on."""
    return generated_images(training, training // 4, 10)


@pytest.fixture(scope="module", autouse=True)
def tensorflow(threads: int) -> None:
    """TensorFlow at work, so that nobody's first round pays for its start."""
    environment.prepare(threads)
    start()
    lab.fit_linear(lab.linear_model(), lab.scaled_houses(), epochs=1)


@pytest.fixture(scope="module", params=COMPARISONS)
def compared(request: pytest.FixtureRequest, form: Form, tmp_path_factory: pytest.TempPathFactory) -> Compared:
    """Both sides, run alternately."""
    comparison = COMPARISONS[request.param](form, tmp_path_factory.mktemp(request.param))
    return alternate(comparison, form.rounds)


def test_same_result(compared: Compared) -> None:
    """Whatever is faster is so for the same result."""
    assert compared.difference <= compared.comparison.tolerance


@pytest.mark.benchmark(timer=elsewhere.clock)
@pytest.mark.parametrize("way", WAYS)
def test_training(compared: Compared, way: Way, benchmark: BenchmarkFixture) -> None:
    """One side's rounds."""
    benchmark.group = f"training: {compared.comparison.what}"
    benchmark.extra_info |= describe(compared, way)
    elsewhere.replay(benchmark, compared.seconds(way))
