"""Language models of transformers, from token ids (B, L) to logits (B, L, V), and their trunks without the head.

The package's own code runs, with its own weights where a folder holds them and else with those that it draws, and with
the attention that it chooses by itself (SDPA where a model has it).
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import torch
from torch import Tensor, nn

from rnn_vs_attn.errors import CaseFault, UserError, first_line
from rnn_vs_attn.isolation import keeping, seeds
from rnn_vs_attn.models.language.transformers_configs import CAUSAL, Configuration, library, read

_FROM_EMBEDDINGS = "inputs stand in the place of token embeddings, outputs are the hidden states of its head"
_CACHES = ("past_key_values", "cache", "cache_params", "state")  # names of what decoding carries on, by model


class TokenModel(nn.Module):
    """A causal or masked language model of transformers.

    A causal one has the model's own cache as its state: `advance` and `step` hand it on, None stands before the first
    token.
    """

    def __init__(self, model: nn.Module, made: Configuration) -> None:
        super().__init__()
        self.model = model
        self.said, self.predicts = made.said, made.predicts
        self.has_own_weights = made.weights is not None
        config = made.config.get_text_config()
        self.vocab_size, self.d_model = int(config.vocab_size), int(config.hidden_size)
        self.stand_ins: list[str] = []
        self.most_positions = _most_positions(model, config)
        names = inspect.signature(model.forward).parameters
        self.cache = next((name for name in _CACHES if name in names), "")
        self._whole = {"use_cache": False} if "use_cache" in names else {}
        self._last = {"logits_to_keep": 1} if "logits_to_keep" in names else {}

    def forward(self, tokens: Tensor) -> Tensor:
        """Token ids (B, L) -> logits (B, L, V)."""
        logits: Tensor = self.model(input_ids=tokens, **self._whole).logits
        return logits

    def initial_state(self, batch_size: int) -> None:
        """None: the model makes its own cache at the first token. UserError where it has none."""
        if not self.decodes:
            raise UserError(f"{type(self.model).__name__} cannot decode: it {self._lacks()}")

    def _lacks(self) -> str:
        return "has no cache" if self.predicts == CAUSAL else "predicts masked tokens, not the next one"

    def advance(self, tokens: Tensor, state: Any, last_only: bool = False) -> tuple[Tensor, Any]:
        """Token ids (B, C), the cache before them -> logits (B, C, V), or (B, 1, V) of the last; the cache after."""
        held = {} if state is None else {self.cache: state}
        found = self.model(input_ids=tokens, use_cache=True, **held, **(self._last if last_only else {}))
        return found.logits[:, -1:] if last_only else found.logits, found[self.cache]

    def step(self, token: Tensor, state: Any) -> tuple[Tensor, Any]:
        """One token id each (B,), cache -> logits (B, V), cache."""
        logits, state = self.advance(token.unsqueeze(1), state)
        return logits[:, 0], state

    def refuse_beyond(self, length: int) -> None:
        """CaseFault where so many positions are more than the model has embeddings of."""
        if self.most_positions is not None and length > self.most_positions:
            raise CaseFault(
                "unsupported",
                f"{length} positions are more than the {self.most_positions} that its configuration has embeddings for "
                "(max_position_embeddings)",
            )

    @property
    def decodes(self) -> bool:
        """Whether it has a cache and predicts the next token."""
        return bool(self.cache) and self.predicts == CAUSAL

    @property
    def built_as(self) -> str:
        """Where it came from, in words."""
        weights = "the weights that lie there" if self.has_own_weights else "random weights"
        attention = f", {_attention(self.model)} attention" if _attention(self.model) else ""
        slow = f"; slow stand-ins run for {', '.join(self.stand_ins)}, whose packages are not installed"
        return (
            f"{type(self.model).__name__} of transformers {library().__version__} from {self.said}, {weights}"
            f"{attention}; width ({self.d_model}), heads, layers and token ids are its configuration's, and options "
            f"for them are not applied{slow if self.stand_ins else ''}"
        )


class HiddenStates(nn.Module):
    """What lies between the token embeddings and the head of a language model: (B, L, D) -> (B, L, D)."""

    def __init__(self, whole: TokenModel) -> None:
        super().__init__()
        self.trunk = whole.model.base_model
        self.d_model = whole.d_model
        names = inspect.signature(self.trunk.forward).parameters
        if self.trunk is whole.model or "inputs_embeds" not in names:
            kind = type(whole.model).__name__
            raise CaseFault("unsupported", f"{kind} takes no inputs_embeds, so no gradient goes back to its embeddings")
        self._whole = {"use_cache": False} if "use_cache" in names else {}
        keeping.NOTES.built_as(f"{whole.built_as}; {_FROM_EMBEDDINGS}", seq_len=0)

    def forward(self, x: Tensor) -> Tensor:
        """Embeddings (B, L, D) -> the hidden states that the head is given, (B, L, D)."""
        y: Tensor = self.trunk(inputs_embeds=x, **self._whole)[0]
        return y


def build(name: str) -> TokenModel:
    """The model of a name `hf:...`, in float32. UserError where there is none; see `transformers_configs`."""
    made = read(name)
    with keeping.kept(seeds.SEED_OF_WEIGHTS):
        model = _loaded(made) if made.weights is not None else _drawn(made)
    found = TokenModel(model, made).eval()
    found.stand_ins = stand_ins(found)
    keeping.NOTES.built_as(found.built_as, seq_len=0)
    return found


def on_paper(name: str) -> TokenModel:
    """The same without memory for its weights: what can be said of it before it is built."""
    made = read(name)
    with torch.device("meta"):
        found = TokenModel(_drawn(made), made)
    keeping.NOTES.built_as(found.built_as, seq_len=0)
    return found


def _auto(made: Configuration) -> Any:
    transformers = library()
    return transformers.AutoModelForCausalLM if made.predicts == CAUSAL else transformers.AutoModelForMaskedLM


def _drawn(made: Configuration) -> nn.Module:
    """A model with random weights, as transformers draws them."""
    try:
        model: nn.Module = _auto(made).from_config(made.config, dtype=torch.float32)
    except (MemoryError, torch.OutOfMemoryError):
        raise
    except (ImportError, ValueError, TypeError, KeyError, AttributeError, AssertionError) as error:
        raise UserError(f"model {made.name!r}: transformers does not build it: {first_line(error)}") from error
    return model


def _loaded(made: Configuration) -> nn.Module:
    """The model with the weights of its folder. UserError where they are not all there, or do not fit."""
    options = {"config": made.config, "dtype": torch.float32, "local_files_only": True, "use_safetensors": True}
    try:
        model, found = _auto(made).from_pretrained(made.weights, output_loading_info=True, **options)
    except (MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        raise UserError(f"the weights in {made.weights} do not load: {first_line(error)}") from error
    lacking = sorted(map(str, found["missing_keys"])) + sorted(str(key[0]) for key in found["mismatched_keys"])
    if lacking:
        raise UserError(
            f"the weights in {made.weights} lack {lacking[0]}{f' and {len(lacking) - 1} more' * (len(lacking) > 1)} of "
            f"{type(model).__name__}; give its config.json for random weights"
        )
    loaded: nn.Module = model
    return loaded


def _most_positions(model: nn.Module, config: Any) -> int | None:
    """How many positions a model has learned embeddings for, None where it has none."""
    tables = [
        module
        for name, module in model.named_modules()
        if isinstance(module, nn.Embedding) and (name.endswith("wpe") or "position" in name.rpartition(".")[2])
    ]
    rows = [t.num_embeddings - (0 if t.padding_idx is None else t.padding_idx + 1) for t in tables]
    asked = getattr(config, "max_position_embeddings", None)
    return min([*rows, *([asked] if asked else [])]) if rows else None


def _attention(model: nn.Module) -> str:
    """How its attention is computed, "" of a model without."""
    config: Any = model.config
    has_heads = getattr(config.get_text_config(), "num_attention_heads", None) is not None
    return str(config._attn_implementation or "") if has_heads else ""


# Slow stand-ins for kernels that are not installed


def stand_ins(model: TokenModel) -> list[str]:
    """Kernels that are not installed, whose slow stand-ins run in a call and in a step of decoding."""
    tokens = torch.zeros(1, 2, dtype=torch.long)
    with told_of_stand_ins() as found, torch.no_grad(), suppress(Exception):  # its case will say what fails
        model(tokens)
        if model.decodes:
            model.step(tokens[:, 0], model.advance(tokens, None)[1])
    return list(dict.fromkeys(found))


@contextmanager
def told_of_stand_ins() -> Iterator[list[str]]:
    """Within, what transformers says of kernels that are not installed; it says so once in a process, now again."""
    found: list[str] = []
    transformers, logger = library(), logging.getLogger("transformers")

    class Taken(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if "falling back" in record.getMessage():
                found.append(record.getMessage().partition(" is falling back")[0].strip("`"))

    taken = Taken(logging.WARNING)
    transformers.logging.warning_once.cache_clear()
    before, handlers = logger.level, logger.handlers[:]
    logger.handlers[:] = [taken]
    logger.setLevel(logging.WARNING)
    try:
        yield found
    finally:
        logger.handlers[:] = handlers
        logger.setLevel(before)
