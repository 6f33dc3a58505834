"""The process that trains: quiet, seeded, and described in the evidence."""

from __future__ import annotations

import os
import platform
import resource
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

Value = str | int | float | bool | None

PACKAGES = ("keras", "keras-tuner", "scikit-learn", "numpy", "h5py")
CPU_FLAGS = ("sse4_2", "avx", "avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile", "asimd")
"""Instruction sets that TensorFlow's kernels choose between: the last bits of a result depend on them."""

VARIABLES = (
    "TF_ENABLE_ONEDNN_OPTS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
    "TF_DETERMINISTIC_OPS",
    "TF_XLA_FLAGS",
    "TF_USE_LEGACY_KERAS",
    "OMP_NUM_THREADS",
)
"""Variables that change figures. Only these are named: Terraform keeps its secrets under `TF_` too."""


def prepare(threads: int | None = None) -> None:
    """Import TensorFlow without its start-up messages, with Keras on it, and with `threads` threads if given.

    Must come before anything else imports TensorFlow. `threads` bounds both the threads inside one operation
    and the operations at a time; without it TensorFlow takes every core. The same seed gives the same CNN only
    with the same number of threads.

    Raises:
        RuntimeError: another number of threads was asked for after TensorFlow had begun to work.
    """
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _standard_error_held_back(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import tensorflow as tf

        _ = tf.keras.Model  # tf.keras loads itself on first use, and speaks then
    tf.get_logger().setLevel("ERROR")
    _silence_absl()
    if threads is not None:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)


def start_afresh(seed: int) -> None:
    """Make what follows independent of what this process did before: layer names and every random stream."""
    import tensorflow as tf

    tf.keras.backend.clear_session()  # first: it forgets the seed too
    tf.keras.utils.set_random_seed(seed)


def describe() -> dict[str, Value]:
    """Versions, processor, threads and oneDNN: what a reader needs in order to get the same figures."""
    import tensorflow as tf

    flags = _cpuinfo("flags", "Features").split()
    variables = [f"{name}={os.environ[name]}" for name in VARIABLES if name in os.environ]
    known: dict[str, Value] = {"tensorflow": tf.__version__, "python": platform.python_version()}
    known |= packages()
    known |= {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _cpuinfo("model name", "Model") or platform.processor() or "unknown",
        "processor features": " ".join(flag for flag in CPU_FLAGS if flag in flags) or "unknown",
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "threads in an operation": tf.config.threading.get_intra_op_parallelism_threads() or "all cores",
        "operations at a time": tf.config.threading.get_inter_op_parallelism_threads() or "all cores",
        "oneDNN": os.environ.get("TF_ENABLE_ONEDNN_OPTS", "TensorFlow's default"),
        "variables": " ".join(variables) or "none set",
    }
    return known


def packages() -> dict[str, str]:
    """The installed versions of `PACKAGES`, without importing any."""
    return {package: _version(package) for package in PACKAGES}


def peak_memory_bytes() -> int:
    """The most resident memory that this process has ever held."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


@contextmanager
def _standard_error_held_back() -> Iterator[None]:
    """Keep the process's standard error in a file, and show it only if the block fails.

    TensorFlow's C++ side writes to the descriptor itself before any log level counts.
    """
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held:
        original = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(original, held.read())
            raise
        finally:
            os.dup2(original, 2)
            os.close(original)


def _silence_absl() -> None:
    """Keras warns through absl of choices that the lab makes on purpose, such as saving HDF5."""
    try:
        from absl import logging
    except ImportError:
        return
    logging.set_verbosity(logging.ERROR)


def _cpuinfo(*names: str) -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip() in names:
            return value.strip()
    return ""


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
