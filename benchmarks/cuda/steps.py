"""The steps of every_check.py: commands as a user types them, and the check programs beside this file."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
WARM = (
    "import torch\nprint(torch.__version__, torch.version.cuda, torch.cuda.is_available())\n"
    "if torch.cuda.is_available():\n"
    "    print(torch.cuda.get_device_name(), torch.backends.cudnn.version(), torch.randn(9, 9, device='cuda').sum())"
)
SHORT = "--rounds 1 --warm-up 0.05 --block-seconds 0.003 --min-blocks 3 --case-seconds 0.03"
OPTIONAL = ("psutil", "pynvml", "pytest", "pyarrow")


@dataclass(frozen=True)
class Step:
    """A command. limit: seconds. exits: those that are as they should be. beside: it may share the device with its
    neighbours, as nothing of it is timed. hidden: packages that it must do without.
    """

    name: str
    limit: float
    command: list[str]
    exits: tuple[int, ...] = (0,)
    beside: bool = False
    hidden: tuple[str, ...] = ()


def steps(device: str, runs: Path, quick: bool) -> list[Step]:
    """All of them for a device, in order; what judges least comes last."""
    on_cuda = device.startswith("cuda")
    made = [*_first(device, runs, quick), *_checks(device, quick), *_runs(device, runs, quick)]
    return [step for step in made if on_cuda or step.name not in ("graphs", "cudagraphs", "tf32")]


def _program(name: str, device: str, quick: bool, *more: str) -> list[str]:
    on = [] if name == "graph_replays" else ["--device", device]
    return [sys.executable, str(HERE / f"{name}.py"), *on, *(["--quick"] if quick else []), *more]


def _command(words: str, device: str, output: Path | None = None) -> list[str]:
    kept = [] if output is None else ["--output", str(output), "--anonymous", "--quiet"]
    return [sys.executable, "-m", "rnn_vs_attn", *words.split(), "--device", device, *kept]


def _first(device: str, runs: Path, quick: bool) -> Iterator[Step]:
    """Does it start; and the command that the program is for."""
    doctor = [sys.executable, "-m", "rnn_vs_attn", "doctor"]
    yield Step("warm", 90, [sys.executable, "-c", WARM])
    yield Step("doctor", 40, doctor, (0, 1))
    words = "bench --seq-len 32 --rounds 1 --threads 1" if quick else "bench --seq-len 512"
    yield Step("card", 200, _command(words, device, runs / "card"))


def _checks(device: str, quick: bool) -> Iterator[Step]:
    """What it says against answers from elsewhere."""
    yield Step("bare", 150, _program("called_bare", device, quick))
    tests = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "cuda", "tests"]
    yield Step("tests", 200, tests, beside=True)
    yield Step("values", 120, _program("values", device, quick), beside=True)
    yield Step("kernels", 150, _program("kernels", device, quick), beside=True)
    yield Step("peaks", 30, _program("peaks", device, quick))
    yield Step("faults", 150, _program("faults", device, quick))
    yield Step("graphs", 120, _program("graph_replays", device, quick))
    without = [sys.executable, "-m", "rnn_vs_attn", "doctor"]
    yield Step("without", 40, without, (0, 1), hidden=OPTIONAL)


def _runs(device: str, runs: Path, quick: bool) -> Iterator[Step]:
    """The other commands; the runs of the first four are fit to be kept."""
    for name, limit, small, whole in (
        ("bench", 420, "--model lstm,attention --seq-len 16:32 --rounds 1", BENCH),
        ("decode", 150, "--seq-len 16 --d-model 32 --rounds 1", DECODE),
        ("gradflow", 120, "--seq-len 64 --rounds 1", "--max-seconds 110"),
        ("long", 240, f"--model attention-naive,mingru --seq-len 64 {SHORT}", LONG),
        ("scaling", 330, f"--seq-len 16:32 --d-model 8:16 --num-heads 2 --model attention,lstm {SHORT}", SCALING),
        ("cudagraphs", 120, "", f"--seq-len 512 --cuda-graphs --model lstm,attention,mingru,lstm-cell {SHORT}"),
        ("tf32", 60, "", f"--seq-len 512 --model lstm,attention --tf32 {SHORT}"),
        ("compile", 180, f"--seq-len 32 --model attention --compile {SHORT}", COMPILE),
    ):
        suite = name if name in ("gradflow", "decode", "scaling") else "bench"
        yield Step(name, limit, _command(f"{suite} {small if quick else whole}", device, runs / name), (0, 4))
    for name, small, whole in (("transformer-xl", XL, "--seq-len 800,1800"), ("gpt", GPT, "--size gpt2 --seq-len 512")):
        words = f"variants {name} {small if quick else whole} --rounds 1"
        yield Step(name, 100, _command(words, device, runs / name), (0, 4))
    sizes = "--seq-len 32 --screen 5 --confirm 1" if quick else "--seq-len 512 --screen 5 --confirm 1"
    words = f"ab --aa --model lstm,attention {sizes} --max-seconds 90"
    yield Step("ab", 120, _command(words, device, runs / "ab"), (0, 3))


MODELS = "lstm,gru,rnn,mingru,mamba2,linear-attention,attention,attention-local,attention-naive"
BENCH = f"--model {MODELS} --seq-len 512,2048,8192,32768 --dtype float32,bfloat16 --max-seconds 400"
LONG = f"--model {MODELS} --seq-len 131072 --dtype float32,bfloat16 {SHORT} --max-seconds 220"
DECODE = "--seq-len 64,1024,4096 --max-seconds 130"
SCALING = "--seq-len 256:8192 --d-model 64:256 --model attention,lstm,conv,attention-local,mingru --max-seconds 310"
COMPILE = f"--seq-len 512 --model attention,mingru --compile {SHORT}"
XL = "--seq-len 16,32 --d-model 32 --num-layers 1 --train-len 16"
GPT = "--size 4x256 --seq-len 16"
