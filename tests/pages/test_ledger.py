"""The ledger: order, verdicts in words, the same claim of several machines."""

from __future__ import annotations

from planted_reports import CLAIMS, H100, entry, time

from rnn_vs_attn.pages import ledger
from rnn_vs_attn.records.claims import HOLDS, Claim


def test_the_first_claim_of_each_run_comes_before_the_second_of_any() -> None:
    found = ledger.ledger([entry("scaling", claims=CLAIMS[:2]), entry("lm", claims=CLAIMS[2:])], ["run-1", "run-2"])
    assert [(finding.claim.key, finding.anchor) for finding in found] == [
        ("training", "run-1"),
        ("memory", "run-2"),
        ("vanishing", "run-1"),
    ]


def test_a_row_has_the_verdict_as_a_sign_and_a_word() -> None:
    runs = [entry("scaling", claims=CLAIMS)]
    table = ledger.table(ledger.ledger(runs, ["run-1"]), runs)
    assert table.header == ["claim", "verdict", "figure", "why", "measured by"]
    assert [row[1] for row in table.rows] == ["✗ does not hold here", "✓ holds", "? undecided"]
    assert table.rows[1][2:4] == ["half is lost after 1.41 tokens", "0 from 256"]


def test_machines_stand_side_by_side() -> None:
    there = Claim(CLAIMS[0].key, CLAIMS[0].text, HOLDS, "it takes 0.5 times as long", axes={"device": "cuda"})
    on_gpu = time("lstm", 0.1, 0.09, 0.11, device="cuda")
    runs = [entry("scaling", claims=CLAIMS[:2]), entry("scaling", on_gpu, claims=[there], environment=H100)]
    found = ledger.ledger(runs, ["run-1", "run-2"])
    table = ledger.table(found, runs)
    assert table.header == ["claim", "on AMD EPYC, 2 cores", "on NVIDIA H100", "measured by"]
    assert table.rows[0][1:3] == [
        "✗ does not hold here. it takes 1.40 [1.30, 1.50] times as long",
        "✓ holds. it takes 0.5 times as long",
    ]
    assert table.rows[1][2] == "not measured"
    assert ledger.headline(found) == "Of 3 verdicts 2 hold, 1 does not hold here, 0 are undecided."


def test_two_runs_of_one_machine_keep_both_verdicts() -> None:
    runs = [entry("scaling", claims=CLAIMS[:1], path=f"{day}/scaling") for day in ("monday", "tuesday")]
    found = ledger.ledger(runs, ["a", "b"])
    assert [finding.anchor for finding in found] == ["a", "b"]
    told = [row[-1] for row in ledger.table(found, runs).rows]
    assert told == ["scaling: monday/scaling", "scaling: tuesday/scaling"]


def test_the_headline_counts() -> None:
    found = ledger.ledger([entry("scaling", claims=CLAIMS)], ["run-1"])
    assert ledger.headline(found) == "Of 3 claims 1 holds, 1 does not hold here, 1 is undecided."
    assert ledger.headline([]).startswith("These runs hold no claims")


def test_in_what_runs_of_several_machines_differ_beside_the_machine_is_told() -> None:
    """A claim of both stands in one row, of 64 tokens and float32 here and of others there."""
    here = entry("bench", *(time("lstm", 0.1, 0.1, 0.1, n) for n in (64, 1024)))
    there = [time("gru", 0.1, 0.1, 0.1, n, device="cuda", dtype="bfloat16") for n in range(64, 4097, 64)]
    on_gpu = entry("bench", *there, environment=H100)
    assert ledger.unlike([here, on_gpu]) == [
        "The runs of bench differ in more than the machine: seq_len 64, 1,024 on AMD EPYC, 2 cores and 64 to 4,096 (64 "
        "of them) on NVIDIA H100; dtype float32 on AMD EPYC, 2 cores and bfloat16 on NVIDIA H100."
    ]
    assert ledger.unlike([here, here]) == []
    same = entry("bench", *(time("gru", 0.1, 0.1, 0.1, n, device="cuda") for n in (64, 1024)), environment=H100)
    assert ledger.unlike([here, same, entry("decode")]) == []
