"""CITATION.cff: what a citation needs, and the version that this is."""

from __future__ import annotations

import tomllib

import yaml
from paths import ROOT

from rnn_vs_attn import __version__


def test_the_citation_is_of_this_version_and_licence() -> None:
    told = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert told["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= told.keys()  # what the format asks for
    assert (told["version"], told["license"]) == (__version__, project["license"])
    assert told["keywords"] == project["keywords"]
