"""Models of token ids."""

from __future__ import annotations

from rnn_vs_attn.models.shapes import LanguageShape
from rnn_vs_attn.models.spec import ENCODER, FUSED_ATTENTION, LANGUAGE, NAIVE_ATTENTION, STEP_BY_STEP, ModelSpec, Traits

LANGUAGE_MODELS = (
    ModelSpec(
        name="lstm-lm",
        family=LANGUAGE,
        target="rnn_vs_attn.models.language.lstm:LSTMLanguageModel",
        source="Zaremba et al. 2014; embeddings tied as in Press and Wolf 2017",
        complexity=STEP_BY_STEP,
        always_causal=True,
        language_shape=lambda shape: shape,
    ),
    ModelSpec(
        name="gpt",
        family=LANGUAGE,
        target="rnn_vs_attn.models.language.gpt:GPT",
        source="Radford et al. 2019 (GPT-2)",
        complexity=FUSED_ATTENTION,
        always_causal=True,
        uses_heads=True,
        traits=Traits(baseline=True),
        language_shape=LanguageShape.gpt,
    ),
    ModelSpec(
        name="transformer-xl",
        family=LANGUAGE,
        target="rnn_vs_attn.models.language.transformer_xl:TransformerXL",
        source="Dai et al. 2019",
        complexity=NAIVE_ATTENTION,
        always_causal=True,
        uses_heads=True,
        language_shape=LanguageShape.transformer_xl,
    ),
)

ENCODERS = (
    ModelSpec(
        name="albert",
        family=ENCODER,
        target="rnn_vs_attn.models.language.albert:Albert",
        source="Lan et al. 2020; BERT with its switches off",
        complexity=FUSED_ATTENTION,
        uses_heads=True,
    ),
)
