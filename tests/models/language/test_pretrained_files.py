"""Which files hold the weights of a folder, and their hash."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.models.language.pretrained_files import sha256_of, sha256_of_weights, weight_files

INDEX = "model.safetensors.index.json"


def test_one_file_is_all_and_has_its_own_hash(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    (tmp_path / "pytorch_model.bin").write_bytes(b"a pickle beside it is not read")
    assert weight_files(tmp_path) == {tmp_path / "model.safetensors": None}
    assert sha256_of_weights(tmp_path) == hashlib.sha256(b"weights").hexdigest()


def test_several_files_are_those_of_the_index_with_their_tensors(tmp_path: Path) -> None:
    (tmp_path / "b.safetensors").write_bytes(b"2")
    (tmp_path / "a.safetensors").write_bytes(b"1")
    names = {"x": "b.safetensors", "y": "a.safetensors", "z": "b.safetensors"}
    (tmp_path / INDEX).write_text(json.dumps({"weight_map": names}))
    assert weight_files(tmp_path) == {tmp_path / "b.safetensors": {"x", "z"}, tmp_path / "a.safetensors": {"y"}}
    each = [hashlib.sha256(content).hexdigest() for content in (b"1", b"2")]
    assert sha256_of_weights(tmp_path) == hashlib.sha256("".join(each).encode()).hexdigest()


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ([], "has no *.safetensors file"),
        (
            ["pytorch_model.bin"],
            "pytorch_model.bin is a pickle, which can run anything when it is read, and is refused",
        ),
        (["weights.safetensors"], "has weights.safetensors, but neither model.safetensors nor"),
        (["model.safetensors", "adapter_config.json"], "has an adapter"),
    ],
)
def test_a_folder_without_weights_that_can_be_read_is_one_sentence(files: list[str], said: str, tmp_path: Path) -> None:
    for name in files:
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(UserError) as caught:
        weight_files(tmp_path)
    assert said in str(caught.value)


def test_a_file_that_is_gone_cannot_be_hashed(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot read .*gone: No such file"):
        sha256_of(tmp_path / "gone")
