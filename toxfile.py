"""tox's part of the TensorFlow matrix: an environment for each leg of `fixtures/legs.toml`, and a note of each run.

tox loads this file by itself. What a leg does stands in the section `[leg]` of `tox.ini`; here it gets its name,
its Python and its requirements, a name that is no leg's is refused, and a leg that cannot be installed, is killed
or has no Python leaves the reason where `tflab matrix` finds it.
"""

from __future__ import annotations

import datetime
import re
import signal
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tox.config.loader.memory import MemoryLoader
from tox.plugin import impl
from tox.report import HandledError

from fixtures.legs import Leg, legs
from tflab import leg_runs
from tflab.leg_runs import LegRun

if TYPE_CHECKING:
    from tox.config.sets import ConfigSet, EnvConfigSet
    from tox.execute import Outcome
    from tox.session.state import State
    from tox.tox_env.api import ToxEnv

LEGS = legs()
LIKE_A_LEG = re.compile(r"(py\d+|tf\d+|today)(-(py\d+|tf\d+|today))*")
MATRIX = "matrix"
"""The label of all legs (`tox run -m matrix`), and their folder below `out/`."""
SAID = re.compile(r"^standard (?:output|error):$", re.MULTILINE)
TAIL = 400
_running: dict[str, LegRun] = {}


@impl
def tox_extend_envs() -> Sequence[str]:
    """Declare the legs."""
    return tuple(LEGS)


@impl
def tox_add_core_config(core_conf: ConfigSet, state: State) -> None:  # noqa: ARG001
    """Give each leg its settings beyond those in `tox.ini`."""
    for leg in LEGS.values():
        state.conf.memory_seed_loaders[leg.name].append(MemoryLoader(**_settings(leg)))


def _settings(leg: Leg) -> dict[str, object]:
    described = f"the lab on TensorFlow {leg.tensorflow} and Python {leg.python}"
    settings: dict[str, object] = {
        "base": ["leg", "testenv"],
        "base_python": [f"python{leg.python}"],
        "labels": [MATRIX],
    }
    if not leg.today:
        return settings | {"deps": [f"-r requirements/{leg.lock}"], "description": f"{described}, pinned"}
    return settings | {  # as a student gets it: by pip, which resolves otherwise than uv
        "runner": "virtualenv",
        "recreate": True,
        "package_env": ".pkg-pip",
        "deps": ["-r requirements/lab.in", *leg.requirements],
        "description": f"{described}, as pip resolves today",
    }


@impl
def tox_add_env_config(env_conf: EnvConfigSet, state: State) -> None:  # noqa: ARG001
    """Refuse names that tox would run though no list has them, such as `tf213` alone, on any Python."""
    if LIKE_A_LEG.fullmatch(env_conf.name) and env_conf.name not in LEGS:
        raise HandledError(f"{env_conf.name} is no leg of the TensorFlow matrix: choose from {', '.join(LEGS)}.")


@impl
def tox_on_install(tox_env: ToxEnv) -> None:
    """Note that a leg is being installed."""
    _begin(tox_env, "installing")


@impl
def tox_before_run_commands(tox_env: ToxEnv) -> None:
    """Note that a leg runs."""
    _begin(tox_env, "running")


@impl
def tox_after_run_commands(tox_env: ToxEnv, exit_code: int, outcomes: list[Outcome]) -> None:
    """Note how a leg ended; status 1 means that a check does not hold, which its records say."""
    if run := _running.get(tox_env.conf.name):
        reason = "" if exit_code in (0, 1) else _broke_off(exit_code, outcomes)
        seconds = round(sum(outcome.elapsed for outcome in outcomes), 1)
        _note(tox_env, replace(run, state="ended", seconds=seconds, reason=reason))


@impl
def tox_env_teardown(tox_env: ToxEnv) -> None:
    """Note why a leg never ran: its Python is not here, or it could not be installed."""
    name = tox_env.conf.name
    leg, run = LEGS.get(name), _running.pop(name, None)
    if leg is None or tox_env.options.no_test or (run is not None and run.state != "installing"):
        return
    log = _last_log(tox_env)
    run = run or LegRun(name, "installing", _now())
    leg_runs.begin(_folder(tox_env), run)
    if not log or "interpreter" in log.lower():  # pip's runner leaves no log, uv's says so
        leg_runs.write(_folder(tox_env), replace(run, state="skipped", reason=f"no Python {leg.python} here"))
    else:
        leg_runs.write(_folder(tox_env), replace(run, state="not installed", reason=_tail(log)))


def _begin(tox_env: ToxEnv, state: leg_runs.State) -> None:
    name = tox_env.conf.name
    if tox_env.options.no_test:  # it is only made ready
        return
    if name in LEGS and (name not in _running or _running[name].state != state):
        _running[name] = LegRun(name, state, _now())
        leg_runs.begin(_folder(tox_env), _running[name])


def _note(tox_env: ToxEnv, run: LegRun) -> None:
    _running[run.leg] = run
    leg_runs.write(_folder(tox_env), run)


def _folder(tox_env: ToxEnv) -> Path:
    return Path(tox_env.core["tox_root"]) / "out" / MATRIX


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _broke_off(exit_code: int, outcomes: list[Outcome]) -> str:
    """The last command's end in a sentence."""
    if not outcomes:
        return "interrupted before its first command"
    last = outcomes[-1]
    said = _tail(last.err or last.out)
    if exit_code < 0 or exit_code > 128:
        number = -exit_code if exit_code < 0 else exit_code - 128
        try:
            ended = f"killed by {signal.Signals(number).name}"
        except ValueError:
            ended = f"ended with status {exit_code}"
    else:
        ended = f"ended with status {exit_code}"
    return f"{ended} after {last.elapsed:.0f} s" + (f": {said}" if said else "")


def _last_log(tox_env: ToxEnv) -> str:
    """What the last step of installing said: making the environment, or filling it."""
    logs = sorted(tox_env.env_log_dir.glob("*.log"), key=lambda path: path.stat().st_mtime)
    text = logs[-1].read_text(encoding="utf-8", errors="replace") if logs else ""
    return SAID.split(text)[-1]  # what stands before are variables and options, which are nobody's business


def _tail(text: str) -> str:
    """The end of a long text, on one line."""
    words = " ".join(text.split())
    return words if len(words) <= TAIL else f"… {words[-TAIL:]}"
