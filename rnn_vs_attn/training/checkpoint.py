"""A checkpoint on disk: weights in safetensors, and a JSON with all that is needed to build the model again; no torch.

The JSON names its file of weights, which is another one each time, and is written last, beside and renamed: a full disk
or a kill at any moment leaves the checkpoint before it whole.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from rnn_vs_attn.errors import UserError, first_line
from rnn_vs_attn.records.folder import StorageError, put
from rnn_vs_attn.records.strict_json import parsed
from rnn_vs_attn.training.course import Course, Point
from rnn_vs_attn.training.plan import TrainingPlan

FORMAT = 1
NAME = "checkpoint.json"
_LARGEST = 1 << 26  # bytes of the JSON


@dataclass(frozen=True)
class Checkpoint:
    """model: its name, with the arguments that it is built with. shape: its shape's fields. torch: the version.

    about: what else whoever trained it wants to know, such as the task. weights, sha256: the file beside it and what is
    in it.
    """

    model: str
    shape: dict[str, Any]
    plan: TrainingPlan
    course: Course
    torch: str
    about: dict[str, Any] = field(default_factory=dict)
    weights: str = ""
    sha256: str = ""


def write(folder: Path, checkpoint: Checkpoint, content: bytes) -> None:
    """Put a checkpoint into a folder, in the place of the one there. StorageError where the disk takes no more."""
    digest = hashlib.sha256(content).hexdigest()
    weights = f"weights-{checkpoint.course.step}-{digest[:12]}.safetensors"
    document = {"format": FORMAT} | asdict(checkpoint) | {"weights": weights, "sha256": digest}
    text = json.dumps(document, allow_nan=False, indent=1) + "\n"
    for target, part in ((folder / weights, content), (folder / NAME, text.encode())):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            put(target, part)
        except OSError as error:
            way = "make room and go on; the checkpoint before it is whole"
            raise StorageError(f"cannot write {target}: {error.strerror}; {way}") from None
    for other in (*folder.glob("weights-*.safetensors"), *folder.glob("*.part")):
        if other.name != weights:
            with contextlib.suppress(OSError):
                other.unlink()


def read(folder: Path) -> Checkpoint:
    """What a folder's checkpoint is. UserError where there is none, or one that is damaged or of another format."""
    file = folder / NAME
    document = _document(file)
    if document.get("format") != FORMAT:
        found = document.get("format")
        raise UserError(f"{file} has format {found!r}, and this version reads {FORMAT}; train again with this version")
    try:
        checkpoint = _checkpoint(document)
    except (AttributeError, KeyError, TypeError, ValueError, UserError) as error:
        raise UserError(f"{file} is damaged: {first_line(error)}") from None
    if Path(checkpoint.weights).name != checkpoint.weights or not checkpoint.weights:
        raise UserError(f"{file} is damaged: it names {checkpoint.weights!r}, which is no file beside it")
    return checkpoint


def _document(file: Path) -> dict[str, Any]:
    try:
        if file.stat().st_size > _LARGEST:
            raise ValueError(f"it has {file.stat().st_size} bytes, and a checkpoint's has fewer than {_LARGEST}")
        document = parsed(file.read_bytes())
        if not isinstance(document, dict):
            raise ValueError("it is no object")
    except OSError as error:
        raise UserError(f"cannot read {file}: {error.strerror}; give the folder of a checkpoint") from None
    except ValueError as error:
        raise UserError(f"{file} is damaged: {error}") from None
    return document


def _checkpoint(document: Mapping[str, Any]) -> Checkpoint:
    given = {each.name: document[each.name] for each in fields(Checkpoint)}
    for name, kind in {"model": str, "shape": dict, "torch": str, "about": dict, "weights": str, "sha256": str}.items():
        if not isinstance(given[name], kind):
            raise ValueError(f"its {name} is no {kind.__name__}")
    plan, course = dict(given["plan"]), dict(given["course"])
    plan["betas"] = tuple(plan["betas"])
    course |= {"losses": tuple(course["losses"]), "curve": [Point(**point) for point in course["curve"]]}
    return Checkpoint(**given | {"plan": TrainingPlan(**plan), "course": Course(**course)})


def weights_of(folder: Path, checkpoint: Checkpoint) -> bytes:
    """Its safetensors. UserError where they are not those that the JSON is about."""
    file = folder / checkpoint.weights
    try:
        content = file.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {file}: {error.strerror}; the checkpoint {folder} lacks its weights") from None
    if hashlib.sha256(content).hexdigest() != checkpoint.sha256:
        raise UserError(f"{file} is damaged: it is not what was written; train again, or use another checkpoint")
    return content


def check(folder: Path, checkpoint: Checkpoint, model: str, shape: Mapping[str, Any]) -> None:
    """UserError where a checkpoint is of another model or shape than those."""
    if checkpoint.model != model:
        raise UserError(f"the checkpoint {folder} is of {checkpoint.model!r}, not of {model!r}; give its own model")
    wrong = _difference(checkpoint.shape, shape)
    if wrong:
        name, theirs, ours = wrong
        raise UserError(f"the checkpoint {folder} has {name} {theirs}, not {ours}; give its own shape")


def _difference(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> tuple[str, Any, Any] | None:
    """The first field that differs, with both of its values."""
    for name in (*ours, *(theirs.keys() - ours.keys())):
        one, other = theirs.get(name), ours.get(name)
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            found = _difference(one, other)
            if found:
                return found
        elif one != other:
            return name, one, other
    return None
