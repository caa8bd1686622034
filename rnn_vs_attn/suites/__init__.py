"""All suites, in the order of the help text."""

from rnn_vs_attn.suites.bench.suite import BENCH
from rnn_vs_attn.suites.decode.suite import DECODE
from rnn_vs_attn.suites.gradflow.suite import GRADFLOW
from rnn_vs_attn.suites.lm.suite import LM
from rnn_vs_attn.suites.recall.suite import RECALL
from rnn_vs_attn.suites.scaling.suite import SCALING
from rnn_vs_attn.suites.suite import Suite
from rnn_vs_attn.suites.variants.albert.suite import VARIANTS_ALBERT
from rnn_vs_attn.suites.variants.gpt.suite import VARIANTS_GPT
from rnn_vs_attn.suites.variants.transformer_xl.suite import VARIANTS_TRANSFORMER_XL

SUITES: tuple[Suite, ...] = (
    BENCH,
    GRADFLOW,
    SCALING,
    RECALL,
    DECODE,
    VARIANTS_TRANSFORMER_XL,
    VARIANTS_ALBERT,
    VARIANTS_GPT,
    LM,
)


def suite_named(name: str) -> Suite:
    """The suite of that name; StopIteration where there is none."""
    return next(suite for suite in SUITES if suite.name == name)
