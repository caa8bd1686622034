"""What `decode` measures: a model after a context."""

from __future__ import annotations

from dataclasses import dataclass

from rnn_vs_attn.suites.case import LayerCase, fixed, option


@dataclass(frozen=True)
class DecodeCase(LayerCase):
    """seq_len is the context that stands before the tokens that are decoded; all is causal."""

    model: str = option(
        "gpt",
        "Language models (gpt, transformer-xl, lstm-lm) and layers: built-in names, entry points, "
        "package.module:Class or file.py:Class with initial_state and step; hf:TYPE and hf:FOLDER of transformers.",
        typed="lstm,attention,attention-relative,lstm-lm,gpt,transformer-xl",
    )
    seq_len: int = option(64, "Context lengths: 512, or 64:4096 (doubling).", typed="64,256,1024,4096", minimum=1)
    batch_size: int = option(1, "Sequences decoded together.", minimum=1)
    d_model: int = option(256, "Width of the model.", minimum=1)
    threads: int = option(
        1,
        "CPU threads; 0 takes all usable cores, which helps prefills, and large models where nothing else runs.",
        minimum=0,
    )
    num_layers: int = option(4, "Layers; nothing stands between those that are no language model.", minimum=1)
    causal: bool = fixed(True)
    vocab_size: int = option(256, "Token ids of a language model; 256 are bytes.", minimum=2)
    memory_len: int = option(256, "Positions that transformer-xl remembers.", minimum=0)
