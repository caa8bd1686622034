"""The lines of the ledger, in the order of a lesson: what is said, and what of the runs decides it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rnn_vs_attn.lesson import of_layers, of_training, of_variants
from rnn_vs_attn.lesson.readings import Found, Lacking, Readings
from rnn_vs_attn.records.claims import UNDECIDED, Claim


@dataclass(frozen=True)
class Line:
    """A claim of the lesson. part: the name of the part whose run decides it, by `judge`; in_full: the command that
    measures it at its own size.
    """

    key: str
    text: str
    part: str
    judge: Callable[[Readings], Found]
    in_full: str

    def claim(self, runs: Readings) -> Claim:
        """What became of it; undecided, with the reason, where something that it rests on is not there."""
        try:
            found = self.judge(runs)
        except Lacking as lacking:
            way = "lesson --resume goes on with it, or a longer --max-seconds has it"
            ended = f"; the run of {self.part} was cut off: {way}"
            found = Found(UNDECIDED, "", f"{lacking}{ended * (self.part in runs.cut_off)}")
        return Claim(f"lesson-{self.key}", self.text, *found)


LINES = (
    Line(
        "parallel",
        "A Transformer computes all tokens at once, an RNN cannot",
        "scaling",
        of_layers.in_parallel,
        "rnn-vs-attn scaling --model attention,lstm",
    ),
    Line(
        "loop",
        "An RNN that goes token by token trains slower than attention",
        "bench",
        of_layers.loop,
        "rnn-vs-attn bench --model attention,lstm-cell",
    ),
    Line(
        "fused",
        "Attention trains faster than an LSTM",
        "bench",
        of_layers.fused,
        "rnn-vs-attn bench --model attention,lstm,gru",
    ),
    Line(
        "sequential",
        "A recurrence cannot be computed in parallel",
        "scaling",
        of_layers.one_step_after_the_other,
        "rnn-vs-attn scaling --model attention,lstm,mingru",
    ),
    Line(
        "table-1",
        "Attention needs less computation than an RNN while n < d",
        "scaling",
        of_layers.table_1,
        "rnn-vs-attn scaling",
    ),
    Line(
        "vanishing",
        "Gradients through an RNN vanish over the distance",
        "gradflow",
        of_training.vanishing,
        "rnn-vs-attn gradflow --model rnn,lstm,gru",
    ),
    Line(
        "reach",
        "Attention reaches every distance alike",
        "gradflow",
        of_training.every_distance,
        "rnn-vs-attn gradflow --model attention",
    ),
    Line(
        "recall",
        "Attention learns recall over distance, an LSTM does not",
        "recall",
        of_training.recall,
        "rnn-vs-attn recall --task mqar",
    ),
    Line(
        "parity",
        "An LSTM learns parity, attention does not",
        "recall",
        of_training.parity,
        "rnn-vs-attn recall --task parity",
    ),
    Line(
        "memory",
        "Attention's memory grows with the square of the length",
        "bench",
        of_layers.memory,
        "rnn-vs-attn bench --model attention,attention-naive",
    ),
    Line(
        "generation",
        "A longer context makes each token dearer for a Transformer, not for an RNN",
        "decode",
        of_layers.generation,
        "rnn-vs-attn decode",
    ),
    Line(
        "segment",
        "Transformer-XL sees further than its segment",
        "transformer-xl",
        of_variants.beyond_the_segment,
        "rnn-vs-attn variants transformer-xl",
    ),
    Line(
        "evaluation",
        "Transformer-XL is cheaper to evaluate than a sliding window",
        "transformer-xl",
        of_variants.cheaper_evaluation,
        "rnn-vs-attn variants transformer-xl",
    ),
    Line(
        "parameters",
        "ALBERT has fewer parameters than BERT",
        "albert",
        of_variants.fewer_parameters,
        "rnn-vs-attn variants albert",
    ),
    Line(
        "computation",
        "ALBERT's fewer parameters mean less computation",
        "albert",
        of_variants.less_computation,
        "rnn-vs-attn variants albert",
    ),
    Line(
        "size",
        "A GPT's cost a token grows as its number of parameters",
        "gpt",
        of_variants.growth_with_size,
        "rnn-vs-attn variants gpt",
    ),
)
