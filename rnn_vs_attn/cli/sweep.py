"""The command `run`: a sweep out of a file."""

from __future__ import annotations

from rnn_vs_attn.cli.options import Call, command
from rnn_vs_attn.errors import UserError
from rnn_vs_attn.run.cases import option_name
from rnn_vs_attn.sweep.command import resume, start
from rnn_vs_attn.sweep.options import SweepOptions

_NOT_WITH_RESUME = ("output", "dry_run", "anonymous")


def _run(call: Call[SweepOptions]) -> int:
    options = call.options
    _check_launcher(call)
    if options.resume is not None:
        other = next((name for name in _NOT_WITH_RESUME if name in call.names), None)
        if other is not None:
            raise UserError(f"--resume goes on in its own folder, as it was begun; leave out {option_name(other)}")
        return resume(options.resume, options)
    if options.retry:
        raise UserError("--retry goes with --resume FOLDER: it measures the failed cases of that sweep again")
    if options.file is None:
        raise UserError("run needs a sweep's file (TOML), or --resume FOLDER; docs/sweeps.md has an example")
    return start(options.file, options)


def _check_launcher(call: Call[SweepOptions]) -> None:
    """UserError where options of jobs stand without a launcher, or those of this machine with one."""
    launches = call.options.launcher is not None
    names = ("retry", "dry_run") if launches else ("partition", "jobs", "launcher_arg")
    other = next((name for name in names if name in call.names), None)
    if other is not None:
        way = "is for this machine; leave out --launcher" if launches else "goes with --launcher slurm or local"
        raise UserError(f"{option_name(other)} {way}")


run_command = command(_run, SweepOptions)
