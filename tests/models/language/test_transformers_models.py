"""Models of transformers: logits, weights, caches and parameters are those of the package, called by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from configurations import CONFIGURATIONS, TOKENS, name_of

from rnn_vs_attn.errors import CaseFault, UserError
from rnn_vs_attn.measure.timing import decoding
from rnn_vs_attn.models.language import transformers_models
from rnn_vs_attn.models.language.transformers_models import HiddenStates, TokenModel

transformers = pytest.importorskip("transformers", reason="the extra [hf] is not installed")
pytestmark = pytest.mark.long
CAUSAL = ("gpt2", "llama", "mamba")


def by_hand(kind: str, seed: int) -> torch.nn.Module:
    """The same configuration, built as the package's own documentation does."""
    config = transformers.AutoConfig.for_model(kind, **CONFIGURATIONS[kind])
    auto = transformers.AutoModelForMaskedLM if kind == "bert" else transformers.AutoModelForCausalLM
    torch.manual_seed(seed)
    model: torch.nn.Module = auto.from_config(config).eval()
    return model


def made(kind: str, folder: Path) -> TokenModel:
    torch.manual_seed(0)
    return transformers_models.build(name_of(kind, folder))


def ids(batch_size: int = 2, length: int = 12) -> torch.Tensor:
    return torch.randint(TOKENS, (batch_size, length), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("kind", CONFIGURATIONS)
def test_logits_and_parameters_are_those_of_the_package(kind: str, tmp_path: Path) -> None:
    ours, theirs = made(kind, tmp_path), by_hand(kind, seed=5)
    ours.model.load_state_dict(theirs.state_dict())
    with torch.no_grad():
        assert torch.equal(ours(ids()), theirs(ids()).logits)
    assert sum(p.numel() for p in ours.parameters()) == theirs.num_parameters()
    assert (ours.vocab_size, ours.d_model, type(ours.model)) == (TOKENS, 32, type(theirs))


@pytest.mark.parametrize("kind", CAUSAL)
def test_steps_by_the_models_own_cache_are_its_forward(kind: str, tmp_path: Path) -> None:
    model = made(kind, tmp_path).double()
    with torch.no_grad():
        decoding.check(model, ids(), model.advance)
        first, _ = model.advance(ids()[:, :5], None, last_only=True)
        torch.testing.assert_close(first[:, 0], model(ids()[:, :5])[:, -1])


def test_a_cache_that_is_not_carried_on_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = made("llama", tmp_path)
    monkeypatch.setattr(model, "step", lambda token, state: (model(token[:, None])[:, 0], state))
    with torch.no_grad(), pytest.raises(CaseFault, match="its steps are not its forward"):
        decoding.check(model, ids(), model.advance)


def test_a_state_is_as_large_as_keys_and_values_are(tmp_path: Path) -> None:
    model = made("llama", tmp_path)  # 2 layers, keys and values of 2 heads of 8 numbers
    with torch.no_grad():
        _, state = model.advance(ids(3, 10), None)
    assert decoding.state_bytes(state) == 2 * 2 * 3 * 10 * (2 * 8) * 4


def test_a_masked_model_cannot_decode(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="BertForMaskedLM cannot decode: it predicts masked tokens"):
        made("bert", tmp_path).initial_state(1)


@pytest.mark.parametrize("kind", CONFIGURATIONS)
def test_hidden_states_of_embeddings_are_those_of_the_tokens(kind: str, tmp_path: Path) -> None:
    whole = made(kind, tmp_path)
    trunk = HiddenStates(whole)
    with torch.no_grad():
        expected = whole.model(input_ids=ids(), output_hidden_states=True).hidden_states[-1]
        found = trunk(whole.model.get_input_embeddings()(ids()))
    torch.testing.assert_close(found, expected)


def test_positions_beyond_its_embeddings_are_refused_and_rotary_ones_are_not(tmp_path: Path) -> None:
    with pytest.raises(CaseFault, match="65 positions are more than the 64"):
        made("gpt2", tmp_path).refuse_beyond(65)
    made("gpt2", tmp_path).refuse_beyond(64)
    made("llama", tmp_path).refuse_beyond(1 << 20)


def test_a_folder_with_weights_has_those(tmp_path: Path) -> None:
    theirs = by_hand("gpt2", seed=3)
    theirs.save_pretrained(tmp_path)
    ours = transformers_models.build(f"hf:{tmp_path}")
    with torch.no_grad():
        assert torch.equal(ours(ids()), theirs(ids()).logits)
    assert "the weights that lie there, sdpa attention" in ours.built_as
    assert "random weights" in made("gpt2", tmp_path).built_as


def test_a_folder_that_lacks_weights_is_refused(tmp_path: Path) -> None:
    by_hand("llama", seed=3).base_model.save_pretrained(tmp_path)
    with pytest.raises(UserError, match=r"lack lm_head\.weight of LlamaForCausalLM"):
        transformers_models.build(f"hf:{tmp_path}")


def test_slow_stand_ins_are_named_for_each_model_that_runs_them(tmp_path: Path) -> None:
    """The package says so once in a process; its rows say so each time."""
    expected = pytest.importorskip("importlib.util").find_spec("mamba_ssm") is None
    for _ in range(2):
        assert ("selective_scan_fn" in made("mamba", tmp_path).stand_ins) == expected
    assert made("gpt2", tmp_path).stand_ins == []


def test_what_is_on_paper_takes_no_memory(tmp_path: Path) -> None:
    model = transformers_models.on_paper(name_of("gpt2", tmp_path, n_embd=4096, n_layer=32))
    assert all(p.device.type == "meta" for p in model.parameters())
