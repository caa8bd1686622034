"""Log-probabilities of Transformer-XL by the last public implementation that still runs: transformers 4.35.0.

python benchmarks/peers/transformer_xl_oracle.py [--output tests/data/transformer_xl.json]

Makes an environment of its own for it (later versions crash or lack the model; it wants an older huggingface_hub),
which sees this environment's torch. Three small models, of one cluster and of several, with u and v shared and untied,
on three segments with memory, in float32 (its mask overflows in float64). Weights are sines of their place and not
random numbers, so that the file holds shapes and answers only;
tests/models/language/test_transformer_xl.py computes the same with ours.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import site
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = ROOT / ".venv-transformers-4.35"
PACKAGES = ("transformers==4.35.0", "sacremoses")
SHAPES: dict[str, dict[str, Any]] = {
    "one cluster": {"vocab_size": 23, "cutoffs": (), "div_val": 1, "untied_biases": False},
    "clusters of one width": {"vocab_size": 40, "cutoffs": (8, 20), "div_val": 1, "untied_biases": True},
    "clusters of several widths": {"vocab_size": 40, "cutoffs": (8, 20), "div_val": 2, "untied_biases": False},
}
SEGMENTS = (5, 4, 6)
MEMORY = 7


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--output", type=Path, default=ROOT / "tests/data/transformer_xl.json")
    options.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.inside:
        print(json.dumps({name: answer(fields) for name, fields in SHAPES.items()}))
        return
    python = environment()
    variables = dict(os.environ) | {"PYTHONPATH": str(ROOT), "USE_TF": "0", "USE_FLAX": "0"}
    done = subprocess.run([python, __file__, "--inside"], capture_output=True, text=True, env=variables, check=False)
    if done.returncode != 0:
        sys.exit(done.stderr)
    given.output.parent.mkdir(exist_ok=True)
    given.output.write_text(json.dumps(json.loads(done.stdout.splitlines()[-1])) + "\n")
    print(f"written to {given.output}")


def environment() -> str:
    """The Python of the environment with transformers 4.35.0, made where it is not there."""
    python = ENVIRONMENT / "bin/python"
    if not python.exists():
        venv.create(ENVIRONMENT, with_pip=True, symlinks=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
        (found,) = ENVIRONMENT.glob("lib/python*/site-packages")
        lines = "".join(f"import site; site.addsitedir({path!r})\n" for path in site.getsitepackages())
        (found / "~inherited.pth").write_text(lines)  # torch of this environment, after its own packages
    return str(python)


def answer(fields: dict[str, Any]) -> dict[str, Any]:
    """The shape, and the log-probabilities after each segment, by transformers."""
    import torch
    import transformers

    shape = {"num_layers": 2, "d_model": 16, "num_heads": 2, "head_dim": 6, "d_inner": 24} | fields
    config = transformers.TransfoXLConfig(
        vocab_size=shape["vocab_size"],
        cutoffs=list(shape["cutoffs"]),
        d_model=shape["d_model"],
        d_embed=shape["d_model"],
        n_head=shape["num_heads"],
        d_head=shape["head_dim"],
        d_inner=shape["d_inner"],
        div_val=shape["div_val"],
        n_layer=shape["num_layers"],
        mem_len=MEMORY,
        clamp_len=-1,
        same_length=False,
        untie_r=shape["untied_biases"],
        dropout=0.0,
        dropatt=0.0,
        proj_share_all_but_first=True,
        adaptive=True,
    )
    model = transformers.TransfoXLLMHeadModel(config).eval()
    fill(model, shape)
    memory, found = None, []
    with torch.no_grad():
        for number, length in enumerate(SEGMENTS):
            result = model(torch.tensor(tokens(number, length, shape["vocab_size"])), mems=memory)
            memory = result.mems
            found.append(result.prediction_scores.double().view(2, length, -1).tolist())
    return {"shape": shape | {"cutoffs": list(shape["cutoffs"])}, "memory_len": MEMORY, "log_probabilities": found}


def tokens(segment: int, length: int, vocab_size: int) -> list[list[int]]:
    """Two sequences of ids."""
    return [[(7 * (segment + 1) * (i + 1) + 11 * b) % vocab_size for i in range(length)] for b in range(2)]


def sines(name: str, number: int) -> list[float]:
    """Values of the tensor of that name (of ours)."""
    phase = sum(name.encode()) % 97
    centre = 1.0 if "norm.weight" in name else 0.0
    return [centre + 0.4 * math.sin(1.0 + phase + 0.37 * i * (1 + phase % 7)) for i in range(number)]


def fill(model: Any, shape: dict[str, Any]) -> None:
    """Give their tensors the values of ours."""
    import torch

    theirs = dict(model.named_parameters())
    done: set[int] = set()

    def give(ours: str, their: str) -> None:
        parameter = theirs[their]
        with torch.no_grad():
            parameter.copy_(torch.tensor(sines(ours, parameter.numel())).view(parameter.shape))
        done.add(parameter.data_ptr())

    clusters = len(shape["cutoffs"]) + 1
    for i in range(clusters if shape["div_val"] > 1 or clusters == 1 else 1):
        rows = "transformer.word_emb.emb_layers"
        give(f"embedding.rows.{i}", f"{rows}.{i}.weight")
        if shape["div_val"] > 1:
            give(f"embedding.projections.{i}", f"transformer.word_emb.emb_projs.{i}")
    if shape["div_val"] > 1:
        give("output.own_projections.0", "crit.out_projs.0")
    for i in range(clusters if shape["div_val"] > 1 or clusters == 1 else 1):
        give(f"output.bias.{i}", f"crit.out_layers.{i}.bias")
    if clusters > 1:
        give("output.gates", "crit.cluster_weight")
        give("output.gate_bias", "crit.cluster_bias")
    if not shape["untied_biases"]:
        give("biases.0", "transformer.r_w_bias")
        give("biases.1", "transformer.r_r_bias")
    for i in range(shape["num_layers"]):
        ours, layer = f"layers.{i}", f"transformer.layers.{i}"
        give(f"{ours}.attention.in_proj.weight", f"{layer}.dec_attn.qkv_net.weight")
        give(f"{ours}.attention.position_proj.weight", f"{layer}.dec_attn.r_net.weight")
        give(f"{ours}.attention.out_proj.weight", f"{layer}.dec_attn.o_net.weight")
        if shape["untied_biases"]:
            give(f"{ours}.attention.own_biases.0", f"{layer}.dec_attn.r_w_bias")
            give(f"{ours}.attention.own_biases.1", f"{layer}.dec_attn.r_r_bias")
        for own, their in (("attention_norm", "dec_attn.layer_norm"), ("norm", "pos_ff.layer_norm")):
            for kind in ("weight", "bias"):
                give(f"{ours}.{own}.{kind}", f"{layer}.{their}.{kind}")
        for own, number in (("widen", 0), ("narrow", 3)):
            for kind in ("weight", "bias"):
                give(f"{ours}.{own}.{kind}", f"{layer}.pos_ff.CoreNet.{number}.{kind}")
    left = [name for name, parameter in theirs.items() if parameter.data_ptr() not in done]
    if left:
        sys.exit(f"no value was given to {left}")


if __name__ == "__main__":
    main()
