"""What the worker runs of `gradflow`: fresh weights and a fresh input each round, and the norm at every distance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor, nn

from rnn_vs_attn.errors import CaseFault, first_line
from rnn_vs_attn.isolation.seeds import seed_all
from rnn_vs_attn.limits import Turn
from rnn_vs_attn.measure.gradient.flow import check, cotangents, float64, flow_of, without_dropout
from rnn_vs_attn.measure.gradient.norms import Flow
from rnn_vs_attn.models import build, initialise
from rnn_vs_attn.models.language import transformers_models
from rnn_vs_attn.models.language.transformers_models import HiddenStates
from rnn_vs_attn.models.registry import find
from rnn_vs_attn.models.spec import CONFIGURED, TRAINED
from rnn_vs_attn.records.types import Sample
from rnn_vs_attn.suites import trained_passes
from rnn_vs_attn.suites.gradflow import samples
from rnn_vs_attn.suites.gradflow.case import GradflowCase
from rnn_vs_attn.suites.measurement import Measurement


def module_of(case: GradflowCase) -> nn.Module:
    """The module of a case on its device, in float64, with the weights that --init names."""
    if find(case.model).family == CONFIGURED:
        return without_dropout(hidden_states(case))
    make = build.build_blocks if case.block else build.build
    module = make(find(case.model), case.shape).double()
    initialise.apply(case.init, module, case.seq_len)
    return without_dropout(module.to(case.device))


def hidden_states(case: GradflowCase) -> HiddenStates:
    """A model of transformers from its embeddings to the hidden states that its head is given, in float64."""
    whole = transformers_models.build(case.model)
    whole.refuse_beyond(case.seq_len)
    return HiddenStates(whole.double()).to(case.device)


def module_and_input(case: GradflowCase, seed: int) -> tuple[nn.Module, Tensor]:
    """The module of a case, and an input (1, L, D): drawn, or of a trained model an example of its task."""
    if find(case.model).family == TRAINED:
        return trained_passes.hidden_states(case, seed)
    with float64():
        module = module_of(case)
        width = int(module.d_model) if isinstance(module, HiddenStates) else case.d_model
        return module, torch.randn(1, case.seq_len, width).to(case.device)


def probe(case: GradflowCase) -> None:
    """CaseFault where a module has no gradient to give; an error of its own is a fault too."""
    module, x = module_and_input(case, 0)
    with float64():
        check(module, x)


def measure(case: GradflowCase, turn: Turn) -> Iterator[Sample]:
    """One round: fresh weights, a fresh input, and the norm at every distance of the grid."""
    module, flow = _round(case, turn.seed)
    if turn.seed == 0:
        _BESIDE_GRID[case] = samples.beside_grid(flow)
    elif case not in _BESIDE_GRID:
        _BESIDE_GRID[case] = _of_first_round(case)
    beside = _BESIDE_GRID[case]
    if isinstance(beside, str):
        flow, beside = replace(flow, warnings=[*flow.warnings, beside]), ([], [])
    yield from samples.norms(flow, *beside)
    yield samples.reach(flow.log10.tolist(), flow.most.tolist(), case.reach_threshold)
    if case.block:
        yield from samples.identity(flow.beside_identity, flow.warnings)
    if find(case.model).traits.recurrent_matrix:
        yield from samples.spectrum(module)


def _round(case: GradflowCase, seed: int) -> tuple[nn.Module, Flow]:
    """A module with the weights of a seed, and its flow. All numbers are drawn on the CPU, for every device."""
    seed_all(seed)
    module, x = module_and_input(case, seed)
    with float64():
        probes = cotangents(case.probes, x.shape[2], case.exact, x.device)
        return module, flow_of(module, x, probes)


# Distances beside the grid, past and future, of each case: those of its first round, so that all rounds have the same;
# or why they are unknown.
_BESIDE_GRID: dict[GradflowCase, tuple[list[int], list[int]] | str] = {}


def _of_first_round(case: GradflowCase) -> tuple[list[int], list[int]] | str:
    """In a process that has not measured it, as after --resume."""
    try:
        return samples.beside_grid(_round(case, 0)[1])
    except Exception as error:
        reason = error.reason if isinstance(error, CaseFault) else first_line(error)
        return f"no distances beside the grid are shown: they are those of the first round, which failed ({reason})"


MEASUREMENT = Measurement(measure, probe=probe)
