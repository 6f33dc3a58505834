"""What can keep the reference from being produced."""

from __future__ import annotations

import errno

DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
_DISK_FULL_WORDS = ("No space left on device", "Disk quota exceeded", f"errno = {errno.ENOSPC}")


class ProduceError(Exception):
    """The reference cannot be produced as asked; the message is one sentence that says what to do."""


def means_disk_full(error: BaseException) -> bool:
    """Whether `error`, or an error that it came from, is a full disk.

    HDF5 and TensorFlow lose the error number on the way and keep the words, so both are looked for.
    """
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        if isinstance(link, OSError) and link.errno in DISK_FULL:
            return True
        if any(words in str(link) for words in _DISK_FULL_WORDS):
            return True
        link = link.__cause__ or link.__context__
    return False
