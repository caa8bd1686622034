"""Metrics that two suites or more share, each defined once, and those of the machine."""

from __future__ import annotations

from rnn_vs_attn.records.types import LAUNCH_BOUND, ROUND_TIME, Metric

FORWARD_TIME = Metric("forward_time", "s", title="forward, no gradient kept")
TRAIN_TIME = Metric("train_time", "s", title="forward and backward")
BACKWARD_TIME = Metric("backward_time", "s", title="backward within the training pass")
HOST_TIME = Metric("host_time", "s", title="the host's own time for the same call")
BY_LAUNCHES = Metric(
    LAUNCH_BOUND, "1", "none", title="CUDA: the part of the blocks, or steps, whose time is that of the host's launches"
)
PREFILL_TIME = Metric("prefill_time", "s", title="the context taken in at once, to the state after it")
STEP_TIME = Metric("step_time", "s", title="one token decoded, the median over steps")
TRAIN_SECONDS = Metric("train_seconds", "s", "none", title="of all steps, beside other trainings")

PEAK_MEMORY = Metric("peak_memory", "B", title="above the start; of training the gradients are in it")
STATE_SIZE = Metric("state_size", "B", "lower", exact=True, title="what is carried on after seq_len tokens")
WEIGHTS_SIZE = Metric("weights_size", "B", "lower", exact=True, title="bytes of the parameters")
WIDTH = Metric("width", "1", "none", exact=True, title="d_model chosen by --match, or by a configuration")
NUM_PARAMS = Metric("num_params", "1", "none", exact=True)
FLOPS = Metric("flops", "1", "none", exact=True, title="matrix products; of your own module counted as it ran")
FLOPS_PER_TOKEN = Metric(
    "flops_per_token", "FLOP", "none", exact=True, title="matrix products of a forward pass, a token"
)

RATIO = Metric("ratio", "1", "none", title="of one case to another in the same round")
EXPONENT = Metric("exponent", "1", "none", title="b of value = a * x**b; x is a length, a width or num_params")
CROSSING = Metric("crossing", "1", "none", title="the seq_len from which the baseline's costs are the larger ones")

# Of the table alone

TOKENS_PER_SECOND = Metric("tokens_per_second", "1/s", "higher", title="of a training pass, all of its tokens")
DECODED_TOKENS_PER_SECOND = Metric("decoded_tokens_per_second", "1/s", "higher", title="of all sequences together")
FLOPS_PER_SECOND = Metric("flops_per_second", "1/s", "higher", title="flops / the time of the pass")
FLOPS_FRACTION = Metric("flops_fraction", "1", "higher", title="flops_per_second / peak_flops")
BYTES_PER_SECOND = Metric("bytes_per_second", "1/s", "higher", title="the least that a training pass moves")
BANDWIDTH_FRACTION = Metric("bandwidth_fraction", "1", "higher", title="bytes_per_second / peak_bandwidth")

# Of the machine

ROUND_METRIC = Metric(ROUND_TIME, "s", "none", title="one round, start-up of its worker aside")
MACHINE_PEAKS = (
    Metric("peak_flops", "FLOP/s", "higher", title="the fastest matrix product"),
    Metric("product_flops", "FLOP/s", "higher", title="a matrix product, by the way it takes"),
    Metric("peak_bandwidth", "B/s", "higher", title="a copy, bytes read and written"),
    Metric("python_loop_time", "s", "lower", title="one step of a Python loop"),
)

# What tells whether the machine is the same, of each kind of bottleneck one; product_flops is inside peak_flops.
CALIBRATION = frozenset(("peak_flops", "peak_bandwidth", "python_loop_time"))
