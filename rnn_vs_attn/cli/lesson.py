"""The command `lesson`: every claim of the lesson with its verdict on this machine."""

from __future__ import annotations

from rnn_vs_attn.cli.options import Call, command
from rnn_vs_attn.errors import UserError
from rnn_vs_attn.lesson import command as lesson
from rnn_vs_attn.lesson.options import LessonOptions
from rnn_vs_attn.run.cases import option_name

_WITH_RESUME = ("resume", "max_seconds", "as_json", "quiet", "debug")


def _lesson(call: Call[LessonOptions]) -> int:
    own = [name for name in call.names if name not in _WITH_RESUME]
    if call.options.resume is not None and own:
        raise UserError(f"--resume goes on under the lesson's own settings; leave out {option_name(own[0])}")
    options = call.options
    goes_on_in = options.max_seconds if options.resume is not None and "max_seconds" in call.names else None
    return lesson.run(options, goes_on_in)


lesson_command = command(_lesson, LessonOptions)
