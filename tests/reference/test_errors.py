"""A full disk is recognised however it arrives."""

from __future__ import annotations

import errno
import os

import pytest

from reference.errors import means_disk_full

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def raised(error: Exception, *, because: Exception) -> Exception:
    try:
        raise error from because
    except type(error) as caught:
        return caught


@pytest.mark.parametrize(
    "error",
    [
        FULL,
        OSError(errno.EDQUOT, os.strerror(errno.EDQUOT)),
        RuntimeError(
            "Can't decrement id ref count (unable to extend file properly, errno = 28, error message = '…')"
        ),
        RuntimeError("Number of consecutive failures exceeded …\nOSError: [Errno 28] No space left on device"),
        raised(ValueError("cannot save"), because=FULL),
        raised(ValueError("outer"), because=raised(ValueError("inner"), because=FULL)),
    ],
)
def test_a_full_disk_is_recognised(error: Exception) -> None:
    assert means_disk_full(error)


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.EACCES, "Permission denied"),
        ValueError("errno"),
        raised(ValueError("a"), because=KeyError("b")),
    ],
)
def test_other_errors_are_not_taken_for_one(error: Exception) -> None:
    assert not means_disk_full(error)


def test_a_circle_of_causes_ends() -> None:
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    assert not means_disk_full(first)
