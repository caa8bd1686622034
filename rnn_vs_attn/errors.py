"""What the user can mend: one sentence that names the value, what is allowed and the way out; and how commands end."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterable, Sequence

DONE, WRONG_CALL, UNFINISHED_CASES, INTERRUPTED, TERMINATED = 0, 2, 4, 130, 143  # exit codes
GOOD, BAD, SKIP, STOP = 0, 1, 125, 128  # exit codes that `git bisect run` understands
OF_CODE = "\n    "  # begins each line of code below a sentence, which is printed as a line


class Interrupted(BaseException):
    """Ctrl-C or SIGTERM."""

    def __init__(self, exit_code: int) -> None:
        self.exit_code = exit_code


class UserError(Exception):
    """A wrong call or an input that cannot be used; the command line prints it and exits with 2."""


class DoesNotStart(UserError):
    """A measuring process that ended, or did not answer, while it started."""


class CaseFault(Exception):
    """Why one case has no number: `status` is a record's status other than ok, `reason` one sentence.

    warnings: what a reader of the case's other numbers must know.
    """

    def __init__(self, status: str, reason: str, warnings: Sequence[str] = ()) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.warnings = list(warnings)


def unknown(kind: str, given: str, allowed: Iterable[str], way_out: str = "") -> UserError:
    """The error for a name that is in no list, with the nearest name where one is near."""
    names = list(allowed)
    near = difflib.get_close_matches(given, names, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"allowed: {', '.join(names)}."
    return UserError(f"unknown {kind} {given!r}; {hint} {way_out}".rstrip())


def as_typed(code: int, words: Sequence[str]) -> int:
    """The exit code of a command line: under --bisect all that is no answer to git's question stops the bisect."""
    bisects = any(word.partition("=")[0] == "--bisect" for word in words)
    return STOP if bisects and code not in (GOOD, BAD, SKIP) else code


def not_installed(error: ModuleNotFoundError) -> str:
    """One sentence for a module of another package that is not there, "" for one of this package or of Python."""
    name = error.name or ""
    package = name.partition(".")[0]
    if package in ("", "rnn_vs_attn") or package in sys.stdlib_module_names:
        return ""
    return f"rnn-vs-attn needs the module {name!r}, which is not installed; pip install -U {package}"


def path_refused(error: BaseException) -> str:
    """One sentence for a path that the system refuses, too long or not ours to look into; "" for any other error."""
    if not isinstance(error, OSError) or not isinstance(error.filename, str) or not error.strerror:
        return ""
    return f"cannot use {error.filename}: {error.strerror}; name another path"


def first_line(error: BaseException, limit: int = 300) -> str:
    """`ErrorName: message`, on one line and at most `limit` characters."""
    text = " ".join(str(error).split())
    line = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return line if len(line) <= limit else line[: limit - 3] + "..."
