"""A training as tensors by name, and back: the model's, the optimiser's, the generators'; checkpoints are made of them.

In the file a model's tensor is `model.NAME`, the averages of a parameter are `optimiser.exp_avg.NAME` and so on, and
states of random numbers `random.0` of the CPU and `random.1` of the GPU; what a language model carries from segment to
segment is `carried.0` and so on. A complex tensor is its two parts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from safetensors import torch as of_torch
from torch import Tensor, nn

from rnn_vs_attn.errors import UserError, first_line
from rnn_vs_attn.models.registry import find
from rnn_vs_attn.models.spec import ModelSpec
from rnn_vs_attn.training import checkpoint
from rnn_vs_attn.training.carried import NextTokens
from rnn_vs_attn.training.checkpoint import Checkpoint
from rnn_vs_attn.training.language_model import language_model
from rnn_vs_attn.training.language_shape import LanguageModelShape
from rnn_vs_attn.training.loop import Training
from rnn_vs_attn.training.token_model import TokenModel, token_model
from rnn_vs_attn.training.token_shape import TokenShape

_MODEL, _OPTIMISER, _RANDOM, _CARRIED = "model.", "optimiser.", "random.", "carried."
Model = TypeVar("Model", bound=nn.Module)
Shape = TypeVar("Shape", TokenShape, LanguageModelShape)
_AVERAGES = ("exp_avg", "exp_avg_sq")  # what AdamW holds of a parameter beside its number of steps


def save(folder: Path, training: Training, model: str, shape: Mapping[str, Any], **about: Any) -> None:
    """Keep a training in a folder: its weights, and all that it goes on from.

    model: the name. shape: the fields of its shape, as asdict has them. StorageError where the disk takes no more; what
    was kept before is whole then.
    """
    content = of_torch.save(_stored(_tensors(training)))
    kept = Checkpoint(model, dict(shape), training.plan, training.course, torch.__version__, about)
    checkpoint.write(folder, kept, content)


def resume(folder: Path, training: Training, model: str, shape: Mapping[str, Any]) -> None:
    """Let a training that has not begun go on from what a folder keeps.

    UserError where that is of another model, shape or plan, or damaged; the training is as it was then.
    """
    kept = checkpoint.read(folder)
    checkpoint.check(folder, kept, model, shape)
    if kept.plan != training.plan:
        raise UserError(f"the checkpoint {folder} was trained by another plan; go on with the plan that it has")
    found = _loaded(folder, kept)
    _fill_carried(training, found, kept.course.step, folder)
    _fill(training.model, found, folder)
    _fill_optimiser(training, found)
    numbers = sorted(name for name in found if name.startswith(_RANDOM))
    training.random = [found[name] for name in numbers] or None
    training.course = replace(kept.course, curve=list(kept.course.curve))


def load(folder: Path) -> tuple[TokenModel, Checkpoint]:
    """The model of tokens that a folder keeps, with its weights, and what is known of it. UserError as for `resume`."""
    return _loaded_model(folder, TokenShape.of, token_model, "model of tokens")


def load_language(folder: Path) -> tuple[nn.Module, Checkpoint]:
    """The same of a language model."""
    return _loaded_model(folder, LanguageModelShape.of, language_model, "language model")


def _loaded_model(
    folder: Path,
    shape_of: Callable[[Mapping[str, Any]], Shape],
    made: Callable[[ModelSpec, Shape], Model],
    what: str,
) -> tuple[Model, Checkpoint]:
    kept = checkpoint.read(folder)
    try:
        shape = shape_of(kept.shape)
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{folder / checkpoint.NAME} is of no {what}: {first_line(error)}") from None
    model = made(find(kept.model), shape)
    _fill(model, _loaded(folder, kept), folder)
    return model, kept


def _fill_carried(training: Training, found: Mapping[str, Tensor], steps: int, folder: Path) -> None:
    """Give a language model what it carried to its next segment, after some steps."""
    number = sum(name.startswith(_CARRIED) for name in found)
    if not isinstance(training.objective, NextTokens) or not steps:
        return
    try:
        training.objective.take([found[f"{_CARRIED}{i}"] for i in range(number)], training.device)
    except (KeyError, UserError) as error:
        raise UserError(f"the checkpoint {folder} is of another model than is built now: {error}") from None


def _fill_optimiser(training: Training, found: Mapping[str, Tensor]) -> None:
    """Give the optimiser what it held of each parameter, in the order in which it counts them."""
    names = {parameter: name for name, parameter in _by_name(training).items()}
    groups = training.optimiser.param_groups
    state: dict[int, dict[str, Tensor]] = {}
    for i, parameter in enumerate(parameter for group in groups for parameter in group["params"]):
        of_it = {key: found.get(f"{_OPTIMISER}{key}.{names[parameter]}") for key in _AVERAGES}
        averages = {key: _as(tensor, parameter) for key, tensor in of_it.items() if tensor is not None}
        if averages:
            state[i] = averages | {"step": found[f"{_OPTIMISER}step.{names[parameter]}"]}
    training.optimiser.load_state_dict(
        {"state": state, "param_groups": training.optimiser.state_dict()["param_groups"]}
    )


def _tensors(training: Training) -> dict[str, Tensor]:
    found = {_MODEL + name: tensor for name, tensor in _state(training.model).items()}
    for name, parameter in _by_name(training).items():
        state = training.optimiser.state.get(parameter, {})
        found |= {f"{_OPTIMISER}{key}.{name}": tensor for key, tensor in state.items()}
    carried = training.objective.kept() if isinstance(training.objective, NextTokens) else ()
    found |= {f"{_CARRIED}{i}": part for i, part in enumerate(carried)}
    return found | {f"{_RANDOM}{i}": state for i, state in enumerate(training.random or ())}


def _by_name(training: Training) -> dict[str, nn.Parameter]:
    return {name: p for name, p in training.model.named_parameters() if p.requires_grad}


def _state(model: nn.Module) -> dict[str, Tensor]:
    state = model.state_dict()
    other = next((name for name, value in state.items() if not isinstance(value, Tensor)), None)
    if other is not None:
        raise UserError(f"the state of the model has {other!r}, which is no tensor, and a checkpoint holds tensors")
    return state


def _stored(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """On the CPU, each in memory of its own, as safetensors takes none that is shared; copied only where it is not."""
    found: dict[str, Tensor] = {}
    taken: set[int] = set()
    for name, tensor in tensors.items():
        plain = (torch.view_as_real(tensor) if tensor.is_complex() else tensor).detach()
        alone = plain.is_contiguous() and plain.untyped_storage().nbytes() == plain.nbytes
        found[name] = plain.to("cpu", copy=not alone or plain.data_ptr() in taken).contiguous()
        taken.add(plain.data_ptr())
    return found


def _as(stored: Tensor, like: Tensor) -> Tensor:
    """A tensor of a file as one that stands in its place has it. ValueError where it is of another shape or kind."""
    found = torch.view_as_complex(stored) if like.is_complex() and stored.ndim == like.ndim + 1 else stored
    if found.shape != like.shape or found.dtype != like.dtype:
        raise ValueError(f"{tuple(found.shape)} of {found.dtype}, not {tuple(like.shape)} of {like.dtype}")
    return found.to(like.device)


def _loaded(folder: Path, kept: Checkpoint) -> dict[str, Tensor]:
    content = checkpoint.weights_of(folder, kept)
    try:
        found: dict[str, Tensor] = of_torch.load(content)
    except (SafetensorError, ValueError, KeyError) as error:
        raise UserError(f"{folder / kept.weights} is damaged: {first_line(error)}") from None
    return found


def _fill(model: nn.Module, found: Mapping[str, Tensor], folder: Path) -> None:
    """Give a model its tensors, all or none of them."""
    wanted = _state(model)
    given = {name.removeprefix(_MODEL): tensor for name, tensor in found.items() if name.startswith(_MODEL)}
    for name in (*wanted, *given):
        if name not in given or name not in wanted:
            where = "the checkpoint lacks it" if name in wanted else "the model lacks it"
            raise UserError(f"the checkpoint {folder} is of another model than is built now: {name}, {where}")
    try:
        fitting = {name: _as(tensor, wanted[name]) for name, tensor in given.items()}
    except ValueError as error:
        raise UserError(f"the checkpoint {folder} is of another model than is built now: {error}") from None
    with torch.no_grad():
        for name, tensor in wanted.items():
            tensor.copy_(fitting[name])
