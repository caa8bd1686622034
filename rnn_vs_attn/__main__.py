"""The program: python -m rnn_vs_attn, and what the command rnn-vs-attn starts."""

import os
import sys

here = os.getcwd()  # noqa: PTH109  # pathlib would be looked for in it
if sys.path[0] == here:  # which -m puts there: a user's file may be called as a module of Python
    del sys.path[0]

from rnn_vs_attn.errors import WRONG_CALL, as_typed, first_line, not_installed  # noqa: E402

try:
    from rnn_vs_attn.cli.app import main
except Exception as error:
    missing = not_installed(error) if isinstance(error, ModuleNotFoundError) else ""
    if not missing and "--bisect" in sys.argv:  # Python's own exit code would call this commit slower
        missing = f"rnn-vs-attn cannot be loaded: {first_line(error)}"
    if not missing or "--debug" in sys.argv:
        raise
    print(f"error: {missing}", file=sys.stderr)
    sys.exit(as_typed(WRONG_CALL, sys.argv))

if __name__ == "__main__":
    main()
