"""How ids are cut for training: lanes that are read side by side, each a segment a step. Without numpy."""

from __future__ import annotations

from dataclasses import dataclass

from rnn_vs_attn.errors import UserError


@dataclass(frozen=True)
class Lanes:
    """Lane b begins at b * stride + offset, an offset of 0 ... spare that each epoch draws, and has `steps` segments.

    A segment's inputs are seq_len ids and its targets the same shifted by one, so that lanes touch in one id and no
    target is in two of them. UserError where there are too few ids for one segment a lane.
    """

    num_ids: int
    batch_size: int
    seq_len: int

    def __post_init__(self) -> None:
        least = self.batch_size * self.seq_len + 1
        if self.num_ids < least:
            raise UserError(
                f"the text's training part, nine tenths of it, has {self.num_ids} tokens; --batch-size "
                f"{self.batch_size} of --seq-len {self.seq_len} needs at least {least}: give more text, or lower one"
            )

    @property
    def stride(self) -> int:
        """Ids from the beginning of a lane to that of the next: all of them but for a segment that offsets need."""
        targets = self.num_ids - 1
        return (targets - min(self.seq_len - 1, targets - self.batch_size * self.seq_len)) // self.batch_size

    @property
    def steps(self) -> int:
        """In an epoch."""
        return self.stride // self.seq_len

    @property
    def spare(self) -> int:
        """The largest offset, at which the last lane ends with the ids: so each id is a target in some epoch."""
        return self.num_ids - 1 - (self.batch_size - 1) * self.stride - self.steps * self.seq_len
