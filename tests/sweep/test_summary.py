"""What all parts found, in one place."""

from __future__ import annotations

from pathlib import Path

import pytest
from planted_runs import stored

from rnn_vs_attn.records.claims import Claim
from rnn_vs_attn.records.states import COMPLETE, NOT_BEGUN
from rnn_vs_attn.sweep import summary
from rnn_vs_attn.sweep.summary import Outcome

CLAIMS = [Claim("faster", f"Claim {i}", "holds", "2.0 times") for i in range(5)]


@pytest.fixture
def outcomes(tmp_path: Path) -> list[Outcome]:
    records = [Claim(f"faster-{i}", f"Claim {i}", "holds", "2.0 times").record("bench") for i in range(5)]
    done = Outcome("layers", "bench", stored(tmp_path / "layers", *records), COMPLETE)
    return [done, Outcome("<b>", "bench", tmp_path / "b", NOT_BEGUN, 2, "no\x1bsuch *thing*")]


def test_the_page_has_all_and_the_terminal_the_first(
    outcomes: list[Outcome], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    summary.write(tmp_path, outcomes)
    page = (tmp_path / "summary.md").read_text()
    assert page.splitlines()[0] == "2 parts: 1 complete, 1 not begun"
    assert [line for line in page.splitlines() if line.startswith("- ")] == [
        f"- Claim {i}: holds. 2.0 times." for i in range(5)
    ]
    summary.show(outcomes)
    shown = capsys.readouterr().out
    assert shown.count("- Claim") == 3
    assert f"2 more in {tmp_path}/layers/table.md" in shown
    for text in (page, shown):
        assert "## layers: complete" in text
        assert "## &lt;b>: failed: no\\x1bsuch \\*thing\\*" in text
        assert "\x1b" not in text


def test_a_run_that_cannot_be_read_says_why(outcomes: list[Outcome], tmp_path: Path) -> None:
    (tmp_path / "layers/records.jsonl").write_text("{")
    (sentence,) = summary.found_in(outcomes[0])
    assert "records.jsonl, line 1 is damaged" in sentence


def test_json_of_a_part(outcomes: list[Outcome]) -> None:
    assert outcomes[1].as_json == {
        "name": "<b>",
        "suite": "bench",
        "folder": str(outcomes[1].folder),
        "state": "not begun",
        "code": 2,
        "error": "no\x1bsuch *thing*",
        "run": None,
    }


def test_json_has_the_runs_of_earlier_calls_too(outcomes: list[Outcome], tmp_path: Path) -> None:
    summary.put_documents(outcomes)
    assert outcomes[0].document["run"]["suite"] == "bench"
    assert len(outcomes[0].document["records"]) == 5
    assert outcomes[1].document is None
    outcomes[0].document = None
    (tmp_path / "layers/run.json").write_text("[]")
    summary.put_documents(outcomes)
    assert "holds no object" in outcomes[0].error


def test_a_dry_run_adds_up(capsys: pytest.CaptureFixture[str]) -> None:
    parts = [Outcome("a", "bench", None, estimate=(60.0, 120.0)), Outcome("b", "bench", None, estimate=(30.0, 30.0))]
    summary.tell_estimate(parts, None)
    summary.tell_estimate(parts, 100.0)
    assert capsys.readouterr().out.split("\n\n") == [
        "\n2 parts, about 1 min 30 s to 2 min 30 s in all",
        "2 parts, about 1 min 30 s to 2 min 30 s in all (max_seconds 100 bounds it)\n",
    ]
