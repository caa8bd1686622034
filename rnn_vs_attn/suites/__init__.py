"""All suites, in the order of the help text."""

from rnn_vs_attn.suites.bench import BENCH
from rnn_vs_attn.suites.decode import DECODE
from rnn_vs_attn.suites.gradflow import GRADFLOW
from rnn_vs_attn.suites.suite import Suite

SUITES: tuple[Suite, ...] = (BENCH, GRADFLOW, DECODE)


def suite_named(name: str) -> Suite:
    """The suite of that name; StopIteration where there is none."""
    return next(suite for suite in SUITES if suite.name == name)
