"""Trained models in suites: norms beside autograd on the plain model, FLOPs and parameters beside closed forms."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from torch import Tensor
from trained_folders import LENGTH, WIDTH, keep, shape_of

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.isolation import keeping
from rnn_vs_attn.limits import Turn
from rnn_vs_attn.measure.operations import recurrent_kernels
from rnn_vs_attn.models.registry import find
from rnn_vs_attn.models.trained import INITIAL_PREFIX, TRAINED_PREFIX
from rnn_vs_attn.suites import trained_passes
from rnn_vs_attn.suites.bench import measure as bench_measure
from rnn_vs_attn.suites.bench.case import BenchCase
from rnn_vs_attn.suites.case import as_configured
from rnn_vs_attn.suites.gradflow import measure as gradflow_measure
from rnn_vs_attn.suites.gradflow.case import GradflowCase
from rnn_vs_attn.tasks import registry
from rnn_vs_attn.tasks.drawing.batches import TEST, draw
from rnn_vs_attn.tasks.spec import Sizes
from rnn_vs_attn.training import chosen
from rnn_vs_attn.training.snapshot import load, save
from rnn_vs_attn.training.token_model import TokenModel, num_params, token_model

pytestmark = pytest.mark.long
BATCH = 3
MODELS = ("lstm", "linear-attention", "attention")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    """Checkpoints by the names of their rows; the LSTM has two seeds."""
    root = tmp_path_factory.mktemp("kept")
    found = {f"{model}@copy": [root / f"{model}-{seed}" for seed in range(1 + (model == "lstm"))] for model in MODELS}
    for key, each in found.items():
        for seed, folder in enumerate(each):
            keep(folder, key.partition("@")[0], seed=seed, rate=0.05, steps=5)
    keep(root / "adding", "gru", "adding")
    return found | {"gru@adding": [root / "adding"]}


@pytest.fixture(autouse=True)
def known(folders: dict[str, list[Path]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chosen, "_folders", folders)


def gradflow(name: str, seed: int, seq_len: int = LENGTH) -> dict[int, float]:
    """Norms by distance, with all unit cotangents, so that none is drawn."""
    case = as_configured(GradflowCase(model=name, seq_len=seq_len, device="cpu", threads=1, exact=True))
    found = [s for s in gradflow_measure.measure(case, Turn(seed)) if s.metric == "gradient_norm_log10"]
    return {int(s.axes["distance"] or 0): 10**s.value for s in found if s.value is not None}


def by_autograd(model: TokenModel, inputs: Tensor) -> Tensor:
    """||dy_T / dx_(T - k)||_F / sqrt(D) by k, seen in plain calls of the whole model."""
    seen: dict[str, Tensor] = {}
    model.blocks.register_forward_pre_hook(lambda _, given: seen.update(x=given[0]))
    model.norm.register_forward_hook(lambda _, __, y: seen.update(y=y))
    model(inputs)
    rows = [torch.autograd.grad(y, seen["x"], retain_graph=True)[0][0] for y in seen["y"][0, -1]]
    return torch.stack(rows).norm(dim=(0, 2)).flip(0) / WIDTH**0.5


def held_out(folder: Path, index: int, seq_len: int = LENGTH) -> Tensor:
    kept = load(folder)[1]
    sizes = Sizes(**kept.about["sizes"] | {"seq_len": seq_len})
    return draw(registry.find(kept.about["task"]), sizes, kept.plan.seed, TEST, index, 1).inputs


@pytest.mark.parametrize("model", MODELS)
def test_norms_are_those_of_autograd_on_the_plain_model(model: str, folders: dict[str, list[Path]]) -> None:
    (folder, *others) = folders[f"{model}@copy"]
    assert len(others) == (model == "lstm")
    expected = by_autograd(load(folder)[0].double(), held_out(folder, 0))
    found = gradflow(f"{TRAINED_PREFIX}{model}@copy", 0)
    assert sorted(found) == [0, 1, 2, 4, 8, 16, LENGTH - 1]
    assert found == pytest.approx({k: float(expected[k]) for k in found}, rel=1e-9)


def test_a_longer_sequence_is_taken_back_in_chunks(folders: dict[str, list[Path]]) -> None:
    """Of 128 positions each."""
    folder = folders["lstm@copy"][0]
    expected = by_autograd(load(folder)[0].double(), held_out(folder, 0, 140))
    found = gradflow("trained:lstm@copy", 0, 140)
    assert found == pytest.approx({k: float(expected[k]) for k in found}, rel=1e-9)
    assert sorted(found)[-2:] == [128, 139]


def test_tokens_that_are_numbers_are_embedded_too(folders: dict[str, list[Path]]) -> None:
    (folder,) = folders["gru@adding"]
    expected = by_autograd(load(folder)[0].double(), held_out(folder, 3).double())
    found = gradflow("trained:gru@adding", 3)
    assert found == pytest.approx({k: float(expected[k]) for k in found}, rel=1e-9)


@pytest.mark.parametrize("seed", [0, 1])
def test_before_training_it_is_the_model_of_its_seed(seed: int, folders: dict[str, list[Path]]) -> None:
    folder = folders["lstm@copy"][seed]
    built = token_model(find("lstm"), shape_of("lstm"), seed).double()
    expected = by_autograd(built, held_out(folder, seed))
    found = gradflow(f"{INITIAL_PREFIX}lstm@copy", seed)
    assert found == pytest.approx({k: float(expected[k]) for k in found}, rel=1e-9)
    other = gradflow(f"{TRAINED_PREFIX}lstm@copy", seed)
    assert all(abs(other[k] / found[k] - 1) > 1e-3 for k in found)


def test_a_round_is_a_seed_where_there_are_several_and_an_example_where_there_is_one() -> None:
    several = [trained_passes.model_of("trained:lstm@copy", seed)[1].plan.seed for seed in (0, 1)]
    single = [trained_passes.model_of("trained:attention@copy", seed)[1].plan.seed for seed in (0, 1)]
    assert (several, single) == ([0, 1], [0, 0])
    case = as_configured(GradflowCase(model="trained:attention@copy", seq_len=LENGTH, device="cpu", threads=1))
    first, again, second = (trained_passes.hidden_states(case, seed)[1] for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, second)
    keeping.NOTES.tell()


@pytest.mark.parametrize("model", ["lstm", "attention"])
def test_bench_counts_the_whole_model(model: str) -> None:
    """The layers' closed forms, and 2 FLOPs a weight and token of MLPs and head; both ways back cost as much."""
    case = BenchCase(model=f"trained:{model}@copy", seq_len=LENGTH, batch_size=BATCH, device="cpu", threads=1)
    samples = list(bench_measure.measure(as_configured(case), Turn(first=True)))
    found = {(s.metric, s.axes.get("pass")): s.value for s in samples}
    shape, spec = shape_of(model), find(model)
    assert spec.costs is not None
    layers = spec.costs.flops(replace(shape.layer, batch_size=BATCH))
    weights = 2 * 2 * WIDTH * shape.inner_width + WIDTH * shape.num_outputs
    others = 2 * BATCH * LENGTH * weights
    assert found["flops", "forward"] == layers.forward + others
    assert found["flops", "train"] == layers.train + 3 * others
    assert found["num_params", None] == num_params(spec, shape)
    assert found["width", None] == WIDTH
    saved = found["saved_bytes", None]
    assert saved is not None
    assert saved > 0
    seeds = [load(folder)[1] for folder in chosen.folders_of(case.model)]
    assert keeping.NOTES.tell() == [f"built as {chosen.said_of(seeds, initial=False)}"]


def test_a_recurrence_that_does_not_run_in_cudnn_is_said_on_its_row(monkeypatch: pytest.MonkeyPatch) -> None:
    said, cuda = recurrent_kernels.said, torch.device("cuda")
    monkeypatch.setattr(recurrent_kernels, "said", lambda module, kernels, device: said(module, kernels, cuda))
    for model, expected in (("lstm@copy", 2), ("attention@copy", 0)):
        case = as_configured(BenchCase(model=f"trained:{model}", seq_len=LENGTH, device="cpu", threads=1))
        found = [text for sample in bench_measure.measure(case, Turn()) for text in sample.warnings]
        assert len([text for text in found if text.startswith("its recurrence did not run in cuDNN: ")]) == expected
    keeping.NOTES.tell()


def test_bench_takes_numbers_and_other_lengths() -> None:
    case = as_configured(BenchCase(model="trained:gru@adding", seq_len=40, batch_size=2, device="cpu", threads=1))
    workload = trained_passes.made(case, 0)
    assert workload.x.shape == (2, 40, 2)
    assert workload.grad_output.shape == (2, 40, 1)
    workload.train()
    half = trained_passes.made(replace(case, dtype="bfloat16"), 0)
    assert half.forward().dtype == half.x.dtype == torch.bfloat16
    ids = trained_passes.made(replace(case, model="trained:lstm@copy"), 0)
    assert (ids.x.shape, ids.forward().shape) == ((2, 40), (2, 40, 10))
    keeping.NOTES.tell()


def test_how_a_model_treats_a_batch_is_asked_of_its_tokens() -> None:
    for name in ("trained:lstm@copy", "trained:gru@adding", "initial:attention@copy"):
        found = trained_passes.batch_of(name)
        assert (found.mixes, found.random, found.warnings) == (False, False, [])
    keeping.NOTES.tell()


def test_a_row_says_how_its_model_was_trained_and_not_how_its_layer_was_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(tmp_path, "torch.nn:GRU(bias=False)", steps=1)
    monkeypatch.setattr(chosen, "_folders", {"gru": [tmp_path]})
    case = as_configured(GradflowCase(model="trained:gru", seq_len=LENGTH, device="cpu", threads=1))
    for measured in (trained_passes.hidden_states, trained_passes.made):
        measured(case, 0)
        (said,) = keeping.NOTES.tell(LENGTH)
        assert said.startswith("built as torch.nn:GRU(bias=False) in a model of tokens, num_layers 2, d_model 8, ")
        assert " trained on copy at 24 tokens for 1 step at learning rate 0.01, seed 0, accuracy " in said


def test_a_checkpoint_of_another_model_than_is_built_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights of an LSTM under the name of a GRU, another shape, and a layer that is no more."""
    training = keep(tmp_path / "whole")
    shape = asdict(shape_of("lstm"))
    save(tmp_path / "gru", training, "gru", shape)
    save(tmp_path / "wide", training, "lstm", shape | {"inner_width": 32})
    save(tmp_path / "gone", training, "gone.package:Mixer", shape)
    for name, said in (("gru", "of another model than is built now"), ("wide", "of another model than is built now")):
        monkeypatch.setattr(chosen, "_folders", {"m": [tmp_path / "whole", tmp_path / name]})
        with pytest.raises(UserError, match=said):
            trained_passes.look(BenchCase(model="trained:m"))
    monkeypatch.setattr(chosen, "_folders", {"m": [tmp_path / "gone"]})
    with pytest.raises(UserError, match=r"'gone\.package:Mixer' does not import: there is no module gone"):
        trained_passes.look(BenchCase(model="initial:m"))
    keeping.NOTES.tell()
