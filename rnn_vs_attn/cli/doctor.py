"""The command `doctor`: whether this machine is fit to measure on."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import typer

from rnn_vs_attn.machine import environment, fitness
from rnn_vs_attn.text.streams import print_json, show
from rnn_vs_attn.worker.pool import ask_once
from rnn_vs_attn.worker.protocol import ReadEnvironment


def doctor_command(
    threads: Annotated[int, typer.Option(min=0, help="Threads that a run would use; 0 takes all usable cores.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
    anonymous: Annotated[bool, typer.Option("--anonymous", help="Leave host, user, paths and variables out.")] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show stack traces and what the measuring process prints.")
    ] = False,
) -> None:
    """Is this machine fit to measure on, and what to do about it."""
    before = dataclasses.replace(environment.cpu_state(), clock_mhz=None)  # which is low before there is anything to do
    facts = environment.describe(ask_once(ReadEnvironment(), debug).facts, anonymous)
    moved = environment.changes(before, environment.cpu_state(), "this look at it")
    found = fitness.findings(facts, threads or facts["usable_cores"], moved)
    if as_json:
        print_json({"environment": facts, "findings": fitness.as_dicts(found)})
        return
    for line in [*fitness.lines(facts), *fitness.verdict(found)]:
        show(line)
