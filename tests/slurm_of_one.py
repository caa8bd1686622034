"""A Slurm of one node on this machine's loopback, from Debian's packages: started by a test, and ended with it."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

NEEDED = ("munged", "slurmctld", "slurmd", "sbatch", "squeue")

CONFIGURATION = """
ClusterName=one
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
SlurmctldPort={controller}
SlurmdPort={daemon}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SchedulerType=sched/builtin
SelectType=select/cons_tres
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
ReturnToService=2
InactiveLimit=0
KillWait=2
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP OverSubscribe=EXCLUSIVE
"""


def lacking() -> str:
    """Why there can be none here, "" where there can."""
    absent = [name for name in NEEDED if _program(name) is None]
    if absent:
        return f"{', '.join(absent)} not installed: apt-get install slurmctld slurmd slurm-client munge"
    return "" if os.geteuid() == 0 else "only root starts Slurm's daemons"


def _program(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def _port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextlib.contextmanager
def running(folder: Path) -> Iterator[dict[str, str]]:
    """The environment in which sbatch finds it."""
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True)
    host = socket.gethostname().partition(".")[0]
    text = CONFIGURATION.format(host=host, folder=folder, controller=_port(), daemon=_port(), cpus=os.cpu_count())
    (folder / "slurm.conf").write_text(text)
    key = folder / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o400)
    variables = {**os.environ, "SLURM_CONF": str(folder / "slurm.conf")}
    munged = f"--foreground --force --key-file={key} --socket={folder}/munge.socket --pid-file={folder}/munge.pid"
    munged += f" --log-file={folder}/munge.log --seed-file={folder}/munge.seed"
    with contextlib.ExitStack() as stack:
        for words in (["munged", *munged.split()], ["slurmctld", "-D"], ["slurmd", "-D", "-N", host]):
            stack.enter_context(_daemon(words, variables, folder))
            time.sleep(1)
        _until_idle(variables, folder)
        yield variables


@contextlib.contextmanager
def _daemon(words: list[str], variables: dict[str, str], folder: Path) -> Iterator[None]:
    program = _program(words[0])
    assert program is not None
    with (folder / f"{words[0]}.out").open("wb") as log:
        process = subprocess.Popen([program, *words[1:]], env=variables, stdout=log, stderr=log)
        try:
            yield
        finally:
            process.terminate()
            process.wait()


def _until_idle(variables: dict[str, str], folder: Path) -> None:
    for _ in range(60):
        done = subprocess.run(
            ["sinfo", "--noheader", "--format=%T"], env=variables, capture_output=True, text=True, check=False
        )
        if done.stdout.strip() == "idle":
            return
        time.sleep(1)
    logs = "\n".join(path.read_text(errors="replace") for path in folder.glob("*.log"))
    raise AssertionError(f"Slurm did not start: {done.stdout} {done.stderr}\n{logs[-3000:]}")
