"""Small configurations of transformers as JSON files, which need no network."""

from __future__ import annotations

import json
from pathlib import Path

_SMALL = {
    "vocab_size": 50,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
}
_GPT2 = {"vocab_size": 50, "n_embd": 32, "n_layer": 2, "n_head": 4, "bos_token_id": 0, "eos_token_id": 0}
CONFIGURATIONS = {
    "gpt2": {"n_positions": 64, **_GPT2},
    "llama": {"num_key_value_heads": 2, **_SMALL},
    "mamba": {"vocab_size": 50, "hidden_size": 32, "num_hidden_layers": 2, "state_size": 8},
    "bert": {"max_position_embeddings": 64, **_SMALL},
}
TOKENS = 50  # ids of each of them


def name_of(kind: str, folder: Path, **fields: object) -> str:
    """`hf:` and a JSON file in a folder, written there, of one of the small configurations with these fields."""
    file = folder / f"{kind}.json"
    file.write_text(json.dumps({"model_type": kind, **CONFIGURATIONS[kind], **fields}))
    return f"hf:{file}"
