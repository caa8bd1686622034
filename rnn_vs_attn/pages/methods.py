"""How each suite measures, in three sentences, for who reads a page and not the documentation."""

from __future__ import annotations

METHODS: dict[str, tuple[str, str, str]] = {
    "bench": (
        "Every round is a fresh process with weights and inputs of its own, in which all cases are timed in turn "
        "and in random order, after a warm-up.",
        "A number is the median of the rounds, with the 95% interval of that median; ratios are formed within a "
        "round, so that a machine that slows down slows both.",
        "Memory is the peak above what the process held before the pass, measured in passes that are not timed.",
    ),
    "gradflow": (
        "A random direction at the last output is taken back to the inputs, and the norm of the gradient at each "
        "distance is divided by that of a direction that arrives whole.",
        "It is computed in 64-bit numbers and rescaled on the way, so that what is far too small for a number "
        "still has its place.",
        "Half-life is the distance over which half of it is lost; reach is the largest distance at which a "
        "thousandth of the largest norm arrives.",
    ),
    "scaling": (
        "The longest chain of operations that wait for each other is counted in the computation itself, and times "
        "are taken over lengths, widths and threads.",
        "Exponents are slopes of logarithms of time over those of length or width, fitted in every round.",
        "Each cell of Table 1 of Vaswani et al. (2017) is then held against what was measured.",
    ),
    "recall": (
        "Every model is trained in the same loop on examples that are drawn anew at each step, and tested on others.",
        "In the first round it is trained at each learning rate of the grid, in later rounds at the best one with "
        "other seeds.",
        "A task counts as solved where every seed reaches an accuracy of 0.99, of adding a loss of 0.01.",
    ),
    "decode": (
        "A context is taken in at once, and then one token after another, as when text is written.",
        "The time of a token is the median over steps, and that of rounds, each a pass of its own over all models "
        "in random order.",
        "The state is the number of bytes that are carried from one token to the next; it is counted and exact.",
    ),
    "variants-transformer-xl": (
        "Random tokens are evaluated by a Transformer that keeps a memory of earlier segments, and by ones that "
        "compute a window again for each token, or keep keys and values.",
        "How far back it sees is found by changing each token that a small model reads: one counts where the output "
        "changes.",
        "Times are medians of rounds with 95% intervals, and ratios are formed within a round.",
    ),
    "variants-albert": (
        "Models of the published sizes are built with random weights; parameters and arithmetic are counted and exact.",
        "Passes of ALBERT and of BERT of the same size are timed in turn within each round.",
        "Ratios are of two models within a round, with 95% intervals.",
    ),
    "variants-gpt": (
        "Models of growing size are built with random weights; parameters and arithmetic are counted and exact.",
        "Passes and single tokens of all sizes are timed in turn within each round.",
        "Exponents say by which power of the number of parameters a cost grows.",
    ),
    "lm": (
        "Models of equal size are trained side by side on one text, for the same time or on the same tokens, each "
        "at the best of several learning rates.",
        "They are judged on a part of the text that none has seen, in bits a byte: how many bits a byte of it "
        "costs when the model predicts it.",
        "Each seed is a round; a band is the range of the seeds, and where there are fewer than six there is no "
        "interval.",
    ),
}

# What figures of a page have as their captions

FIRST = "train_time"  # the figure that is shown first where a run has it
INTERVAL = "the 95% interval of the median"
RANGE = "range of the seeds"  # that a band is where the title of its figure says so
DASHED = {"bench": "computed in a loop of Python", "scaling": "attention between its projections"}
BETTER = {
    "ms": "lower is faster",
    "MiB": "lower is less memory",
    "gradient_norm": "a line that stays high is a gradient that arrives",
    "accuracy": "higher is better",
    "bits a byte, held out": "lower is better",
}
