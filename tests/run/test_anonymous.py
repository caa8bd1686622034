"""Names of models that no folder of this machine is in."""

from __future__ import annotations

from pathlib import Path

import pytest

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.run.anonymous import checked, named_from_here


def test_a_file_below_this_folder_is_named_from_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    models = ["lstm", f"{tmp_path}/net.py:Net", f"{tmp_path}/below/net.py:Net(size=3)", "package.net:Net"]
    assert named_from_here(models) == ["lstm", "net.py:Net", "below/net.py:Net(size=3)", "package.net:Net"]


@pytest.mark.parametrize("name", ["/srv/net.py:Net", "../net.py:Net", "net.py:Net(path='/srv/w.bin')", "hf:/srv/gpt"])
def test_a_name_that_has_a_folder_is_refused(name: str) -> None:
    with pytest.raises(UserError) as stop:
        checked(["lstm", name])
    assert str(stop.value) == (
        f"--anonymous leaves out folders, and the rows of model {name!r} would name one; call this from the folder "
        "that it is in, and write the path from there"
    )
