"""What the log of a build takes for a command."""

from __future__ import annotations

import re


def begins_a_command(line: str) -> bool:
    """What GitHub, Azure and TeamCity take for one of theirs."""
    return bool(re.match(r"\s*::\w", line) or re.search(r"##\w*\[", line))
