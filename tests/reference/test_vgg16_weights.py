"""ImageNet's weights are the published file or none."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from reference import vgg16_weights
from reference.errors import ProduceError
from reference.vgg16_weights import NAME, Weights, find


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty Keras cache."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    (tmp_path / "keras" / "models").mkdir(parents=True)
    return tmp_path / "keras" / "models"


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that stands for the published one."""
    path = tmp_path / "weights.h5"
    path.write_bytes(b"ImageNet")
    monkeypatch.setattr(vgg16_weights, "MD5", hashlib.md5(b"ImageNet").hexdigest())
    return path


def test_a_file_that_was_given(published: Path, cache: Path) -> None:
    assert find(published, download=False) == Weights("imagenet", published)


def test_keras_cache(published: Path, cache: Path) -> None:
    (cache / NAME).write_bytes(b"ImageNet")
    assert find(None, download=False) == Weights("imagenet", cache / NAME)


def test_a_damaged_cache_is_not_used(published: Path, cache: Path) -> None:
    (cache / NAME).write_bytes(b"Image")
    assert find(None, download=False) == Weights("random")


def test_a_download_only_when_asked_for(cache: Path) -> None:
    assert find(None, download=False) == Weights("random")
    assert find(None, download=True) == Weights("imagenet")


@pytest.mark.parametrize("content", [None, b"", b"other weights"])
def test_anything_else_is_refused_in_one_sentence(tmp_path: Path, cache: Path, content: bytes | None) -> None:
    path = tmp_path / "other.h5"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ProduceError, match=NAME) as refused:
        find(path, download=False)
    assert str(path) in str(refused.value)
