"""Jobs on other machines, by way of submitit: how they are sent, and whether they still run."""

from __future__ import annotations

import contextlib
import math
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rnn_vs_attn.errors import UserError, first_line
from rnn_vs_attn.sweep.options import SLURM, SweepOptions

_GPUS = "CUDA_VISIBLE_DEVICES"
_AT_A_TIME = {"slurm": 100, "local": 1}
_ASKED_AGAIN = 10.0  # seconds between two questions to Slurm's queue
_ROOM_FACTOR, _ROOM_MINUTES = 1.5, 5  # of a job's time: what its round is thought to take, and what starts it


@dataclass
class Launcher:
    """executor: submitit's; at_a_time: jobs at most; names_gpus: whether the call says which GPUs a job has."""

    executor: Any
    kind: str
    at_a_time: int
    names_gpus: bool = False
    _queued: set[str] = field(default_factory=set)
    _asked: float = -math.inf

    @classmethod
    def of(cls, options: SweepOptions, logs: Path, seconds: float) -> Launcher:
        """The one that the options name. seconds: that the longest job takes. UserError where it cannot be used."""
        try:
            import submitit
        except ImportError:
            raise UserError("--launcher needs the package submitit: pip install 'rnn-vs-attn[cluster]'") from None
        assert options.launcher is not None
        if options.launcher == SLURM and shutil.which("sbatch") is None:
            raise UserError("--launcher slurm needs Slurm's sbatch, which is not here; call this where it is")
        executor = submitit.AutoExecutor(folder=logs, cluster=options.launcher)
        minutes = math.ceil(seconds * _ROOM_FACTOR / 60) + _ROOM_MINUTES
        settings: dict[str, Any] = {"name": "rnn-vs-attn", "timeout_min": minutes}
        if options.launcher == SLURM:
            settings |= {"slurm_exclusive": True, "slurm_use_srun": False}
            settings |= {"slurm_partition": options.partition} if options.partition else {}
        settings |= {name: _value(value) for name, value in options.launcher_arg}
        try:
            executor.update_parameters(**settings)
        except Exception as error:  # submitit names what it does not know in errors of several kinds
            raise UserError(f"--launcher-arg: {first_line(error)}; submitit's own settings are allowed") from None
        names_gpus = any("gpu" in name for name, _ in options.launcher_arg)
        return cls(executor, options.launcher, options.jobs or _AT_A_TIME[options.launcher], names_gpus)

    def send(self, what: Callable[..., int], *arguments: Any) -> Any:
        """A job that does `what`. UserError where the cluster does not take it."""
        try:
            job = self.executor.submit(_as_called, sys.argv[1:], self._devices(), what, *arguments)
        except Exception as error:
            raise UserError(f"the job could not be sent: {first_line(error)}") from None
        self._queued.add(str(job.job_id))
        return job

    def _devices(self) -> dict[str, str] | None:
        """The GPUs that this process may use; None where a job has others."""
        if self.kind == SLURM or self.names_gpus:
            return None
        return {name: os.environ[name] for name in (_GPUS,) if name in os.environ}

    def ended(self, job: Any) -> bool:
        """Whether a job runs no more, well or not."""
        if job.paths.result_pickle.exists():
            return True
        if self.kind != SLURM:
            return bool(job.done())
        self._look()
        return str(job.job_id) not in self._queued and not job.paths.result_pickle.exists()

    def _look(self) -> None:
        """Ask Slurm's queue, which every Slurm has, where submitit asks its accounting; but not all the time."""
        if time.monotonic() - self._asked < _ASKED_AGAIN:
            return
        asked = ["squeue", "--noheader", "--me", "--format=%i", "--states=PD,R,CG,CF,S,ST"]
        done = subprocess.run(asked, capture_output=True, text=True, check=False)
        if done.returncode == 0:  # a controller that does not answer for a while says nothing of its jobs
            self._queued, self._asked = set(done.stdout.split()), time.monotonic()


def _as_called(words: list[str], devices: dict[str, str] | None, what: Callable[..., int], *arguments: Any) -> int:
    """What a job does: `what`, as part of the call that sent it. devices: None for those that the job was given."""
    sys.argv[1:] = words  # which runs record
    if devices is not None:  # submitit hides every GPU from a job of this machine
        os.environ.pop(_GPUS, None)
        os.environ.update(devices)
    return what(*arguments)


def why(job: Any) -> str:
    """Why a job left nothing: the last line of what it printed."""
    with contextlib.suppress(OSError):
        lines = [line for line in job.paths.stderr.read_text(errors="replace").splitlines() if line.strip()]
        return lines[-1].strip()[-300:] if lines else "it ended without a word"
    return "it left no log"


def cancel(job: Any) -> None:
    """End a job that is not wanted any more."""
    with contextlib.suppress(Exception):  # it may have ended by itself
        job.cancel(check=False)


def _value(text: str) -> int | str:
    return int(text) if text.isdecimal() else text
