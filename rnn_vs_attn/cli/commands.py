"""The list of commands: what each is for, and where it is loaded from once it is called.

`rnn-vs-attn --help` so loads none of them.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from rnn_vs_attn.errors import unknown

EXIT_CODES = (
    "Exit codes: 0 done, 2 a wrong call or an input that cannot be used, 4 the run finished but some cases did not, "
    "130 interrupted, 143 terminated."
)

AB_CODES = (
    "Exit codes: 0 nothing slower, 1 something is slower, 2 a wrong call or an input that cannot be used, 3 no verdict "
    "(new cases, failed ones that are not broken, nothing to compare, too few pairs; any unsure one under --strict), 5 "
    "something is broken: what works in the baseline is missing in the candidate, fails there twice alike, or differs "
    "under --require-equal; 130 interrupted, 143 terminated. Of several the first of 2, 5, 1, 3. Under --bisect "
    "those of git bisect run: 0 good, 1 slower, 125 cannot tell or broken, 128 a wrong call or interrupted."
)

COMPARE_CODES = (
    "Exit codes: 0 nothing slower, 1 something is slower, 2 a wrong call or an input that cannot be used, 3 no verdict "
    "(missing or failed cases, nothing to compare, unlike machines, an interrupted run, too few rounds; any unsure one "
    "under --strict), 130 interrupted, 143 terminated. Of several the first of 2, 1, 3."
)

LISTS = " Lists: repeat an option, or use commas."
MEASURE, JUDGE, READ = "Measure", "Judge a change", "Read and look up"
CONTEXT = {"help_option_names": ["-h", "--help"]}


@dataclass(frozen=True)
class Entry:
    """A command. help: what it is for; more: what only its own help says; panel: the heading that it stands under;
    codes: its exit codes; below: commands that stand under it, without a panel.

    source: `module:function` of the function that Typer takes, module in this package; for the command of a suite, or
    of a group of suites, "suites:" and the function that makes it of the command's name.
    """

    name: str
    help: str
    panel: str
    source: str
    codes: str = EXIT_CODES
    more: str = ""
    below: tuple[Entry, ...] = ()

    def load(self) -> Any:
        """The function that Typer takes."""
        module, _, name = self.source.partition(":")
        found = getattr(importlib.import_module(f"rnn_vs_attn.cli.{module}"), name)
        return found(self.name) if module == "suites" else found


def _suite(name: str, help: str, below: tuple[Entry, ...] = ()) -> Entry:
    return Entry(name, help, MEASURE, "suites:named_command", more=LISTS, below=below)


def _below(name: str, help: str) -> Entry:
    return Entry(name, help, "", "suites:named_command", more=LISTS)


ENTRIES = (
    Entry(
        "lesson",
        "Every claim of the lesson with its verdict on this machine, in five minutes.",
        MEASURE,
        "lesson:lesson_command",
    ),
    _suite("bench", "Time and memory of forward, backward and training passes over sequence lengths."),
    _suite("gradflow", "How much of the gradient arrives, distance by distance, without underflow."),
    _suite("scaling", "Parallelism: speed-up over threads, sequential operations, exponents beside Vaswani's Table 1."),
    _suite(
        "recall",
        "Long-range tasks, trained: what is learnt, at which learning rates, and at which lengths it still holds.",
    ),
    _suite("decode", "Generation: time a token and size of the state over context length."),
    _suite(
        "variants",
        "Transformer-XL, ALBERT and GPT beside what each improves on; without a sub-command all three, briefly.",
        (
            _below(
                "transformer-xl",
                "Transformer-XL's evaluation, receptive field and training memory beside windows and a key-value "
                "cache.",
            ),
            _below(
                "albert",
                "ALBERT beside BERT of the same shape: what sharing and factorised embeddings save, and what they do "
                "not.",
            ),
            _below(
                "gpt", "GPT-2 by size: parameters, FLOPs, memory, time of passes and of decoding, and how they grow."
            ),
        ),
    ),
    _suite(
        "lm",
        "Language models trained side by side on your own text: what each reaches in the same time, how far it sees.",
        (
            Entry(
                "sample",
                "Text by a trained language model, shown while it is made; one prompt and seed give one text.",
                "",
                "language:sample_command",
            ),
        ),
    ),
    Entry(
        "run",
        "A sweep: runs of several suites out of one TOML file, in one folder, with what all of them found.",
        MEASURE,
        "sweep:run_command",
    ),
    Entry(
        "ab",
        "Two versions measured in turn in one sitting: is anything slower? For CI on noisy machines.",
        JUDGE,
        "compare:ab_command",
        AB_CODES,
        " What is not typed may stand in the table tool.rnn-vs-attn.ab of the repository's pyproject.toml, with limits "
        "of single cases.",
    ),
    Entry(
        "compare",
        "Two stored runs of one machine: what changed, with intervals. ab finds smaller changes.",
        JUDGE,
        "compare:compare_command",
        COMPARE_CODES,
    ),
    Entry(
        "history",
        "Stored runs over dates or commits: where the level of a metric changed, by how much, and since when.",
        JUDGE,
        "history:history_command",
    ),
    Entry("show", "Stored runs again: what each found, its table and its chart.", READ, "show:show_command"),
    Entry(
        "report", "Runs of any commands as one page, with every claim and every model.", READ, "report:report_command"
    ),
    Entry("export", "A run in the format of another tool.", READ, "compare:export_command"),
    Entry(
        "models",
        "What can be measured and by which commands: family, parameters, FLOPs, complexity, decoding, source.",
        READ,
        "models:models_command",
    ),
    Entry("doctor", "Is this machine fit to measure on, and what to do about it.", READ, "doctor:doctor_command"),
)


class Later(TyperCommand):
    """A command that is loaded when it is called; until then its name and what it is for are known."""

    def __init__(self, entry: Entry) -> None:
        super().__init__(name=entry.name, help=entry.help, rich_help_panel=entry.panel)
        self.entry = entry

    def loaded(self) -> Any:
        """The command itself."""
        entry, app = self.entry, typer.Typer(add_completion=False, context_settings=CONTEXT)
        if not entry.below:
            app.command(entry.name, epilog=entry.codes, help=entry.help + entry.more)(entry.load())
            return typer.main.get_command(app)
        whole = entry.help + entry.more
        app = typer.Typer(
            name=entry.name,
            cls=Group,
            help=whole,
            invoke_without_command=True,
            add_completion=False,
            context_settings=CONTEXT,
        )
        app.callback(epilog=entry.codes)(entry.load())
        for each in entry.below:
            app.command(each.name, epilog=each.codes, help=each.help + each.more)(each.load())
        return typer.main.get_command(app)

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        return self.loaded().make_context(info_name, args, parent=parent, **extra)


class Group(TyperGroup):
    """Commands of which the nearest is named where there is none of the name that was typed."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """UserError with the nearest name where there is no such command."""
        names = self.list_commands(ctx)
        if args and args[0] not in names and not args[0].startswith("-"):
            raise unknown("command", args[0], names)
        return super().resolve_command(ctx, args)


class Commands(Group):
    """All of them, in the order of the list."""

    def list_commands(self, ctx: Any) -> list[str]:
        return [entry.name for entry in ENTRIES]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        return next((Later(entry) for entry in ENTRIES if entry.name == cmd_name), None)
