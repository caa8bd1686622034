"""Configurations of transformers: what they say, and each thing that cannot be one, refused in a sentence."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from configurations import CONFIGURATIONS, name_of

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.models.language.transformers_configs import CAUSAL, MASKED, import_models, read

pytest.importorskip("transformers", reason="the extra [hf] is not installed")
pytestmark = pytest.mark.long


@pytest.mark.parametrize(
    ("kind", "predicts"), [("gpt2", CAUSAL), ("llama", CAUSAL), ("mamba", CAUSAL), ("bert", MASKED)]
)
def test_a_model_type_is_read_and_its_fields_are_set(kind: str, predicts: str) -> None:
    made = read(f"hf:{kind}(num_hidden_layers=3)")
    assert (made.predicts, made.config.num_hidden_layers, made.weights) == (predicts, 3, None)


def test_a_field_goes_by_either_of_its_names(tmp_path: Path) -> None:
    """As num_hidden_layers is n_layer of gpt2, and the file says n_layer."""
    made = read(name_of("gpt2", tmp_path) + "(num_hidden_layers=1)")
    assert made.config.n_layer == 1


def test_a_decoder_of_a_type_that_is_mostly_masked_is_causal(tmp_path: Path) -> None:
    assert read(name_of("bert", tmp_path, is_decoder=True)).predicts == CAUSAL
    assert read(name_of("bert", tmp_path, architectures=["BertForMaskedLM"])).predicts == MASKED


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("hf:mambo", "'mambo' is no model type of transformers and no folder here; did you mean 'hf:mamba'"),
        ("hf:openai-community/gpt2", "nothing is downloaded; download it first"),
        ("hf:./nowhere", "there is no folder ./nowhere"),
        ("hf:nowhere.json", "there is no file"),
        ("hf:t5", "t5 is an encoder and a decoder"),
        ("hf:vit", "no causal and no masked language model of type vit"),
        ("hf:mamba(num_hiden_layers=2)", "has no field 'num_hiden_layers'; did you mean 'num_hidden_layers'?"),
        ("hf:llama(hidden_size=33)", "refuses its configuration: ValueError: The hidden size"),
        ("hf:gpt2(n_layer='two')", "refuses its configuration: TypeError: Field 'n_layer' expected int"),
    ],
)
def test_what_is_no_configuration_is_refused(name: str, said: str) -> None:
    with pytest.raises(UserError, match=r"^[^\n]*$") as refused:
        read(name)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "has no config.json"),
        ({"config.json": "{"}, "cannot be read as JSON"),
        ({"config.json": "[]"}, "names no model_type"),
        ({"config.json": '{"model_type": "gpt22"}'}, "did you mean 'gpt2'?"),
        ({"config.json": '{"model_type": "gpt2"}', "pytorch_model.bin": ""}, "is a pickle"),
    ],
)
def test_a_folder_that_is_none_of_transformers_is_refused(tmp_path: Path, files: dict[str, str], said: str) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(UserError) as refused:
        read(f"hf:{tmp_path}")
    assert said in str(refused.value)


def test_a_folder_and_a_model_type_of_one_name_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnn_vs_attn.models.load._started_in", [tmp_path])
    (tmp_path / "gpt2").mkdir()
    (tmp_path / "gpt2/config.json").write_text(json.dumps({"model_type": "gpt2", **CONFIGURATIONS["gpt2"]}))
    with pytest.raises(UserError, match=r"is a model type and a folder here; write hf:\./gpt2 for the folder"):
        read("hf:gpt2")
    assert read("hf:./gpt2").config.n_positions == 64


def test_without_the_package_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(UserError, match=r"a model of transformers needs the extra \[hf\]: pip install"):
        read("hf:gpt2")


def test_what_all_models_import_is_there_once_for_all() -> None:
    """Importing a part of it later would put another module in its place, which a case would be told of."""
    import_models()
    before = sys.modules["transformers"]
    import_models()
    assert {"transformers.generation", "transformers.processing_utils"} <= sys.modules.keys()
    assert sys.modules["transformers"] is before
