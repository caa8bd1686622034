"""Models of an anonymous run by names that no folder of this machine is in: every row has them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.machine.anonymity import names_a_folder


def named_from_here(models: Sequence[str]) -> list[str]:
    """The names of models, those of files in this folder as they are called from it. UserError as for `checked`."""
    here = f"{Path.cwd()}{os.sep}"
    return checked([model.removeprefix(here) for model in models])


def checked(models: Sequence[str]) -> list[str]:
    """The names. UserError where one has a folder of this machine in it."""
    named = next(filter(names_a_folder, models), None)
    if named is not None:
        raise UserError(
            f"--anonymous leaves out folders, and the rows of model {named!r} would name one; call this from the "
            "folder that it is in, and write the path from there"
        )
    return list(models)
