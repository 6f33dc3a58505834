"""Transfer: features computed once give the head that the lab's way gives, on a base that nothing changes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from fixtures import lab_notebook
from fixtures.images import ImageSet
from reference.errors import ProduceError
from reference.vgg16_weights import MD5, Weights


@pytest.fixture(scope="module")
def transfer(tensorflow: Any) -> Any:
    from reference import transfer

    return transfer


@pytest.fixture(scope="module")
def base(transfer: Any) -> Any:
    from reference import environment

    environment.start_afresh(42)
    return transfer.build_base(None)


def test_parameters(transfer: Any, base: Any) -> None:
    model = transfer.build_model(base)
    counts = [
        sum(int(np.prod(w.shape)) for w in weights)
        for weights in (model.non_trainable_weights, model.trainable_weights)
    ]
    assert counts == [14_714_688, 33_482]


def test_the_head_is_the_labs(transfer: Any, few_images: ImageSet) -> None:
    """From one seed, through the lab's own functions and through ours: the same head and the same curves."""
    from reference import environment
    from reference.cnn import one_hot

    few = replace(
        few_images,
        x_train=few_images.x_train[:40],  # one batch of 32 and a shorter one
        y_train=few_images.y_train[:40],
        x_validation=few_images.x_validation[:16],
        y_validation=few_images.y_validation[:16],
    )
    environment.start_afresh(42)
    lab = lab_notebook.vgg16_model(weights=None)
    curves = lab_notebook.fit_images(lab, lab_notebook.lab_images(few), 2).history

    environment.start_afresh(42)
    model = transfer.build_model(transfer.build_base(None))
    before = [w.tobytes() for w in model.layers[0].get_weights()]
    history = transfer.train_head(
        model,
        transfer.features(model.layers[0], few.x_train),
        one_hot(few.y_train),
        epochs=2,
        validation=(transfer.features(model.layers[0], few.x_validation), one_hot(few.y_validation)),
    )
    apart = [np.abs(a - b).max() for a, b in zip(lab.get_weights(), model.get_weights(), strict=True)]
    assert max(apart) <= 1e-5
    assert set(history) == set(curves)
    for name, curve in curves.items():
        assert history[name] == pytest.approx(curve, abs=1e-5)
    assert [w.tobytes() for w in model.layers[0].get_weights()] == before, "training leaves the base as it was"


def test_the_comparison_of_heads_can_fail(
    transfer: Any, base: Any, few_images: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reference.cnn import one_hot

    monkeypatch.setattr(transfer, "SHOWN_EPOCHS", 1)
    x, labels = few_images.x_train[:40], one_hot(few_images.y_train[:40])
    assert transfer.same_head(base, x, labels, seed=1).largest_difference <= 1e-5
    computed = transfer.features
    monkeypatch.setattr(transfer, "features", lambda *args: computed(*args)[::-1])
    assert transfer.same_head(base, x, labels, seed=1).largest_difference > 1e-5


def test_features_come_in_chunks(
    transfer: Any, base: Any, few_images: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reference.cnn import pixels

    monkeypatch.setattr(transfer, "CHUNK", 16)
    advanced: list[None] = []
    found = transfer.features(base, few_images.x_train[:40], lambda: advanced.append(None))
    assert len(advanced) == 3
    assert found.shape == (40, 1, 1, 512)
    whole = base.predict(pixels(few_images.x_train[:40]), verbose=0)
    np.testing.assert_allclose(found, whole, rtol=1e-5, atol=1e-7)


def test_random_weights_get_a_part_of_the_images(transfer: Any, few_images: ImageSet) -> None:
    part = transfer.choose_images(few_images, Weights("random"), (30, 20, 10))
    assert (len(part.x_train), len(part.x_validation), len(part.x_test)) == (30, 20, 10)
    assert part.digest != few_images.digest
    assert transfer.choose_images(few_images, Weights("imagenet"), (30, 20, 10)) is few_images


def test_a_download_that_fails_is_one_sentence(
    transfer: Any, tensorflow: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(**_: Any) -> None:
        raise Exception("URL fetch failure")

    monkeypatch.setattr(tensorflow.keras.applications, "VGG16", offline)
    with pytest.raises(ProduceError, match="--vgg16-weights FILE"):
        transfer.build_base("imagenet")
    with pytest.raises(Exception, match=r"^URL fetch failure$"):
        transfer.build_base(None)


def test_weights_are_passed_to_keras_as_it_takes_them() -> None:
    assert Weights("random").keras_argument is None
    assert Weights("imagenet").keras_argument == "imagenet"
    assert Weights("imagenet").digest == MD5
