"""The measuring step and the last one: what `ab` is told, what becomes of its exit code, and how it is interrupted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from played_runner import ACTION, Done, Hub, Job

STEP = "Measure both versions"
_RECORDS = '#!/bin/bash\nprintf "%s\\0" "$@" > "$HOME/words"\nprintf "%s" "$PWD" > "$HOME/folder"\nexit {code}\n'
_WAITS = """#!/bin/bash
trap "exit 143" TERM
echo $$ > "$HOME/began"
kill -{sent} "$PPID"  # at once, as early as anybody could
while :; do sleep 0.05; done
"""
_HOSTILE = [
    "it's",
    'a"b',
    "$(touch x)",
    "`touch x`",
    "a; touch x",
    "a b",
    "*",
    "--junit=x",
    "-m",
    "a\nb",
    "%0A::error::b",
]


@pytest.fixture
def job(server: Hub) -> Job:
    made = server.pull_request()
    made.program("ab", _RECORDS.format(code=0))
    return made


def measured(job: Job, **inputs: str) -> Done:
    """The step alone, with a program that only writes down what it is told."""
    return job.run(
        {"model": "mixers:Mixer"} | inputs,
        only=STEP,
        AB_PROGRAM="ab",
        AB_BASELINE="b" * 40,
        AB_CANDIDATE="c" * 40,
        AB_WHY="it",
    )


def told(job: Job) -> list[str]:
    """The words, without those that say where results go to."""
    words = (job.home / "words").read_text().split("\0")[:-1]
    assert words[:3] == ["ab", "b" * 40, "c" * 40]
    assert words[-6::2] == ["--output", "--markdown", "--junit"]
    return words[3:-6]


def test_what_is_not_given_is_left_to_the_program(job: Job) -> None:
    assert measured(job).code == 0
    assert told(job) == ["--model=mixers:Mixer"]


def test_every_input_reaches_the_program(job: Job) -> None:
    done = measured(
        job,
        **{"seq-len": "64,128", "margin": "5%", "setup": "pip install -e '.[dev]'", "require-equal": "true"},
        strict="true",
        **{"model-arg": "bias=False\nnorm=layer norm\n", "args": "--pass forward\n--memory-len 4 --device 'a b'"},
    )
    assert done.code == 0, done.log
    assert told(job) == [
        *("--model=mixers:Mixer", "--seq-len=64,128", "--margin=5%", "--setup=pip install -e '.[dev]'"),
        *("--model-arg=bias=False", "--model-arg=norm=layer norm", "--require-equal", "--strict"),
        *("--pass", "forward", "--memory-len", "4", "--device", "a b"),
    ]


def test_a_block_of_yaml_is_a_value_too(job: Job) -> None:
    """`setup: |` with lines below."""
    assert measured(job, model="mixers:Mixer\n", setup="pip install a\npip install -e .\n", margin="\n").code == 0
    assert told(job) == ["--model=mixers:Mixer", "--setup=pip install a\npip install -e ."]


def test_every_input_has_a_place() -> None:
    text = str(ACTION["runs"])
    assert [name for name in ACTION["inputs"] if f"inputs.{name}" not in text] == []


@pytest.mark.parametrize("value", _HOSTILE)
def test_a_value_is_one_word_and_no_command(job: Job, value: str) -> None:
    names = ("model", "seq-len", "margin", "setup")
    assert measured(job, **dict.fromkeys(names, value)).code == 0
    assert told(job) == [f"--{name}={value}" for name in names]
    assert not (job.checkout / "x").exists()


@pytest.mark.parametrize("value", ["$(touch x)", "`touch x`", "a;touch${IFS}x", "*", "%0A::error::b"])
def test_further_options_are_words_and_not_expanded(job: Job, value: str) -> None:
    assert measured(job, args=f"--seed 1 {value}").code == 0
    assert told(job) == ["--model=mixers:Mixer", "--seed", "1", *value.split()]
    assert not (job.checkout / "x").exists()


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"args": "--pass 'forward"}, "args has a quote that nothing closes: --pass 'forward"),
        ({"strict": "yes"}, "strict is 'yes'; it can be true or false"),
        ({"require-equal": "True"}, "require-equal is 'True'; it can be true or false"),
        ({"comment": "a\n::error::b"}, "comment is 'a%0A::error::b'; it can be true or false"),
    ],
)
def test_an_input_that_is_none_is_refused_before_anything_is_measured(
    job: Job, inputs: dict[str, str], said: str
) -> None:
    done = measured(job, **inputs)
    assert done.code == 2
    assert f"::error title=rnn-vs-attn::{said}" in done.log.splitlines()
    assert not (job.home / "words").exists()


def test_it_measures_in_the_folder_that_is_given(job: Job) -> None:
    (job.checkout / "sub folder").mkdir()
    measured(job, **{"working-directory": "sub folder"})
    assert Path((job.home / "folder").read_text()) == job.checkout / "sub folder"


@pytest.mark.parametrize("code", [0, 1, 2, 3, 5, 143])
def test_the_exit_code_is_left_for_the_last_step(job: Job, code: int) -> None:
    job.program("ab", _RECORDS.format(code=code))
    done = measured(job)
    assert done.code == 0
    assert done.outputs["action"]["exit-code"] == str(code)
    results = Path(done.outputs["action"]["results"])
    assert results.is_dir()
    assert done.outputs["action"]["summary"] == str(results / "summary.md")


def test_results_of_two_uses_in_a_job_lie_apart(job: Job) -> None:
    first, second = (measured(job).outputs["measure"] for _ in range(2))
    assert first["results"] != second["results"]
    assert first["id"] == second["id"]


def test_what_is_measured_has_a_name_of_its_own(job: Job) -> None:
    """By which comments and artifacts of two jobs stay apart, and those of two runs of a job do not."""
    found = [measured(job), measured(job, model="mixers:Other"), measured(job, **{"seq-len": "64"})]
    found += [measured(job, args="--seed 1"), measured(job, baseline="v1"), measured(job, **{"working-directory": "."})]
    job.matrix = {"python": "3.12"}
    found.append(measured(job))
    job.variables["GITHUB_JOB"] = "other"
    found.append(measured(job))
    names = [done.outputs["measure"]["id"] for done in found]
    assert names.pop(5) == names[0]
    assert len(set(names)) == 7
    assert all(len(name) == 12 and name.isalnum() for name in names)


@pytest.mark.parametrize("sent", ["INT", "TERM"])
def test_who_ends_the_step_ends_the_measurement(job: Job, sent: str) -> None:
    """The runner tells the step's shell alone, which another program is by then; that one waits for the end."""
    job.program("ab", _WAITS.format(sent=sent))
    done = measured(job)
    assert done.code == 0
    assert done.outputs["action"]["exit-code"] == "143"
    with pytest.raises(ProcessLookupError):
        os.kill(int((job.home / "began").read_text()), 0)


def test_the_shell_of_each_step_becomes_its_script() -> None:
    """Or the signal would reach a shell that waits, and not the script."""
    assert all(step["run"].startswith("exec ") for step in ACTION["runs"]["steps"] if "run" in step)


# The last step


@pytest.mark.parametrize(
    ("code", "strict", "red", "said"),
    [
        ("0", "false", 0, ""),
        ("1", "false", 1, ""),
        ("5", "false", 5, ""),
        ("3", "false", 0, "::warning title=rnn-vs-attn::no verdict (exit code 3)"),
        ("3", "true", 3, ""),
        ("2", "false", 2, "::error title=rnn-vs-attn::nothing was compared: "),
        ("130", "false", 130, "::error title=rnn-vs-attn::the measurement was ended (exit code 130)"),
        ("143", "true", 143, "::error title=rnn-vs-attn::the measurement was ended (exit code 143)"),
        ("137", "false", 137, "::error title=rnn-vs-attn::the measurement was ended (exit code 137)"),
    ],
)
def test_what_is_red(server: Hub, code: str, strict: str, red: int, said: str) -> None:
    done = server.pull_request().run({"model": "m", "strict": strict}, only="Verdict", EXIT_CODE=code)
    assert done.code == red
    assert done.log.startswith(said)
    assert bool(done.log) == bool(said)
