"""Packages of kernels by name: what installs them is an extra of this program, and a module here calls them."""

from __future__ import annotations

import tomllib

from paths import ROOT

from rnn_vs_attn.models.backends import BACKENDS, PACKAGES, TORCH
from rnn_vs_attn.models.registry import MODELS


def test_every_package_is_an_extra_and_has_its_module() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for name, package in PACKAGES.items():
        (wanted,) = extras[name]
        assert wanted.partition(">=")[0] == package.distribution
        assert package.install == f"pip install 'rnn-vs-attn[{name}]'"
        assert (ROOT / f"rnn_vs_attn/models/kernels/{package.module}.py").is_file()


def test_own_kernels_come_first_and_layers_name_known_packages_only() -> None:
    assert BACKENDS == (TORCH, "fla", "mamba-ssm")
    assert {name for spec in MODELS for name in spec.traits.backends} == {*PACKAGES}
