"""What the worker runs of each suite; only its server imports this."""

from __future__ import annotations

from rnn_vs_attn.suites.bench import measure as bench
from rnn_vs_attn.suites.decode import measure as decode
from rnn_vs_attn.suites.gradflow import measure as gradflow
from rnn_vs_attn.suites.lm import measure as lm
from rnn_vs_attn.suites.measurement import Measurement
from rnn_vs_attn.suites.recall import measure as recall
from rnn_vs_attn.suites.scaling import measure as scaling
from rnn_vs_attn.suites.variants.albert import measure as albert
from rnn_vs_attn.suites.variants.gpt import measure as gpt
from rnn_vs_attn.suites.variants.transformer_xl import measure as transformer_xl

MEASUREMENTS: dict[str, Measurement] = {
    "bench": bench.MEASUREMENT,
    "gradflow": gradflow.MEASUREMENT,
    "scaling": scaling.MEASUREMENT,
    "recall": recall.MEASUREMENT,
    "decode": decode.MEASUREMENT,
    "variants-transformer-xl": transformer_xl.MEASUREMENT,
    "variants-albert": albert.MEASUREMENT,
    "variants-gpt": gpt.MEASUREMENT,
    "lm": lm.MEASUREMENT,
}
