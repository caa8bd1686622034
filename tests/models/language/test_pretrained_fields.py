"""config.json in Hugging Face's layout: with it the logits are those of transformers, or it is refused by a field."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from hf_folders import (
    CONFIGURATIONS,
    IDS,
    LOAD,
    MODELS,
    SMALL,
    assert_logits,
    change_config,
    config_of,
    each_kind,
    logits_of,
    made,
    transformers,
)
from torch import Tensor

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.models.language import pretrained
from rnn_vs_attn.models.language.gpt import GPT
from rnn_vs_attn.models.language.pretrained_fields import Fields, encoder_shape, gpt_shape

ACTIVATIONS = list(transformers.activations.ACT2CLS)

# Fields that are honoured

HONOURED: list[tuple[str, dict[str, Any]]] = [
    *(("gpt2", {"n_inner": width}) for width in (None, 7, 48, 90)),
    *(("gpt2", {"layer_norm_epsilon": eps}) for eps in (0.1, 1e-3, 1e-12)),
    *(
        ("gpt2", {"scale_attn_weights": scaled, "scale_attn_by_inverse_layer_idx": by_layer, "n_layer": 3})
        for scaled in (True, False)
        for by_layer in (True, False)
    ),
    ("gpt2", {"tie_word_embeddings": False}),
    ("gpt2", {"reorder_and_upcast_attn": True}),
    *((kind, {"intermediate_size": width}) for kind in ("bert", "albert") for width in (7, 90)),
    *((kind, {"layer_norm_eps": eps}) for kind in ("bert", "albert") for eps in (0.1, 1e-5)),
    *((kind, {"type_vocab_size": number}) for kind in ("bert", "albert") for number in (1, 3)),
    *((kind, {"tie_word_embeddings": False}) for kind in ("bert", "albert")),
    *((kind, {"chunk_size_feed_forward": 7}) for kind in ("bert", "albert")),
    *(("albert", {"embedding_size": width}) for width in (4, 12)),
    *(
        ("albert", {"num_hidden_layers": layers, "num_hidden_groups": groups, "inner_group_num": inner})
        for layers, groups, inner in ((3, 2, 1), (3, 3, 2), (2, 1, 3), (5, 3, 2), (4, 2, 2))
    ),
    ("gpt2", {"scale_attn_by_inverse_layer_idx": True, "n_inner": 9, "activation_function": "silu", "n_layer": 4}),
    ("bert", {"tie_word_embeddings": False, "hidden_act": "relu", "layer_norm_eps": 1e-3, "intermediate_size": 9}),
    ("albert", {"tie_word_embeddings": False, "hidden_act": "tanh", "num_hidden_groups": 2, "inner_group_num": 2}),
]


@pytest.mark.long
@pytest.mark.parametrize(("kind", "fields"), HONOURED, ids=str)
def test_a_configuration_gives_the_logits_of_transformers(kind: str, fields: dict[str, Any], tmp_path: Path) -> None:
    theirs = made(kind, tmp_path, **fields)
    ours = LOAD[kind](tmp_path)
    assert_logits(ours, theirs)
    counted = sum(parameter.numel() for parameter in ours.parameters())
    assert counted == (ours.shape.num_params if kind == "gpt2" else ours.encoder.shape.masked_lm_params)
    if kind == "gpt2":
        assert_decoding(ours)


def assert_decoding(ours: GPT) -> None:
    """Token by token, and several at once after others, as all at once."""
    with torch.no_grad():
        whole, state, found = ours(IDS), ours.initial_state(len(IDS)), []
        for piece in IDS.split([1, 1, 3, 2], dim=1):
            logits, state = ours.advance(piece, state)
            found.append(logits)
    torch.testing.assert_close(torch.cat(found, 1), whole, rtol=0, atol=1e-10 * float(whole.abs().max()))


@pytest.mark.long
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_is_theirs_or_refused(name: str, tmp_path: Path) -> None:
    for kind, field in (("gpt2", "activation_function"), ("albert", "hidden_act")):
        theirs = made(kind, tmp_path, **{field: name})
        if name in ("prelu", "xielu"):  # they have parameters
            with pytest.raises(UserError, match=f"config.json has {field} '{name}'; what can be loaded: gelu, "):
                LOAD[kind](tmp_path)
        else:
            assert_logits(LOAD[kind](tmp_path), theirs)


@pytest.mark.long
@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("bert", {"hidden_act": "silu", "layer_norm_eps": 1e-2}),
        ("bert", {"tie_word_embeddings": False}),
        ("albert", {"num_hidden_groups": 2, "inner_group_num": 2, "num_hidden_layers": 3}),
    ],
    ids=str,
)
@pytest.mark.parametrize("pretraining", [False, True])
def test_hidden_states_and_the_pooler_are_theirs(
    kind: str, fields: dict[str, Any], pretraining: bool, tmp_path: Path
) -> None:
    name = {"bert": "Bert", "albert": "Albert"}[kind] + ("ForPreTraining" if pretraining else "Model")
    theirs = made(kind, tmp_path, getattr(transformers, name), **fields).double()
    ours = pretrained.load_albert(tmp_path).double()
    assert sum(parameter.numel() for parameter in ours.parameters()) == ours.shape.num_params
    with torch.no_grad():
        expected, found = (theirs.base_model if pretraining else theirs)(IDS), ours(IDS)
        torch.testing.assert_close(found, expected.last_hidden_state, rtol=1e-10, atol=1e-10)
        torch.testing.assert_close(ours.pooled(found), expected.pooler_output, rtol=1e-10, atol=1e-10)
        if pretraining:
            logits = pretrained.load_masked_lm(tmp_path).double()(IDS)
            torch.testing.assert_close(logits, theirs(IDS).prediction_logits, rtol=1e-10, atol=1e-10)


@each_kind
def test_what_is_absent_has_the_default_of_transformers(kind: str) -> None:
    theirs = CONFIGURATIONS[kind]()
    fields = Fields(Path("config.json"), {"model_type": kind})
    shape: Any = gpt_shape(fields) if kind == "gpt2" else encoder_shape(fields)
    assert (shape.num_layers, shape.d_model) == (theirs.num_hidden_layers, theirs.hidden_size)
    assert (shape.num_heads, shape.vocab_size) == (theirs.num_attention_heads, theirs.vocab_size)
    assert (shape.context_len, shape.tied) == (theirs.max_position_embeddings, theirs.tie_word_embeddings)
    if kind == "gpt2":
        assert shape.inner_width == 4 * theirs.n_embd
        assert (shape.activation, shape.norm_eps) == (theirs.activation_function, theirs.layer_norm_epsilon)
        assert (shape.scaled, shape.scaled_by_layer) == (True, False)
        return
    assert (shape.inner_width, shape.num_segments) == (theirs.intermediate_size, theirs.type_vocab_size)
    assert (shape.activation, shape.norm_eps) == (theirs.hidden_act, theirs.layer_norm_eps)
    if kind == "albert":
        assert (shape.embedding_dim, shape.num_groups) == (theirs.embedding_size, theirs.num_hidden_groups)
        assert shape.inner_layers == theirs.inner_group_num


# Fields that are without effect, and fields that are refused

OTHER = {int: 3, float: 0.25, str: "silu", type(None): 2, list: [7]}


@pytest.mark.long
@each_kind
def test_no_field_of_transformers_class_is_ignored_where_it_changes_the_logits(kind: str, tmp_path: Path) -> None:
    """Every field, one at a time, with another value than it has: equal logits, or the refusal that names it."""
    theirs = made(kind, tmp_path)
    given, weights, unchanged = config_of(tmp_path), theirs.state_dict(), logits_of(theirs)
    every = CONFIGURATIONS[kind](**SMALL[kind]).to_dict()
    every.pop("model_type")
    refused: dict[str, str] = {}
    for name, usual in every.items():
        changed = given | {name: not usual if isinstance(usual, bool) else OTHER.get(type(usual), "x")}
        (tmp_path / "config.json").write_text(json.dumps(changed))
        try:
            ours = LOAD[kind](tmp_path)
        except UserError as error:
            refused[name] = str(error)
        else:
            assert_logits(ours, logits_with(kind, changed, weights, unchanged))
    of_sizes = ("lacks the tensor", "has the tensor", "does not fit")  # what a size asks for is not in the file
    assert all(name in said or any(words in said for words in of_sizes) for name, said in refused.items())
    assert refused.keys() > {"vocab_size", "tie_word_embeddings", "dtype"}
    assert not refused.keys() & {"use_cache", "initializer_range", "architectures", "bos_token_id", "id2label"}


def logits_with(kind: str, fields: dict[str, Any], weights: dict[str, Tensor], unchanged: Tensor) -> Tensor:
    """Those of their model; those before the change where they refuse nonsense in a field without effect."""
    try:
        model = MODELS[kind](CONFIGURATIONS[kind].from_dict(fields)).eval()
        model.load_state_dict(weights)
        return logits_of(model)
    except Exception:
        return unchanged


RELEASED = {
    "gpt2": """activation_function:"gelu_new" architectures:["GPT2LMHeadModel"] attn_pdrop:0.1 bos_token_id:50256
        embd_pdrop:0.1 eos_token_id:50256 initializer_range:0.02 layer_norm_epsilon:1e-05 n_ctx:1024 n_special:0
        predict_special_tokens:true resid_pdrop:0.1 summary_activation:null summary_first_dropout:0.1
        summary_proj_to_labels:true summary_type:"cls_index" summary_use_proj:true hidden_size:12
        task_specific_params:{"text-generation":{"do_sample":true,"max_length":50}} transformers_version:"4.0.0"
        output_past:true gradient_checkpointing:false _num_labels:1 num_labels:1 finetuning_task:null""",
    "bert": """architectures:["BertForMaskedLM"] attention_probs_dropout_prob:0.1 classifier_dropout:null
        directionality:"bidi" gradient_checkpointing:false hidden_act:"gelu" hidden_dropout_prob:0.1
        initializer_range:0.02 layer_norm_eps:1e-12 output_past:true pad_token_id:0 pooler_fc_size:768
        pooler_num_attention_heads:12 pooler_num_fc_layers:3 pooler_size_per_head:128
        pooler_type:"first_token_transform" position_embedding_type:"absolute" type_vocab_size:2 use_cache:true
        is_decoder:false pruned_heads:{} torchscript:false use_bfloat16:false do_sample:false num_beams:1
        eos_token_ids:0 length_penalty:1.0 xla_device:null""",
    "albert": """architectures:["AlbertForMaskedLM"] attention_probs_dropout_prob:0 bos_token_id:2
        classifier_dropout_prob:0.1 down_scale_factor:1 eos_token_id:3 gap_size:0 hidden_act:"gelu_new"
        hidden_dropout_prob:0 initializer_range:0.02 inner_group_num:1 layer_norm_eps:1e-12 layers_to_keep:[]
        net_structure_type:0 num_hidden_groups:1 num_memory_blocks:0 pad_token_id:0 type_vocab_size:2
        position_embedding_type:"absolute" _attn_implementation_autoset:true torch_dtype:"float32" """,
}


@pytest.mark.long
@each_kind
def test_fields_of_older_released_files_are_known(kind: str, tmp_path: Path) -> None:
    theirs = made(kind, tmp_path)
    pairs = (text.split(":", 1) for text in RELEASED[kind].split())
    change_config(tmp_path, **{name: json.loads(value) for name, value in pairs})
    assert_logits(LOAD[kind](tmp_path), theirs)


@pytest.mark.long
@pytest.mark.parametrize(
    ("kind", "fields", "said"),
    [
        ("gpt2", {"no_such_field": 3}, "has the field 'no_such_field', 3, which is not known for gpt2"),
        ("gpt2", {"is_causal": False}, "has the field 'is_causal', False"),
        ("gpt2", {"auto_map": {"AutoModel": "a.B"}}, "has the field 'auto_map', {'AutoModel': 'a.B'}"),
        ("gpt2", {"layer_norm_eps": 0.1}, "has the field 'layer_norm_eps', 0.1, which is not known for gpt2"),
        ("gpt2", {"add_cross_attention": True}, "has add_cross_attention True; what can be loaded has False"),
        ("bert", {"is_decoder": True}, "has is_decoder True; what can be loaded has False"),
        ("bert", {"position_embedding_type": "relative_key"}, "has position_embedding_type 'relative_key'; what"),
        ("bert", {"quantization_config": {"bits": 8}}, "has the field 'quantization_config', {'bits': 8}"),
        ("bert", {"embedding_size": 8}, "has the field 'embedding_size', 8, which is not known for bert"),
        ("albert", {"net_structure_type": 1}, "has net_structure_type 1; what can be loaded has 0"),
        ("albert", {"num_hidden_groups": 3}, "has num_hidden_groups 3 for num_hidden_layers 2"),
        ("gpt2", {"n_layer": "2"}, "has no n_layer that is a number of at least 1, but '2'"),
        ("gpt2", {"n_layer": True}, "has no n_layer that is a number of at least 1, but True"),
        ("gpt2", {"n_layer": 2.0}, "has no n_layer that is a number of at least 1, but 2.0"),
        ("gpt2", {"n_layer": None}, "has no n_layer that is a number of at least 1, but None"),
        ("gpt2", {"n_layer": 10**8}, "has 28 tensors, and 100000000 layers"),
        ("gpt2", {"n_embd": 10**30}, "has n_embd 1000000000000000000000000000000; the largest"),
        ("gpt2", {"n_inner": -1}, "has no n_inner that is a number of at least 1, but -1"),
        ("gpt2", {"n_head": 5}, "has n_embd 12, which is not divisible by n_head 5"),
        ("gpt2", {"hidden_size": 24}, "has n_embd 12 and hidden_size 24, two names of one field"),
        ("gpt2", {"scale_attn_weights": 1}, "has no scale_attn_weights that is true or false, but 1"),
        ("gpt2", {"tie_word_embeddings": None}, "has no tie_word_embeddings that is true or false, but None"),
        ("gpt2", {"layer_norm_epsilon": "1e-5"}, "has no layer_norm_epsilon that is a finite number of at least 0"),
        ("bert", {"layer_norm_eps": -1}, "has no layer_norm_eps that is a finite number of at least 0, but -1"),
        ("bert", {"layer_norm_eps": float("nan")}, "has no layer_norm_eps that is a finite number of at least 0"),
        ("bert", {"hidden_act": {"a": [[[[[1]]]]]}}, "has hidden_act {'a': "),
        ("bert", {"dtype": "int8"}, "has dtype 'int8'; what can be loaded: float16, bfloat16, float32, float64"),
        ("bert", {"dtype": None, "torch_dtype": "int8"}, "has torch_dtype 'int8'; what can be loaded"),
        ("bert", {"a\nb\x1b[31m": "c\n"}, r"has the field 'a\nb\x1b[31m', 'c\n', which"),
        ("albert", {"model_type": ["bert"]}, "describes a model of type ['bert'], not albert or bert"),
    ],
    ids=str,
)
def test_a_field_that_cannot_be_honoured_is_named_with_its_value(
    kind: str, fields: dict[str, Any], said: str, tmp_path: Path
) -> None:
    made(kind, tmp_path)
    change_config(tmp_path, **fields)
    with pytest.raises(UserError) as caught:
        LOAD[kind](tmp_path)
    assert str(caught.value).startswith(str(tmp_path))
    assert said in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.long
@pytest.mark.parametrize("text", ["{", "", "\N{BOM}{}".encode(), b"\xff\xfe", "[" * 100000, '{"model_type": "gpt2"'])
def test_a_damaged_configuration_is_named(text: str | bytes, tmp_path: Path) -> None:
    made("gpt2", tmp_path)
    (tmp_path / "config.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UserError, match=r"config.json is damaged"):
        pretrained.load_gpt(tmp_path)
