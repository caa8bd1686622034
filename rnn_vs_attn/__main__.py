"""python -m rnn_vs_attn."""

from rnn_vs_attn.cli import main

if __name__ == "__main__":
    main()
