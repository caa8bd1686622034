"""Which processors both sides of a pair may use."""

from __future__ import annotations

from fakes import FakeCase
from planted_pairs import Laboratory


def test_both_sides_of_a_pair_share_processors_that_change_from_pair_to_pair(laboratory: Laboratory) -> None:
    laboratory.judged("lstm", cores=(2, 5, 7))
    assert laboratory.pinned == [{core} for n in range(8) for core in [(2, 5, 7)[n % 3]] * 2]


def test_on_a_gpu_a_process_has_a_processor_for_autograd_too(laboratory: Laboratory) -> None:
    """The thread that launches the kernels of a backward pass ran on the one of the thread that waits for it."""
    cases = [FakeCase(model="lstm", device="cuda", threads=1)]
    laboratory.judged(cases=cases, cores=(2, 5, 7))
    assert laboratory.pinned == [cores for n in range(8) for cores in [({2, 5}, {7, 2}, {5, 7})[n % 3]] * 2]


def test_nothing_is_pinned_where_a_case_takes_all_processors(laboratory: Laboratory) -> None:
    cases = [FakeCase(model="lstm", device="cpu", threads=2)]
    laboratory.judged(cases=cases, cores=(0, 1))
    assert laboratory.pinned == []
