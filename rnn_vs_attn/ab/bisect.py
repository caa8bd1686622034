"""`ab --bisect`: what a comparison says to `git bisect run`, and what it says to who watches.

Any code from 1 to 127 but 125 calls a commit bad, so every other way out is turned into 128, which stops the bisect
(`as_typed` in errors.py).
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence

from rnn_vs_attn.ab.options import AbOptions
from rnn_vs_attn.ab.versions import CANDIDATE, SetUpFails
from rnn_vs_attn.compare.publishing import distribute
from rnn_vs_attn.compare.report import Report, document
from rnn_vs_attn.compare.verdicts import FASTER, SAME, SLOWER, Comparison
from rnn_vs_attn.errors import BAD, GOOD, INTERRUPTED, SKIP, TERMINATED, UserError
from rnn_vs_attn.text.streams import print_json, say

_ANSWERS = {
    GOOD: "is good",
    BAD: "is slower",
    SKIP: "is skipped",
    INTERRUPTED: "is not judged",
    TERMINATED: "is not judged",
}


def checked(options: AbOptions) -> AbOptions:
    """The options, with progress on a terminal only. UserError where it is not git that chooses the candidate, or where
    all commits would be written into one folder.
    """
    if options.aa or options.baseline_python or options.candidate_python or not options.baseline:
        raise UserError(
            "--bisect compares what git has checked out with a commit that is good; name that one: git bisect run "
            "rnn-vs-attn ab GOOD --bisect"
        )
    if options.candidate is not None:
        raise UserError(
            f"--bisect measures what git has checked out and not {options.candidate!r}; leave the second reference out"
        )
    if options.output is not None:
        raise UserError("--output is one folder, and a bisect measures many commits; leave it out")
    return dataclasses.replace(options, quiet=options.quiet or not sys.stderr.isatty())


def code_of(found: Sequence[Comparison], same_files: bool) -> int:
    """0 where nothing is slower, 1 where anything is, 125 where neither is known. same_files: those of the baseline."""
    verdicts = {c.verdict for c in found if not c.added}
    if SLOWER in verdicts:
        return BAD
    return GOOD if same_files or (verdicts and verdicts <= {SAME, FASTER}) else SKIP


def publish(report: Report, options: AbOptions, same_files: bool) -> int:
    """One line on standard error, and the files that were asked for; the exit code. An interruption keeps its own."""
    interrupted = report.code in (INTERRUPTED, TERMINATED)
    code = report.code if interrupted else code_of(report.found, same_files)
    answered = dataclasses.replace(report, code=code)
    for line in distribute(answered, options.markdown, options.junit):
        print(line, file=sys.stderr)  # a command to GitHub, which is meant
    if options.as_json:
        print_json(document(answered))
    label = "HEAD" if interrupted else report.facts["sides"][CANDIDATE]["label"]
    return _answer(code, label, " ".join(report.sentences))


def skip(failed: SetUpFails, options: AbOptions) -> int:
    """The exit code of a commit that cannot be set up. SetUpFails where that is no answer: of the baseline, or where
    nobody bisects.
    """
    if not options.bisect or failed.side != CANDIDATE:
        raise failed
    return _answer(SKIP, "HEAD", f"{failed}.")


def _answer(code: int, label: str, sentence: str) -> int:
    say(f"bisect: {label} {_ANSWERS[code]} ({code}): {sentence}")
    return code
