"""python -m rnn_vs_attn."""

import os
import sys

here = os.getcwd()  # noqa: PTH109  # pathlib would be looked for in it
if sys.path[0] == here:  # which -m puts there: a user's file may be called as a module of Python
    del sys.path[0]

from rnn_vs_attn.cli.app import main  # noqa: E402

if __name__ == "__main__":
    main()
