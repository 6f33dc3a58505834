"""The process that trains is quiet, and says what it is."""

from __future__ import annotations

import os
from typing import Any

import pytest

from reference import environment


def test_threads_are_set_before_tensorflow_works_or_not_at_all(tensorflow: Any) -> None:
    tensorflow.constant(1)
    with pytest.raises(RuntimeError, match="after initialization"):
        environment.prepare(threads=3)
    environment.prepare()


def test_what_was_held_back_is_shown_when_loading_fails(capfd: pytest.CaptureFixture[str]) -> None:
    with environment._standard_error_held_back():
        os.write(2, b"chatter")
    assert capfd.readouterr().err == ""

    def fail() -> None:
        with environment._standard_error_held_back():
            os.write(2, b"the reason")
            raise ImportError

    with pytest.raises(ImportError):
        fail()
    assert capfd.readouterr().err == "the reason"


def test_the_description_is_flat_and_complete(tensorflow: Any) -> None:
    found = environment.describe()
    assert found["tensorflow"] == tensorflow.__version__
    for name in ("keras", "keras-tuner", "scikit-learn", "numpy", "python", "processor", "cores", "oneDNN"):
        assert found[name] not in (None, "", "not installed"), name
    assert all(isinstance(value, str | int | float | bool) for value in found.values())
    assert environment.peak_memory_bytes() > 50 * 2**20


def test_variables_that_change_figures_are_named_and_no_others(
    tensorflow: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in environment.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    assert environment.describe()["variables"] == "none set"
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("TF_VAR_password", "secret")
    assert environment.describe()["variables"] == "TF_ENABLE_ONEDNN_OPTS=0 OMP_NUM_THREADS=1"


def test_starting_afresh_makes_weights_and_names_repeatable(tensorflow: Any) -> None:
    def layer() -> tuple[str, bytes]:
        environment.start_afresh(7)
        dense = tensorflow.keras.layers.Dense(3)
        dense.build((None, 4))
        return dense.name, dense.get_weights()[0].tobytes()

    first = layer()
    tensorflow.keras.layers.Dense(3)
    assert layer() == first
