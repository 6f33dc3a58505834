"""Judge in forks of a process that has imported everything: `python -m suites.benchmarks.warm TIMES ARGUMENT …`.

The arguments are those of `pytest suites`. Prints a JSON list of [exit status, seconds, processor
seconds], one for each fork.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time

from suites import plugin


def main(times: int, arguments: list[str]) -> list[tuple[int, float, float]]:
    """Collect once, which imports every plugin and check, and then judge in that many forks."""
    plugin.run([*arguments, "--collect-only"])
    gc.collect()
    gc.freeze()  # what is here already will not be looked through again in every child
    return [judged_in_a_fork(arguments) for _ in range(times)]


def judged_in_a_fork(arguments: list[str]) -> tuple[int, float, float]:
    """(exit status, seconds from before the fork until the child is gone, those it and its children computed)."""
    started = time.perf_counter()
    child = os.fork()
    if child == 0:
        status = 2
        try:
            status = plugin.run(arguments)
        finally:
            os._exit(status)
    _, status, used = os.wait4(child, 0)
    seconds = time.perf_counter() - started
    return os.waitstatus_to_exitcode(status), seconds, used.ru_utime + used.ru_stime


if __name__ == "__main__":
    json.dump(main(int(sys.argv[1]), sys.argv[2:]), sys.stdout)
