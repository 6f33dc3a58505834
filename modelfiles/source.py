"""Bytes at an offset, of a file or of a buffer, that can never be read past their end."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from types import TracebackType

from modelfiles.errors import ModelFileError


class Source:
    """Random access to a regular file or to bytes; a context manager that closes the file.

    `size` is the number of bytes when it was opened: what is appended later does not exist for us.
    """

    def __init__(self, content: Path | bytes) -> None:
        self._descriptor: int | None = None
        self._content = memoryview(b"")
        if isinstance(content, bytes):
            self._content = memoryview(content)
            self.size = len(content)
        else:
            # O_NONBLOCK: opening a named pipe must not wait for someone to write into it.
            try:
                self._descriptor = os.open(content, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            except OSError as error:
                raise ModelFileError(f"{content} cannot be opened: {error.strerror}.") from None
            status = os.fstat(self._descriptor)
            if not stat.S_ISREG(status.st_mode):
                self.close()
                raise ModelFileError(f"{content} is not a regular file: give the path of a saved model.")
            self.size = status.st_size

    def read(self, offset: int, size: int) -> memoryview:
        """Exactly `size` bytes from `offset` on; ModelFileError where the file does not hold them."""
        if offset < 0 or size < 0 or offset + size > self.size:
            raise ModelFileError(
                f"damaged: it refers to bytes {offset} to {offset + size}, but has {self.size} bytes."
            )
        if self._descriptor is None:
            return self._content[offset : offset + size]
        data = os.pread(self._descriptor, size, offset)
        if len(data) < size:  # one call reads at most 2 GiB, and the file may have shrunk meanwhile
            raise ModelFileError(f"cannot be read: {size} bytes at {offset} were asked for, {len(data)} came.")
        return memoryview(data)

    def head(self, size: int) -> bytes:
        """The first `size` bytes, fewer where there are fewer."""
        return bytes(self.read(0, min(size, self.size)))

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Source:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
