"""`show` at the command line."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from command import assert_one_sentence, run
from paths import REFERENCE

pytestmark = pytest.mark.process


def test_a_stored_run_is_printed_again() -> None:
    done = run("show", str(REFERENCE / "full/gradflow"))
    assert (done.returncode, done.stderr) == (0, "")
    assert "- Gradients through lstm vanish: holds. " in done.stdout
    assert "| model | seq_len | half-life, tokens | reach, tokens | law |" in done.stdout


def test_all_columns_or_some() -> None:
    every = run("show", str(REFERENCE / "full/gradflow"), "--columns", "all").stdout
    assert "| largest singular value |" in every
    some = run("show", str(REFERENCE / "full/gradflow"), "--columns", "law,decay a token").stdout
    assert "| model | seq_len | law | decay a token |" in some


def test_json_is_one_document_of_one_run_and_of_several() -> None:
    one = json.loads(run("show", str(REFERENCE / "full/gradflow"), "--json").stdout)
    assert one["run"]["suite"] == "gradflow"
    assert one["found"][0].startswith("Gradients through rnn vanish: holds. ")
    both = json.loads(run("show", str(REFERENCE / "full/gradflow"), str(REFERENCE / "full/decode"), "--json").stdout)
    assert [each["run"]["suite"] for each in both["runs"]] == ["gradflow", "decode"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["results/nowhere"], "results/nowhere holds no run; give run folders, or a folder that holds them"),
        ([str(REFERENCE / "full/gradflow"), "--columns", "laws"], "unknown column 'laws'; did you mean 'law'?"),
        ([str(REFERENCE / "ab")], "is a run of ab"),
    ],
)
def test_what_cannot_be_shown_is_one_sentence(words: list[str], said: str) -> None:
    assert_one_sentence(run("show", *words), said)


def test_torch_is_not_loaded() -> None:
    words = ["show", str(REFERENCE / "full/bench")]
    script = f"import sys; sys.argv[1:] = {words!r}\nfrom rnn_vs_attn.cli import app\ntry: app.main()\n"
    script += "finally: print('torch' in sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.strip()) == (0, "False")
