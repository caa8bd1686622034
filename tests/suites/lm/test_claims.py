"""What the claims of `lm` say: which models, how much of what, the figures of every seed, and what is lacking."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from planted_lm import RATES, TEXT, claimed, contexts, failed, record, trained

from rnn_vs_attn.records.claims import FAILS, HOLDS, UNDECIDED, Claim, stored_claims
from rnn_vs_attn.records.types import Record
from rnn_vs_attn.suites.lm.suite import LM
from rnn_vs_attn.suites.lm.verdicts import FEW_SEEDS, LONGER

LOW, HIGH = [2.0, 2.1, 2.2], [3.0, 3.1, 3.2]


def only(records: Sequence[Record]) -> Claim:
    (found,) = claimed(records)
    return found


# Which one loses less


def test_two_models_that_are_judged_alike_by_time_and_by_tokens_have_one_claim() -> None:
    """By hand: 40 s are three fifths of the way from (25 s, 5.5) to (50 s, 3.0)."""
    found = only([*trained("gpt", LOW), *trained("lstm-lm", HIGH, seconds=50.0)])
    assert found == Claim(
        "lower loss",
        "gpt has a lower loss than lstm-lm at equal time and tokens",
        HOLDS,
        "Bits a byte in that order: 2.000 2.100 2.200 and 4.000 4.080 4.160 after 40 s; "
        "2.000 2.100 2.200 and 3.000 3.100 3.200 after 12,800 tokens",
        "",
        found.axes,
    )
    assert (found.axes["model"], found.axes["beside"], found.axes["equal"]) == ("gpt", "lstm-lm", "time and tokens")


def test_two_models_that_are_judged_differently_have_two() -> None:
    """gpt took twice the time, and half of the way down it was behind."""
    slow = trained("gpt", LOW, seconds=80.0, middle=[4.0] * 3)
    found = claimed([*slow, *trained("lstm-lm", HIGH)])
    assert [(claim.text[-15:], claim.verdict) for claim in found] == [
        ("m at equal time", UNDECIDED),
        ("at equal tokens", HOLDS),
    ]
    assert found[0].figure == "Bits a byte in that order: 4.000 4.000 4.000 and 3.000 3.100 3.200 after 40 s"
    assert found[0].why.startswith("gpt had more time and came to 2.000 2.100 2.200")


def test_what_both_lack_is_said_once() -> None:
    near = only([*trained("gpt", LOW), *trained("lstm-lm", LOW)])
    assert near.why == f"their seeds overlap or are within 1%; {LONGER} may part them"


def test_six_seeds_are_told_by_their_median_and_interval() -> None:
    six = [2.0, 2.1, 2.2, 2.3, 2.4, 2.5]
    assert (
        "2.250 [2.000, 2.500] and 9.000 [9.000, 9.000]"
        in only([*trained("gpt", six), *trained("lstm-lm", [9.0] * 6)]).figure
    )


def test_a_memory_has_a_claim_of_its_own() -> None:
    found = only([*trained("transformer-xl", LOW, memory_len=8), *trained("transformer-xl", HIGH, memory_len=0)])
    assert (found.key, found.verdict) == ("memory", HOLDS)
    assert found.text == "The memory of transformer-xl (memory 8) lowers its loss at equal time and tokens"
    assert found.figure.startswith(
        "Bits a byte with it and without: 2.000 2.100 2.200 and 3.000 3.100 3.200 after 40 s;"
    )


def test_claims_of_two_lengths_are_told_apart() -> None:
    records = [each for n in (16, 32) for m in ("gpt", "mingru") for each in trained(m, LOW, seq_len=n)]
    assert [claim.text[: claim.text.index(" at equal")] for claim in claimed(records)] == [
        "gpt seq_len 16 has a lower loss than mingru seq_len 16",
        "gpt seq_len 32 has a lower loss than mingru seq_len 32",
    ]


def test_a_text_known_by_heart_is_told_in_numbers() -> None:
    """0 bits were nan."""
    found = only([*trained("gpt", [0.0] * 3), *trained("lstm-lm", HIGH)])
    assert (found.verdict, "0.000 0.000 0.000 and 3.000" in found.figure) == (HOLDS, True)


# Fine-tuning, and a model alone


def test_what_fine_tuning_takes_off_is_told_with_what_it_was_before() -> None:
    found = only(trained("gpt", [4.0, 4.1, 4.2], init_from="folder@691f"))
    assert found.text == "Fine-tuning lowers the loss of gpt (folder@691f)"
    assert (found.key, found.verdict) == ("fine-tuning", HOLDS)
    assert found.figure == "8.000 bits a byte before, 4.000 4.100 4.200 after; the median takes 48.8% off"
    assert found.why == "a seed is another order of the text, from the same weights"
    worse = only(trained("gpt", [10.0], init_from="folder@691f"))
    assert (worse.verdict, worse.why) == (UNDECIDED, FEW_SEEDS)
    assert worse.figure.endswith("10.000 after; the median adds 25.0%")


def test_a_layer_alone_stands_beside_counted_pairs_of_bytes() -> None:
    cost = record("mine.py:Layer", "baseline_bits", [3.25], {"method": "bigram"})
    found = only([*trained("mine.py:Layer", LOW), cost])
    assert (found.text, found.verdict) == ("mine.py:Layer has a lower loss than counted pairs of bytes", HOLDS)
    assert found.figure == "2.000 2.100 2.200 bits a byte, the pairs 3.250"
    assert only([*trained("mine.py:Layer", [2.0]), cost]).why == FEW_SEEDS
    assert claimed([]) == claimed(trained("mine.py:Layer", LOW)) == []


def test_a_model_without_an_end_is_named_first_with_what_came_between() -> None:
    lost = [failed("transformer-xl", rate, "out_of_memory", "10 GiB", memory_len=8) for rate in RATES]
    first, *others = claimed([*trained("gpt", LOW), *trained("lstm-lm", HIGH), failed("gpt"), *lost])
    assert (first.key, first.text) == ("learns", "transformer-xl (memory 8) learns the text")
    assert (first.verdict, first.figure) == (UNDECIDED, "No training of it came to its end")
    assert first.why == "out of memory: 10 GiB; --resume RUN --retry trains again"
    assert [claim.key for claim in others] == ["lower loss"]


# How far they see


def seen(model: str, sees: int | None = None, gain: float = 0.5, seeds: int = 3, **fields: Any) -> list[Record]:
    tested = contexts(model, {16: [2.0] * seeds, 64: [2.0 - gain] * seeds}, sees=sees, **fields)
    return [*trained(model, [2.0] * seeds, **fields), *tested]


def test_what_distant_context_gains_is_told_of_each_seed() -> None:
    found = only(seen("mingru"))
    assert found.text == "mingru makes use of more than 16 tokens of context"
    assert (found.key, found.verdict, found.axes["from"], found.axes["to"]) == ("context", HOLDS, 16, 64)
    assert found.figure == "64 tokens in place of 16 take 0.500 0.500 0.500 bits a byte off"
    assert found.why == "a verdict asks for 1% of its loss, 0.020"
    none = only(seen("mingru", gain=0.0))
    assert (none.verdict, "take 0.000 0.000 0.000 bits" in none.figure) == (FAILS, True)


def test_a_loss_of_less_than_is_shown_is_no_gain_below_0() -> None:
    assert "take 0.000 0.000 0.000 bits" in only(seen("mingru", gain=-0.0001)).figure


def test_a_model_that_sees_no_further_is_told_so_and_comes_last() -> None:
    found = only(seen("gpt", sees=16, gain=0.0))
    assert (found.verdict, found.figure, found.why) == (FAILS, "It sees no further than its segment", "")
    both = [*seen("gpt", sees=16, gain=0.0), *seen("mingru", gain=0.1)]
    assert [claim.axes["model"] for claim in claimed(both) if claim.key == "context"] == ["mingru", "gpt"]


def test_too_few_seeds_are_said_to_be_too_few() -> None:
    found = only(seen("mingru", seeds=1))
    assert (found.verdict, found.why) == (UNDECIDED, FEW_SEEDS)


def test_two_memories_have_a_line_each_that_says_which_before_other_models() -> None:
    """Both said: the memory of transformer-xl."""
    records = [*seen("mingru"), *(each for n in (8, 32) for each in seen("transformer-xl", memory_len=n))]
    assert [claim.text for claim in claimed(records) if claim.key == "context"] == [
        f"{model} makes use of more than 16 tokens of context"
        for model in ("transformer-xl (memory 8)", "transformer-xl (memory 32)", "mingru")
    ]


# Stored


def test_a_verdict_is_stored_once_as_the_record_of_its_claim() -> None:
    records = [*seen("mingru"), *seen("gpt", sees=16, gain=0.0)]
    stored = LM.analysis.stored(records)
    assert [r.axes["claim"] for r in stored if r.metric == "verdict"] == ["lower loss", "context", "context"]
    assert stored_claims(stored) == claimed([*records, *stored])
    assert all(claim.axes["text"] == TEXT for claim in stored_claims(stored))


def test_no_sentence_is_longer_than_is_read_at_once() -> None:
    records = [each for n in (0, 64) for each in seen("transformer-xl", memory_len=n)]
    records += [*seen("gpt", sees=16), *seen("lstm-lm", gain=-0.5), *seen("mingru", gain=0.01)]
    assert max(len(part) for claim in claimed(records) for part in claim.sentence.split(". ")) <= 300
