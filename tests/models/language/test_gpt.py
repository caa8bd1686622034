"""GPT, ALBERT and BERT against transformers with the same weights; counts against published ones."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.models.language import pretrained
from rnn_vs_attn.models.language.albert import Albert, MaskedLanguageModel
from rnn_vs_attn.models.language.gpt import GPT, choose
from rnn_vs_attn.models.language.transformer_xl import TransformerXL
from rnn_vs_attn.models.shapes import ALBERT_SIZES, GPT_SIZES, SHARINGS, TRANSFORMER_XL_SIZES, AlbertShape, GPTShape

transformers = pytest.importorskip("transformers", reason="the extra [hf] is not installed")

SMALL_GPT = (GPTShape(2, 24, 3, 61, 40), GPTShape(3, 32, 4, 97, 24), GPTShape(1, 16, 1, 50, 64))
SMALL_ALBERT = (AlbertShape(3, 32, 4, 12, "all", 71, 40), AlbertShape(2, 24, 2, 24, "all", 50, 33))
SMALL_BERT = (
    AlbertShape(2, 32, 4, None, "none", 71, 40, activation="gelu"),
    AlbertShape(3, 24, 3, None, "none", 50, 33, activation="gelu"),
)


def tokens(shape: GPTShape | AlbertShape, batch_size: int = 2, length: int = 17) -> Tensor:
    """Never 0, which transformers takes for padding: the gradient of its row is left out."""
    return torch.randint(1, shape.vocab_size, (batch_size, length), generator=torch.Generator().manual_seed(5))


def their_gpt(shape: GPTShape) -> Any:
    torch.manual_seed(1)
    config = transformers.GPT2Config(
        vocab_size=shape.vocab_size,
        n_positions=shape.context_len,
        n_embd=shape.d_model,
        n_layer=shape.num_layers,
        n_head=shape.num_heads,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
    )
    return _with_biases(transformers.GPT2LMHeadModel(config))


def their_albert(shape: AlbertShape) -> Any:
    torch.manual_seed(1)
    rest = {
        "vocab_size": shape.vocab_size,
        "hidden_size": shape.d_model,
        "num_hidden_layers": shape.num_layers,
        "num_attention_heads": shape.num_heads,
        "intermediate_size": 4 * shape.d_model,
        "max_position_embeddings": shape.context_len,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
    }
    if shape.embedding_dim is None:
        return _with_biases(transformers.BertForMaskedLM(transformers.BertConfig(**rest)))
    config = transformers.AlbertConfig(embedding_size=shape.embedding_dim, classifier_dropout_prob=0.0, **rest)
    return _with_biases(transformers.AlbertForMaskedLM(config))


def _with_biases(model: Any) -> Any:
    """Biases start at 0 and norms at 1, which would hide a wrong one."""
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 1:
                parameter.add_(0.1 * torch.randn_like(parameter))
    return model.eval()


@pytest.fixture
def saved(tmp_path: Path) -> Any:
    """A folder in Hugging Face's layout of one of their models."""

    def save(model: Any) -> Path:
        model.save_pretrained(tmp_path / "theirs")
        return tmp_path / "theirs"

    return save


def assert_equal_logits_and_gradients(ours: nn.Module, theirs: Any, ids: Tensor, sources: dict[str, Any]) -> None:
    """In float64 to 1e-10, and every parameter's gradient."""
    ours, theirs = ours.double(), theirs.double()
    a, b = ours(ids), theirs(ids).logits
    torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)
    weight = torch.randn(a.shape, generator=torch.Generator().manual_seed(3), dtype=a.dtype)
    (a * weight).sum().backward()
    (b * weight).sum().backward()
    prefixes = ("", "transformer.", "albert.", "bert.")
    gradients = {
        name.removeprefix(p): v.grad for name, v in theirs.named_parameters() for p in prefixes if name.startswith(p)
    }
    for name, parameter in ours.named_parameters():
        source = sources[name]
        parts = [gradients[n].T if source.transposed else gradients[n] for n in source.names]
        torch.testing.assert_close(parameter.grad, torch.cat(parts), rtol=1e-9, atol=1e-9)


# GPT


@pytest.mark.parametrize("shape", SMALL_GPT)
def test_gpt_is_theirs(shape: GPTShape, saved: Any) -> None:
    theirs = their_gpt(shape)
    ours = pretrained.load_gpt(saved(theirs))
    with torch.no_grad():
        torch.testing.assert_close(ours(tokens(shape)), theirs(tokens(shape)).logits, rtol=1e-4, atol=1e-4)
    assert_equal_logits_and_gradients(ours, theirs, tokens(shape), pretrained.gpt_sources(shape))


def test_gpt2_at_its_full_size_is_theirs(saved: Any) -> None:
    theirs = their_gpt(GPT_SIZES["gpt2"])
    ours = pretrained.load_gpt(saved(theirs))
    ids = tokens(GPT_SIZES["gpt2"], length=33)
    with torch.no_grad():
        torch.testing.assert_close(ours(ids), theirs(ids).logits, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("shape", SMALL_GPT)
def test_gpt_decodes_token_by_token_what_it_computes_at_once(shape: GPTShape) -> None:
    torch.manual_seed(0)
    model = GPT(shape).double().eval()
    ids = tokens(shape)
    with torch.no_grad():
        whole, state, found = model(ids), model.initial_state(2), []
        for t in range(ids.shape[1]):
            logits, state = model.step(ids[:, t], state)
            found.append(logits)
        torch.testing.assert_close(torch.stack(found, 1), whole, rtol=1e-10, atol=1e-10)
        state = model.initial_state(2)
        pieces = []
        for piece in ids.split([5, 1, 7, 4], dim=1):
            logits, state = model.advance(piece, state)
            pieces.append(logits)
        torch.testing.assert_close(torch.cat(pieces, 1), whole, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("shape", SMALL_GPT[:2])
def test_greedy_generation_is_theirs(shape: GPTShape, saved: Any) -> None:
    theirs = their_gpt(shape)
    ours = pretrained.load_gpt(saved(theirs))
    prompt = tokens(shape, length=6)
    expected = theirs.generate(prompt, max_new_tokens=12, do_sample=False, pad_token_id=0, eos_token_id=None)
    assert torch.equal(ours.generate(prompt, 12), expected)


def test_sampling_takes_the_likeliest_tokens_only() -> None:
    logits = torch.log(torch.tensor([[0.5, 0.3, 0.15, 0.05]])).repeat(2000, 1)
    draw = torch.Generator().manual_seed(0)
    counts = choose(logits, 1.0, None, None, draw).bincount(minlength=4) / 2000
    torch.testing.assert_close(counts, torch.tensor([0.5, 0.3, 0.15, 0.05]), rtol=0, atol=0.05)
    assert set(choose(logits, 1.0, 2, None, draw).tolist()) == {0, 1}
    assert set(choose(logits, 1.0, None, 0.75, draw).tolist()) == {0, 1}  # 0.5 alone is too little, 0.8 is enough
    assert set(choose(logits, 1.0, None, 0.5, draw).tolist()) == {0}
    assert set(choose(logits, 1.0, 10, 1.0, draw).tolist()) == {0, 1, 2, 3}
    assert set(choose(logits, 0.0, None, None, None).tolist()) == {0}
    cold = choose(logits, 0.1, None, None, draw).bincount(minlength=4) / 2000
    assert cold[0] > 0.98


def test_generation_draws_the_same_from_the_same_seed() -> None:
    torch.manual_seed(0)
    model, prompt = GPT(SMALL_GPT[0]).eval(), tokens(SMALL_GPT[0], length=4)
    drawn = [model.generate(prompt, 8, 1.0, 20, 0.9, torch.Generator().manual_seed(s)) for s in (1, 1, 2)]
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    assert drawn[0].shape == (2, 12)


# ALBERT and BERT


@pytest.mark.parametrize("shape", [*SMALL_ALBERT, *SMALL_BERT])
def test_albert_and_bert_are_theirs(shape: AlbertShape, saved: Any) -> None:
    theirs = their_albert(shape)
    ours = pretrained.load_masked_lm(saved(theirs))
    ids = tokens(shape)
    with torch.no_grad():
        torch.testing.assert_close(ours(ids), theirs(ids).logits, rtol=1e-4, atol=1e-4)
    sources = {f"encoder.{name}": source for name, source in pretrained._encoder_sources(shape).items()}
    sources |= pretrained._head_sources(shape)
    assert_equal_logits_and_gradients(ours, theirs, ids, sources)


@pytest.mark.parametrize("shape", [SMALL_ALBERT[0], SMALL_BERT[0]])
def test_masks_segments_and_the_pooler_are_theirs(shape: AlbertShape, tmp_path: Path) -> None:
    theirs = their_albert(shape)
    kind = transformers.BertModel if shape.embedding_dim is None else transformers.AlbertModel
    encoder = kind(theirs.config).eval().double()
    full = theirs.state_dict() | {
        f"{theirs.base_model_prefix}.{name}": tensor for name, tensor in encoder.state_dict().items()
    }
    from safetensors.torch import save_file

    theirs.config.save_pretrained(tmp_path)
    save_file({name: tensor.clone().contiguous() for name, tensor in full.items()}, tmp_path / "model.safetensors")
    ours = pretrained.load_albert(tmp_path).double()
    ids = tokens(shape)
    segments, mask = (ids % 2), torch.ones_like(ids)
    mask[1, 9:] = 0
    expected = encoder(ids, token_type_ids=segments, attention_mask=mask)
    hidden = ours(ids, segments, mask)
    torch.testing.assert_close(hidden[0], expected.last_hidden_state[0], rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(hidden[1, :9], expected.last_hidden_state[1, :9], rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(ours.pooled(hidden), expected.pooler_output, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("sharing", SHARINGS)
@pytest.mark.parametrize("embedding_dim", [None, 8])
def test_the_two_switches_are_independent(sharing: str, embedding_dim: int | None) -> None:
    shape = AlbertShape(4, 32, 4, embedding_dim, sharing, 71, 40)
    model = MaskedLanguageModel(shape)
    assert sum(p.numel() for p in model.parameters()) == shape.masked_lm_params
    model(tokens(shape)).sum().backward()
    shared = {"all": (1, 1), "attention": (1, 4), "feed-forward": (4, 1), "none": (4, 4)}[sharing]
    assert (len(model.encoder.attention), len(model.encoder.feed_forward)) == shared


def test_shared_layers_compute_what_equal_ones_compute() -> None:
    """Sharing saves parameters and changes nothing else."""
    shared = AlbertShape(3, 32, 4, 8, "all", 71, 40)
    a, b = Albert(shared).double(), Albert(dataclasses.replace(shared, sharing="none")).double()
    state = a.state_dict()
    spread = {n.replace(".0.", f".{i}.", 1): v for n, v in state.items() for i in range(3) if ".0." in n}
    b.load_state_dict({n: v for n, v in state.items() if ".0." not in n} | spread)
    torch.testing.assert_close(a(tokens(shared)), b(tokens(shared)), rtol=0, atol=0)
    assert shared.forward_flops(2, 17) == dataclasses.replace(shared, sharing="none").forward_flops(2, 17)


# Counts, as REFERENCE section C has them, and on the meta device

GPT_COUNTS = {"gpt2": 124_439_808, "gpt2-medium": 354_823_168, "gpt2-large": 774_030_080, "gpt2-xl": 1_557_611_200}
ALBERT_COUNTS = {  # with pooler; masked language model without it
    "albert-base": (11_683_584, 11_221_680),
    "albert-large": (17_683_968, 16_795_824),
    "albert-xlarge": (58_724_864, 54_821_040),
    "albert-xxlarge": (222_595_584, 206_368_944),
    "bert-base": (109_482_240, 109_514_298),
    "bert-large": (335_141_888, 335_174_458),
}
TRANSFORMER_XL_COUNTS = {
    "transformer-xl-wt103-base": 151_107_538,
    "transformer-xl-wt103-large": 285_170_506,
    "transformer-xl-enwik8-base": 41_055_436,
    "transformer-xl-enwik8-large": 277_231_820,
}


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize("name", GPT_SIZES)
def test_every_size_of_gpt_has_the_published_count(name: str) -> None:
    with torch.device("meta"):
        model = GPT(GPT_SIZES[name])
    assert count(model) == GPT_SIZES[name].num_params == GPT_COUNTS[name]


@pytest.mark.parametrize("name", ALBERT_SIZES)
def test_every_size_of_albert_and_bert_has_the_published_count(name: str) -> None:
    shape = ALBERT_SIZES[name]
    with torch.device("meta"):
        encoder, whole = Albert(shape), MaskedLanguageModel(shape)
    assert (count(encoder), count(whole)) == ALBERT_COUNTS[name]
    assert (shape.num_params, shape.masked_lm_params) == ALBERT_COUNTS[name]


@pytest.mark.parametrize("name", TRANSFORMER_XL_SIZES)
def test_every_size_of_transformer_xl_has_the_released_count(name: str) -> None:
    for untied in (False, True):
        shape = dataclasses.replace(TRANSFORMER_XL_SIZES[name], untied_biases=untied)
        with torch.device("meta"):
            model = TransformerXL(shape)
        assert count(model) == shape.num_params
        more = (shape.num_layers - 1) * 2 * shape.num_heads * shape.head_dim if untied else 0
        assert shape.num_params == TRANSFORMER_XL_COUNTS[name] + more


def test_flops_are_those_of_torchs_counter() -> None:
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    shape = AlbertShape(3, 32, 4, 8, "attention", 71, 40)
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH), torch.no_grad():
        Albert(shape).eval()(tokens(shape, 2, 16))
    assert counter.get_total_flops() == shape.forward_flops(2, 16)
    small = SMALL_GPT[0]
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH), torch.no_grad():
        GPT(small).eval()(tokens(small, 2, 16))
    all_pairs = 2 * small.num_layers * 2 * 16 * (16 - 1) * small.d_model  # that the unfused kernel also multiplies
    assert counter.get_total_flops() == small.forward_flops(2, 16) + all_pairs


# Bad input


@pytest.mark.parametrize(("wrong", "said"), [(61, "token id 61 is out of range"), (-1, "token id -1 is out of range")])
def test_token_ids_out_of_range_are_named(wrong: int, said: str) -> None:
    model, ids = GPT(SMALL_GPT[0]), tokens(SMALL_GPT[0])
    ids[1, 3] = wrong
    with pytest.raises(UserError, match=said):
        model(ids)


def test_a_context_beyond_the_position_table_is_refused() -> None:
    model = GPT(SMALL_GPT[1])
    with pytest.raises(UserError, match="position 25 is beyond context_len 24"):
        model(torch.zeros(1, 25, dtype=torch.long))
    with pytest.raises(UserError, match="position 25 is beyond context_len 24"):
        model.generate(torch.zeros(1, 20, dtype=torch.long), 10)
    with pytest.raises(UserError, match="41 tokens are more than context_len 40"):
        Albert(SMALL_ALBERT[0])(torch.zeros(1, 41, dtype=torch.long))
