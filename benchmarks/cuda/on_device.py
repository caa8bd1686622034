"""The device that a check was asked for, where this machine has it."""

from __future__ import annotations

import argparse

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.measure.device import resolve


def existing(name: str) -> str:
    """For argparse, which ends with the reason where there is no such device."""
    try:
        return resolve(name)
    except UserError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
