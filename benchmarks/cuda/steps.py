"""The steps of every_check.py: commands as a user types them, and the check programs beside this file."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from rnn_vs_attn.models.backends import PACKAGES

HERE = Path(__file__).resolve().parent
WARM = (
    "import torch\nprint(torch.__version__, torch.version.cuda, torch.cuda.is_available())\n"
    "if torch.cuda.is_available():\n"
    "    print(torch.cuda.get_device_name(), torch.backends.cudnn.version(), torch.randn(9, 9, device='cuda').sum())"
)
DOCTOR = [sys.executable, "-m", "rnn_vs_attn", "doctor"]
SHORT = "--rounds 1 --warm-up 0.05 --block-seconds 0.003 --min-blocks 3 --case-seconds 0.03"
ON_CUDA = ("graphs", "cudagraphs", "tf32", "backend")  # steps that no other device can take
BY_PACKAGES = ("packages", "backend")  # steps that need packages of kernels
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
    missing = [] if all(find_spec(package.module) for package in PACKAGES.values()) else BY_PACKAGES
    return [step for step in made if step.name not in missing and (on_cuda or step.name not in ON_CUDA)]


def _program(name: str, device: str, quick: bool) -> list[str]:
    return [sys.executable, str(HERE / f"{name}.py"), "--device", device, *(["--quick"] if quick else [])]


def _command(words: str, device: str, output: Path) -> list[str]:
    kept = ["--output", str(output), "--anonymous", "--quiet"]
    return [sys.executable, "-m", "rnn_vs_attn", *words.split(), "--device", device, *kept]


def _first(device: str, runs: Path, quick: bool) -> Iterator[Step]:
    """Does it start; and the command that the program is for."""
    yield Step("warm", 90, [sys.executable, "-c", WARM])
    yield Step("doctor", 40, DOCTOR, (0, 1))
    words = "bench --seq-len 32 --rounds 1 --threads 1" if quick else "bench --seq-len 512"
    yield Step("card", 200, _command(words, device, runs / "card"))


def _checks(device: str, quick: bool) -> Iterator[Step]:
    """What it says against answers from elsewhere."""
    yield Step("bare", 150, _program("called_bare", device, quick))
    tests = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "cuda", "tests"]
    yield Step("tests", 200, tests, beside=True)
    yield Step("values", 120, _program("values", device, quick), beside=True)
    yield Step("kernels", 150, _program("kernels", device, quick), beside=True)
    yield Step("packages", 150, _program("../peers/kernel_packages", device, quick))
    yield Step("peaks", 30, _program("peaks", device, quick))
    yield Step("faults", 150, _program("faults", device, quick))
    yield Step("graphs", 120, _program("graph_replays", device, quick))
    yield Step("without", 40, DOCTOR, (0, 1), hidden=OPTIONAL)


def _runs(device: str, runs: Path, quick: bool) -> Iterator[Step]:
    """The other commands; what they keep of more than one round is fit to be kept for good."""
    for run in RUNS:
        words = f"{run.command} {run.quick if quick else run.whole}"
        yield Step(run.name, run.limit, _command(words, device, runs / run.name), run.exits)


@dataclass(frozen=True)
class Run:
    """A step that runs a command with the words `whole`, or with --quick `quick`."""

    name: str
    limit: float
    command: str
    whole: str
    quick: str
    exits: tuple[int, ...] = (0, 4)


MODELS = "lstm,gru,rnn,mingru,mamba2,linear-attention,attention,attention-local,attention-naive"
LENGTHS = f"--model {MODELS} --seq-len 512,2048,8192,32768 --dtype float32,bfloat16 --max-seconds 400"
LONG = f"--model {MODELS} --seq-len 131072 --dtype float32,bfloat16 {SHORT} --max-seconds 220"
GRID = "--seq-len 256:8192 --d-model 64:256 --model attention,lstm,conv,attention-local,mingru --max-seconds 310"
SMALL_GRID = f"--seq-len 16:32 --d-model 8:16 --num-heads 2 --model attention,lstm {SHORT}"
GRAPHS = f"--cuda-graphs --model lstm,attention,mingru,lstm-cell {SHORT}"
TF32 = f"--tf32 --model lstm,attention {SHORT}"
PACKAGED = f"--backend torch,fla --model retention,gated-deltanet,rwkv7 --dtype float32,bfloat16 {SHORT}"
SMALL_COMPILE = f"--seq-len 32 --model attention --compile {SHORT}"
XL, SMALL_XL = "--seq-len 800,1800 --rounds 1", "--seq-len 16,32 --d-model 32 --num-layers 1 --train-len 16 --rounds 1"
GPT, SMALL_GPT = "--size gpt2 --seq-len 512 --rounds 1", "--size 4x256 --seq-len 16 --rounds 1"
AA = "--aa --model lstm,attention --screen 5 --confirm 1 --max-seconds 90"
RUNS = (
    Run("bench", 420, "bench", LENGTHS, "--model lstm,attention --seq-len 16:32 --rounds 1"),
    Run("decode", 150, "decode", "--seq-len 64,1024,4096 --max-seconds 130", "--seq-len 16 --d-model 32 --rounds 1"),
    Run("gradflow", 120, "gradflow", "--max-seconds 110", "--seq-len 64 --rounds 1"),
    Run("long", 240, "bench", LONG, f"--model attention-naive,mingru --seq-len 64 {SHORT}"),
    Run("scaling", 330, "scaling", GRID, SMALL_GRID),
    Run("cudagraphs", 120, "bench", f"--seq-len 512 {GRAPHS}", f"--seq-len 32 {GRAPHS}"),
    Run("tf32", 60, "bench", f"--seq-len 512 {TF32}", f"--seq-len 32 {TF32}"),
    Run("backend", 200, "bench", f"--seq-len 1024 {PACKAGED}", f"--seq-len 64 {PACKAGED}"),
    Run("compile", 180, "bench", f"--seq-len 512 --model attention,mingru --compile {SHORT}", SMALL_COMPILE),
    Run("transformer-xl", 100, "variants transformer-xl", XL, SMALL_XL),
    Run("gpt", 100, "variants gpt", GPT, SMALL_GPT),
    Run("ab", 120, "ab", f"{AA} --seq-len 512", f"{AA} --seq-len 32", (0, 3)),
)
