"""Makes the packages that HIDDEN_PACKAGES names unimportable, as on a machine that lacks them."""

from __future__ import annotations

import os
import sys

HIDDEN = frozenset(filter(None, os.environ.get("HIDDEN_PACKAGES", "").split(",")))


class _Nothing:
    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name.partition(".")[0] in HIDDEN:
            raise ModuleNotFoundError(f"No module named {name!r} (hidden)", name=name)


if HIDDEN:
    sys.meta_path.insert(0, _Nothing())  # type: ignore[arg-type]
