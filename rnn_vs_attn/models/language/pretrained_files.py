"""Which files of a folder in Hugging Face's layout hold its weights; no torch, and none of them is read for it.

Pickles are refused: to read one is to run what it says.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.models.language.documents import document

PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
_WEIGHTS, _INDEX = "model.safetensors", "model.safetensors.index.json"
_AT_ONCE = 1 << 20  # bytes


def weight_files(folder: Path) -> dict[Path, set[str] | None]:
    """model.safetensors, or else the files that its index names, each with the tensors that it must have; None for any.

    UserError where there are none that can be read.
    """
    if (folder / "adapter_config.json").exists():
        raise UserError(
            f"{folder} has an adapter (adapter_config.json), which is not applied; merge it into the weights"
        )
    if (folder / _WEIGHTS).is_file():
        return {folder / _WEIGHTS: None}
    if (folder / _INDEX).is_file():
        return {folder / name: listed for name, listed in _listed(folder / _INDEX).items()}
    files = sorted(file.name for file in folder.iterdir() if file.is_file())
    pickles = [name for name in files if name.endswith(PICKLES)]
    if pickles:
        raise UserError(
            f"{folder / pickles[0]} is a pickle, which can run anything when it is read, and is refused; convert "
            f"it to {_WEIGHTS}"
        )
    others = [name for name in files if name.endswith(".safetensors")]
    if others:
        raise UserError(
            f"{folder} has {others[0]}, but neither {_WEIGHTS} nor {_INDEX}, which says what is in which file"
        )
    raise UserError(f"{folder} has no *.safetensors file")


def _listed(index: Path) -> dict[str, set[str]]:
    """Of each file the names of its tensors, as an index has them."""
    found = document(index)
    names = found.get("weight_map") if isinstance(found, dict) else None
    if not isinstance(names, dict) or not names:
        raise UserError(f"{index} is damaged: it has no weight_map that gives each tensor its file")
    files: dict[str, set[str]] = {}
    for name, file in names.items():
        if not isinstance(file, str) or Path(file).name != file or not (index.parent / file).is_file():
            raise UserError(f"{index} names {file!r}, which is no file of this folder")
        files.setdefault(file, set()).add(name)
    return files


def sha256_of_weights(folder: Path) -> str:
    """Of the one file as it is; of several, of their own hashes in the order of their names. UserError as above."""
    files = sorted(weight_files(folder))
    found = [sha256_of(file) for file in files]
    return found[0] if len(found) == 1 else hashlib.sha256("".join(found).encode()).hexdigest()


def sha256_of(file: Path) -> str:
    """Of a file, which may be larger than memory. UserError where it cannot be read."""
    digest = hashlib.sha256()
    try:
        with file.open("rb") as opened:
            while part := opened.read(_AT_ONCE):
                digest.update(part)
    except OSError as error:
        raise UserError(f"cannot read {file}: {error.strerror}") from None
    return digest.hexdigest()
