"""The program: python -m rnn_vs_attn, and what the command rnn-vs-attn starts."""

import os
import sys

here = os.getcwd()  # noqa: PTH109  # pathlib would be looked for in it
if sys.path[0] == here:  # which -m puts there: a user's file may be called as a module of Python
    del sys.path[0]

from rnn_vs_attn.errors import WRONG_CALL, not_installed  # noqa: E402

try:
    from rnn_vs_attn.cli.app import main
except ModuleNotFoundError as error:
    missing = not_installed(error)
    if not missing or "--debug" in sys.argv:
        raise
    print(f"error: {missing}", file=sys.stderr)
    sys.exit(WRONG_CALL)

if __name__ == "__main__":
    main()
