"""The sub-command `lm sample`."""

from __future__ import annotations

from rnn_vs_attn.cli.options import Call, command
from rnn_vs_attn.run.sampling import SampleOptions, sample


def _sample(call: Call[SampleOptions]) -> int:
    return sample(call.options)


sample_command = command(_sample, SampleOptions)
