"""What `variants transformer-xl` found, of times, fields and peaks that are planted."""

from __future__ import annotations

import pytest
from planted_variants import at, xl

from rnn_vs_attn.records.claims import Claim
from rnn_vs_attn.records.types import Record
from rnn_vs_attn.suites.variants.transformer_xl import analysis, claims
from rnn_vs_attn.suites.variants.transformer_xl.suite import VARIANTS_TRANSFORMER_XL


def found(records: list[Record], key: str) -> list[Claim]:
    return [each for each in claims.claims([*records, *analysis.derive(records)]) if each.key == key]


def evaluated(method: str, ratios: dict[int, float], rounds: int = 6, **fields: int) -> list[Record]:
    """Times of a method beside the memory's, by the attention length."""
    return [
        at(VARIANTS_TRANSFORMER_XL, "token_time", xl(which, length, **fields), [1e-6 * value] * rounds)
        for length, ratio in ratios.items()
        for which, value in (("memory", length), (method, length * ratio))
    ]


@pytest.mark.parametrize("method", ["window-1", "window-half", "cache", "cache-segment"])
@pytest.mark.parametrize(
    ("ratios", "word"),
    [
        ({800: 400.0, 3800: 1900.0}, "holds"),
        ({800: 0.5, 3800: 0.4}, "does not hold here"),
        ({800: 2.0, 3800: 0.9}, "does not hold here"),
    ],
)
def test_what_another_method_takes_decides_whether_the_memory_is_faster(
    method: str, ratios: dict[int, float], word: str
) -> None:
    (said,) = found(evaluated(method, ratios), "evaluates-faster")
    assert said.verdict == word
    assert said.axes["method"] == method


def test_the_ends_are_told_beside_the_papers() -> None:
    (said,) = found(evaluated("window-1", {800: 400.0, 1800: 900.0, 3800: 1900.0}), "evaluates-faster")
    assert said.figure == (
        "Such a window takes 400 [400, 400] times as long at attention length 800, 1,900 [1,900, 1,900] times at 3,800"
    )
    assert said.why == "the paper's Table 9 has 363 and 1,874"  # Dai et al. 2019
    (alone,) = found(evaluated("window-1", {100: 50.0}), "evaluates-faster")
    assert (alone.verdict, alone.why) == ("holds", "")
    assert alone.figure.endswith("times as long at attention length 100")


@pytest.mark.parametrize(
    ("method", "fields", "said"),
    [("cache", {}, True), ("memory", {}, True), ("window-half", {}, False), ("cache", {"d_model": 64}, False)],
)
def test_times_of_the_hosts_launches_are_said_to_be_that(method: str, fields: dict[str, int], said: bool) -> None:
    """Those of the method or of the memory beside it, at the claim's own width, and at any length."""
    records = evaluated("cache", {800: 4.0, 3800: 4.0}, d_model=128)
    case = xl(method, 800, **({"d_model": 128} | fields))
    bound = at(VARIANTS_TRANSFORMER_XL, "launch_bound", case, [1.0], **{"pass": "token"})
    (claim,) = found([*records, bound], "evaluates-faster")
    assert claim.why == "some of these times are those of the host's launches, not the GPU's" * said


def test_below_six_rounds_nothing_is_decided() -> None:
    (said,) = found(evaluated("cache", {800: 4.0}, rounds=2), "evaluates-faster")
    assert said.verdict == "undecided"
    assert said.why.startswith("an interval takes 6 rounds: --rounds 6")


def test_each_width_has_a_claim_that_names_it() -> None:
    records = [r for width in (64, 128) for r in evaluated("cache", {800: 4.0}, d_model=width)]
    said = found(records, "evaluates-faster")
    assert [each.axes["d_model"] for each in said] == [64, 128]
    assert [each.figure.split(" (")[-1] for each in said] == ["d_model 64)", "d_model 128)"]


@pytest.mark.parametrize(("reach", "word"), [(35.0, "holds"), (3.0, "does not hold here")])
def test_a_field_beyond_the_segment_is_further(reach: float, word: str) -> None:
    def field(memory_len: int, value: float) -> Record:
        axes = {"position": 3, "memory_len": memory_len}
        return at(VARIANTS_TRANSFORMER_XL, "receptive_field", xl("memory", 800), [value], **axes)

    (said,) = found([field(0, 3.0), field(8, reach)], "sees-further")
    assert said.verdict == word
    assert said.figure.startswith("With 4 layers, segments of 4 tokens and a memory of 8, an output depends on tokens")
    assert said.figure.endswith(f"up to {reach:.0f} back; without a memory, 3")


@pytest.mark.parametrize(
    ("halves", "word"), [(30.0, "holds"), (70.0, "does not hold here"), (60.0, "does not hold here")]
)
def test_training_memory_is_held_against_one_long_segment(halves: float, word: str) -> None:
    axes = {"pass": "train"}
    records = [
        at(VARIANTS_TRANSFORMER_XL, "peak_memory", xl("memory", 801), [halves] * 6, **axes, memory_len=400),
        at(VARIANTS_TRANSFORMER_XL, "peak_memory", xl("memory", 801), [60.0] * 6, **axes, memory_len=0),
    ]
    (said,) = found(records, "saves-memory")
    assert said.verdict == word
    assert said.figure.startswith("A segment of 401 after a memory of 400 takes ")
    assert said.figure.endswith(" of what one segment of 801 takes")


def test_of_no_records_nothing_is_claimed() -> None:
    assert claims.claims([]) == []


def test_the_length_that_decides_is_told() -> None:
    """It is slower at one in the middle, though both ends are faster."""
    (said,) = found(evaluated("cache", {800: 4.0, 1800: 0.5, 2800: 2.0, 3800: 3.0}), "evaluates-faster")
    assert said.verdict == "does not hold here"
    assert (
        "4.00 [4.00, 4.00] times as long at attention length 800, 0.500 [0.500, 0.500] times at 1,800, " in said.figure
    )
    assert said.figure.endswith("3.00 [3.00, 3.00] times at 3,800")


def test_what_is_undecided_asks_for_what_the_length_lacks_that_is() -> None:
    records = [*evaluated("cache", {800: 4.0}), *evaluated("cache", {1800: 4.0}, rounds=2)]
    (said,) = found(records, "evaluates-faster")
    assert said.verdict == "undecided"
    assert said.why.startswith("an interval takes 6 rounds: --rounds 6")


def test_memory_that_one_length_does_not_save_is_told_of_that_length() -> None:
    def peak(length: int, memory_len: int, value: float) -> Record:
        axes = {"pass": "train", "memory_len": memory_len}
        return at(VARIANTS_TRANSFORMER_XL, "peak_memory", xl("memory", length), [value] * 6, **axes)

    short = [peak(400, 0, 1e6), peak(400, 200, 5e5)]
    (said,) = found([*short, peak(800, 0, 1e6), peak(800, 400, 2e6)], "saves-memory")
    assert (said.verdict, said.why) == ("does not hold here", "")
    assert (
        said.figure == "A segment of 400 after a memory of 400 takes 2.00 [2.00, 2.00] of what one segment of 800 takes"
    )
