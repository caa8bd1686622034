"""JSON is read down to a depth."""

from __future__ import annotations

import json

import pytest

from rnn_vs_attn.records.strict_json import parsed


@pytest.mark.parametrize(("opening", "closing"), ["[]", ('{"a":', "}")])
def test_json_is_read_down_to_a_depth_and_not_deeper(opening: str, closing: str) -> None:
    def nested(levels: int) -> bytes:
        return f"{opening * levels}1{closing * levels}".encode()

    assert json.dumps(parsed(nested(32)), separators=(",", ":")).encode() == nested(32)
    with pytest.raises(ValueError, match="nested too deeply"):
        parsed(nested(33))


def test_brackets_within_a_text_are_no_depth() -> None:
    assert parsed(b'{"a":"' + b"[{" * 100 + b'"}') == {"a": "[{" * 100}
