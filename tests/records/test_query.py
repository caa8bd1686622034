"""Records as a data frame."""

from __future__ import annotations

from fakes import record, unfinished_run


def test_a_frame_has_a_row_a_record_and_a_column_an_axis() -> None:
    made = [record("train_time", 2.0, 1.0, 3.0, model="lstm", seq_len=64), record("flops", 7.0, model="gru")]
    frame = unfinished_run(records=made).frame()
    assert frame[["metric", "model", "median"]].values.tolist() == [["train_time", "lstm", 2.0], ["flops", "gru", 7.0]]
    assert frame["seq_len"].isna().tolist() == [False, True]
    assert str(frame["seq_len"].dtype) == "Int64"
    assert frame.loc[0, ["low", "high"]].tolist() == [1.0, 3.0]


def test_axes_of_a_frame_keep_their_kinds() -> None:
    kinds = {"whole": 3, "part": 2.0, "word": "a", "flag": True, "mixed": 4}
    made = [record("flops", 7.0, **kinds), record("flops", 7.0, **kinds | {"mixed": 0.5}), record("flops", 7.0)]
    frame = unfinished_run(records=made).frame()
    assert frame["whole"].dropna().tolist() == [3, 3]
    assert frame[["whole", "part", "word", "flag", "mixed"]].to_csv(index=False).splitlines()[1:] == [
        "3,2.0,a,True,4.0",
        "3,2.0,a,True,0.5",
        ",,,,",
    ]


def test_a_run_without_records_has_an_empty_frame() -> None:
    assert len(unfinished_run().frame()) == 0
