"""What a target is called with: by what its parameters are called, by its bases, in a configuration object."""

from __future__ import annotations

from typing import Any

import compositions
import foreign
import pytest
from torch import nn

from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.models.foreign.arguments import filled
from rnn_vs_attn.models.foreign.targets import Unfit

SHAPE = Shape(2, 64, 128, 4, 1, causal=True)


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (nn.GRU, "GRU(input_size=128, hidden_size=128, batch_first=True)"),
        (nn.LSTM, "LSTM(input_size=128, hidden_size=128, batch_first=True)"),
        (nn.RNN, "RNN(input_size=128, hidden_size=128, batch_first=True)"),
        (nn.MultiheadAttention, "MultiheadAttention(embed_dim=128, num_heads=4, batch_first=True)"),
        (nn.TransformerEncoderLayer, "TransformerEncoderLayer(d_model=128, nhead=4, dropout=0.0, batch_first=True)"),
        (nn.Linear, "Linear(in_features=128, out_features=128)"),
        (foreign.Attention, "Attention(dim=128, dim_head=32, heads=4, causal=True)"),
        (foreign.Local, "Local(window_size=64, causal=True, dim=128)"),
        (foreign.Cells, "Cells(input_size=128, units=128, batch_first=True)"),
        (foreign.Convolutions, "Convolutions(num_inputs=128, num_channels=[128], kernel_size=4, dropout=0.0)"),
        (foreign.Encoder, "Encoder(dim=128, depth=1, heads=4)"),
        (foreign.Decoder, "Decoder(dim=128, depth=1, heads=4)"),
        (foreign.FeedForward, "FeedForward(dim=128, mlp_dim=512)"),
        (foreign.StateSpace, "StateSpace(width=128, state_dim=128, bidir=False)"),
        (foreign.attention, "attention(dim=128, heads=4)"),
        (compositions.InBlocks, "InBlocks(dim=128, heads=4)"),
        (foreign.KeysAndValues, "KeysAndValues(n_head=4, d_model=128, d_k=32, d_v=32)"),
        (foreign.KnowsItsDepth, "KnowsItsDepth(dim=128, num_query_heads=4)"),
        (foreign.GivesTheLast, "GivesTheLast(units=128, return_sequences=True)"),
    ],
)
def test_a_signature_is_read_by_the_names_of_the_field(target: Any, said: str) -> None:
    assert str(filled(target, SHAPE, {})) == said


MADE = "MixerConfig(embedding_dim=128, num_heads=4, context_length=64, n_layers=1, attn_pdrop=0.0)"


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (foreign.Mixer, f"Mixer(config={MADE}, layer_idx=0)"),
        (foreign.MixerStack, f"MixerStack(settings={MADE})"),
    ],
)
def test_a_configuration_object_is_made_of_the_same_names(target: Any, said: str) -> None:
    """By the annotation, or by the class whose name begins like the target's."""
    call = filled(target, SHAPE, {})
    assert str(call) == said
    config = next(iter(call.make().given.values()))
    assert (config.embedding_dim, config.num_heads, config.state_size) == (128, 4, 16)


def test_a_block_is_the_length_where_a_configuration_object_knows_no_other() -> None:
    """Layers that attend, or multiply, in blocks of 4 or 16 were built with one block, as long as the sequence."""
    config = "TokensConfig(n_embd=128, n_head=4, block_size=64)"
    assert str(filled(compositions.OfTokens, SHAPE, {})) == f"OfTokens(config={config})"
    config = "SparseConfig(hidden_size=128, max_position_embeddings=64)"
    assert str(filled(compositions.OfSparse, SHAPE, {})) == f"OfSparse(config={config})"


ENCODER = "TransformerEncoderLayer(d_model=128, nhead=4, dropout=0.0, batch_first=True)"


def test_a_layer_that_is_made_of_another_one_gets_it() -> None:
    """By its annotation; a module of any kind is nobody's."""
    call = filled(nn.TransformerEncoder, SHAPE, {"dim_feedforward": 64})
    inner = ENCODER.replace("dropout", "dim_feedforward=64, dropout")
    assert str(call) == f"TransformerEncoder(encoder_layer={inner}, num_layers=1)"
    one = nn.TransformerEncoderLayer(128, 4, 64)
    assert sum(p.numel() for p in call.make().parameters()) == sum(p.numel() for p in one.parameters())
    with pytest.raises(Unfit, match="needs fn, which has no standard name"):
        filled(compositions.Around, SHAPE, {})


def test_one_layer_of_a_list_needs_no_number_of_layers_and_all_of_them_do() -> None:
    """Else three layers would be measured as one."""
    assert str(filled(compositions.OfList, SHAPE, {})) == "OfList(config=ListedConfig(hidden_size=128), layer_idx=0)"
    with pytest.raises(Unfit, match="layer_types has another length"):
        filled(compositions.AllOfList, SHAPE, {}).make()
    with pytest.raises(Unfit, match="layer_types has another length"):
        filled(compositions.OfList, SHAPE, {"num_hidden_layers": 2}).make()


def test_arguments_are_of_the_target_or_of_its_configuration_object() -> None:
    call = filled(foreign.Mixer, SHAPE, {"state_size": 8, "layer_idx": 3, "num_heads": 2})
    made = call.make().given
    assert (made["config"].state_size, made["config"].num_heads, made["layer_idx"]) == (8, 2, 3)


def test_what_the_user_gives_is_taken_as_it_is() -> None:
    call = filled(nn.GRU, SHAPE, {"bias": False, "batch_first": False, "bidirectional": False})
    assert call.values == {
        "input_size": 128,
        "hidden_size": 128,
        "bias": False,
        "batch_first": False,
        "bidirectional": False,
    }


def test_its_own_convention_is_plain_and_any_other_is_not() -> None:
    def own(d_model: int, num_heads: int = 1, window: int | None = None, rate: float = 0.5) -> None: ...

    call = filled(own, SHAPE, {})
    assert (call.plain, call.values) == (True, {"d_model": 128, "num_heads": 4, "window": 64})
    assert not filled(own, SHAPE, {"rate": 0.1}).plain
    assert not filled(nn.TransformerEncoderLayer, SHAPE, {}).plain


def test_keywords_that_lead_nowhere_get_the_width_alone() -> None:
    def any_keywords(**kwargs: Any) -> None: ...

    assert filled(any_keywords, SHAPE, {"colour": "red"}).values == {"d_model": 128, "colour": "red"}


@pytest.mark.parametrize(
    ("target", "given", "said"),
    [
        (foreign.NoWidth, {}, "takes no width by a name that is known here (it takes girth, num_heads)"),
        (foreign.NeedsRank, {}, "needs rank, which has no standard name"),
        (foreign.KeysOfNoHeads, {}, "needs d_k, which has no standard name"),
        (foreign.Attention, {"caused": True}, "takes no argument 'caused'; did you mean 'causal'?"),
        (foreign.Mixer, {"state_sizes": 1}, "takes no argument 'state_sizes'; did you mean 'state_size'?"),
        (
            foreign.TwoReadings,
            {},
            "can be read in two ways: dim=128 with hidden_dim=128, or dim=128 with hidden_dim of a size of its own",
        ),
        (
            compositions.NeedsABlock,
            {},
            "can be read in two ways: block_size=64, the length of the sequence, or block_size of a size of its own",
        ),
        (
            foreign.EmbeddedAndHidden,
            {},
            "can be read in two ways: embedding_size=128 with hidden_size=128, or embedding_size=128 with hidden_size "
            "of a size of its own",
        ),
    ],
)
def test_what_is_not_clear_is_not_guessed(target: Any, given: dict[str, Any], said: str) -> None:
    with pytest.raises(Unfit) as caught:
        filled(target, SHAPE, given)
    assert caught.value.reason == said


def test_of_two_readings_the_user_chooses_one() -> None:
    assert filled(foreign.TwoReadings, SHAPE, {"hidden_dim": 256}).values == {"dim": 128, "hidden_dim": 256}
    assert filled(compositions.NeedsABlock, SHAPE, {"block_size": 8}).values["block_size"] == 8
    assert filled(foreign.NoWidth, SHAPE, {"girth": 128}).values == {"girth": 128, "num_heads": 4}


def test_a_configuration_class_that_refuses_a_value_is_named_with_it() -> None:
    with pytest.raises(Unfit) as caught:
        filled(foreign.Mixer, SHAPE, {"num_heads": 3}).make()
    assert "num_heads=3" in caught.value.reason
    assert "128 is not divisible by 3 heads" in caught.value.reason
