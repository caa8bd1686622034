"""`lm sample`: text by a trained language model, shown while it is made."""

from __future__ import annotations

import codecs
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from rnn_vs_attn import units
from rnn_vs_attn.errors import DONE, CaseFault, UserError
from rnn_vs_attn.suites.case import argument, option
from rnn_vs_attn.text import streams
from rnn_vs_attn.text.passages import Passage
from rnn_vs_attn.text.safe import encodable
from rnn_vs_attn.texts.tokenizers import Tokenizer
from rnn_vs_attn.training.choice import Choice
from rnn_vs_attn.training.sampled import Sampled, beside, sampled
from rnn_vs_attn.worker.client import ChildWorker, Worker
from rnn_vs_attn.worker.pool import end
from rnn_vs_attn.worker.protocol import BeginText, ContinueText, LanguageModel, LoadLanguageModel

_PATIENCE = 600.0  # seconds for a model to be loaded, or for a token
_SEEDS = 1 << 63
_NOTHING = "\n"  # what a text begins after where no prompt is given


@dataclass(frozen=True)
class SampleOptions:
    """Which model goes on from what, and how."""

    path: Path = argument(
        "A run of lm with one model, RUN/MODEL, the folder of a checkpoint, or GPT-2 in Hugging Face's layout "
        "(config.json, model.safetensors, tokenizer.json). Of a run the first seed at the best learning rate.",
    )
    prompt: str | None = option(
        None,
        "Text to go on from, which is shown before what is generated. Of one that is longer than a model without a "
        "state can see, it sees the end.",
        shown="a line break",
        panel=None,
    )
    num_tokens: int = option(200, "Tokens to generate.", minimum=1, panel=None)
    temperature: float = option(
        1.0, "Below 1 likely tokens become likelier, above 1 less so; 0 takes the likeliest.", panel=None
    )
    top_k: int | None = option(None, "Only of that many likeliest tokens.", shown="of all", panel=None)
    top_p: float | None = option(
        None, "Only of the fewest likeliest tokens that together have that probability.", shown="of all", panel=None
    )
    seed: int = option(0, "Of the random numbers: the same seed, the same text.", minimum=0, panel=None)
    as_json: bool = option(False, "One JSON document on standard output, at the end.", flag="--json", panel=None)
    quiet: bool = option(False, "No line on standard error that says which model it was.", panel=None)
    debug: bool = option(False, "Show stack traces.", panel=None)

    @property
    def choice(self) -> Choice:
        return Choice(self.temperature, self.top_k, self.top_p)

    @property
    def beginning(self) -> str:
        """What the text goes on from. UserError where that is empty, or no UTF-8."""
        if self.prompt == "":
            raise UserError("--prompt is empty; give some text to go on from, or leave it out for a line break")
        prompt = _NOTHING if self.prompt is None else self.prompt
        try:
            return prompt if encodable(prompt) == prompt else os.fsencode(prompt).decode()  # a locale without UTF-8
        except UnicodeError:
            raise UserError("--prompt has bytes that are no UTF-8; type it in UTF-8") from None


def sample(options: SampleOptions) -> int:
    """The whole command; its exit code."""
    choice, beginning = options.choice, options.beginning
    if options.seed >= _SEEDS:
        raise UserError(f"--seed {options.seed} is too large; give a number below 2^63")
    model = sampled(options.path)
    worker = ChildWorker(options.debug)
    try:
        loaded = worker.ask(LoadLanguageModel(str(model.folder), model.kept is not None), _PATIENCE)
        tokenizer = model.tokenizer or beside(model.folder, loaded.vocab_size)
        ids = tuple(int(each) for each in tokenizer.encode(beginning.encode()))
        _note_unseen(len(ids), loaded, options.quiet)
        making = _making(worker, BeginText(ids, choice, options.seed), options.num_tokens)
        found = _show(making, tokenizer, options)
    except CaseFault as fault:
        raise UserError(f"{options.path} cannot be sampled: {fault.reason}") from None
    finally:
        end(worker)
    if options.as_json:
        streams.print_json(_document(options, model, tokenizer, found))
    if not options.quiet:
        streams.say(f"note: {_said_of(model)}; {units.counted(len(found), 'token')}")
    return DONE


def _note_unseen(length: int, loaded: LanguageModel, quiet: bool) -> None:
    if loaded.most_seen is not None and length > loaded.most_seen and not quiet:
        streams.say(f"note: of the prompt's {length} tokens the model sees the last {loaded.most_seen}")


def _making(worker: Worker, begin: BeginText, number: int) -> Iterator[tuple[int, ...]]:
    """Tokens of a worker whose model is loaded, as many at a time as it has made."""
    ids = worker.ask(begin, _PATIENCE).ids
    while ids:
        yield ids
        number -= len(ids)
        ids = worker.ask(ContinueText(number), _PATIENCE).ids if number > 0 else ()


def _show(making: Iterable[tuple[int, ...]], tokenizer: Tokenizer, options: SampleOptions) -> list[int]:
    """The ids of all that is generated, or of what somebody still read."""
    found: list[int] = []
    with Screen(silent=options.as_json) as screen:
        if options.prompt is not None:
            screen.write(options.beginning.encode())
        for ids in making:
            found += ids
            screen.write(_bytes_of(ids, tokenizer))
            if not streams.takes_more(sys.stdout):
                break
    return found


def _bytes_of(ids: Iterable[int], tokenizer: Tokenizer) -> bytes:
    """Ids that the tokenizer lacks, of a model that has more, are no text."""
    return tokenizer.decode(each for each in ids if each < tokenizer.vocab_size)


class Screen:
    """Standard output, on which bytes appear at once, as whole characters that do nothing; it ends with its line."""

    def __init__(self, silent: bool) -> None:
        self._silent = silent
        self._characters = codecs.getincrementaldecoder("utf-8")("replace")
        self._passage = Passage()
        self._last = "\n"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """What was held back, and the end of the line; after an exception only that, for a terminal."""
        if kind is None:
            self._print(self._passage.add(self._characters.decode(b"", final=True)) + self._passage.end())
        if self._last != "\n" and (kind is None or sys.stdout.isatty()):
            self._print("\n")

    def write(self, content: bytes) -> None:
        self._print(self._passage.add(self._characters.decode(content)))

    def _print(self, text: str) -> None:
        if self._silent or not text:
            return
        self._last = text[-1]
        sys.stdout.write(text)
        sys.stdout.flush()


def _document(options: SampleOptions, model: Sampled, tokenizer: Tokenizer, ids: list[int]) -> dict[str, Any]:
    """text: what was generated, without the prompt."""
    return {
        "model": model.model,
        "checkpoint": str(model.folder),
        "prompt": options.beginning,
        "text": _bytes_of(ids, tokenizer).decode(errors="replace"),
        "token_ids": ids,
        "seed": options.seed,
        "temperature": options.temperature,
        "top_k": options.top_k,
        "top_p": options.top_p,
    }


def _said_of(model: Sampled) -> str:
    """Which model it was, in words."""
    here = Path.cwd()
    folder = model.folder.relative_to(here) if here in model.folder.parents else model.folder
    if model.kept is None:
        return f"GPT-2 of {folder}"
    plan, step = model.kept.plan, model.kept.course.step
    steps = units.counted(plan.steps, "step")
    done = steps if step == plan.steps else f"{step} of {steps}"
    text = model.kept.about.get("text")
    learnt = f" on {text}" if text else ""
    trained = f"trained{learnt} for {done} at learning rate {plan.learning_rate:g}"
    return f"{model.model} of {folder}, {trained}, seed {plan.seed}"
