"""From a name to a class: a file under a name of its own, run once; and what is missing, by its name."""

from __future__ import annotations

import copy
import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from repositories import write
from torch import nn

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.isolation.keeping import NOTES, Own
from rnn_vs_attn.models import load
from rnn_vs_attn.models.build import build, call
from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.models.registry import find
from rnn_vs_attn.models.spec import ModelSpec

SHAPE = Shape(1, 8, 16)
MIXER = """\
from torch import nn

with open("runs", "a") as file:
    file.write(__name__ + "\\n")


class Mixer(nn.Module):
    def __init__(self, d_model):
        super().__init__()
        self.project = nn.Linear(d_model, d_model)

    def forward(self, x):
        return self.project(x)


class Other(Mixer):
    pass
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The user's current folder, which is searched behind Python's own modules, as in a worker."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(load, "_started_in", [Path()])
    monkeypatch.setattr(load, "_targets", {})
    monkeypatch.setattr(load, "_changed", {})
    importlib.invalidate_caches()
    before = dict(sys.modules)
    yield tmp_path
    assert {name for name, module in before.items() if sys.modules.get(name) is not module} == set()
    for name in sys.modules.keys() - before.keys():
        if Path(getattr(sys.modules[name], "__file__", None) or "/").is_relative_to(tmp_path):
            del sys.modules[name]
    NOTES.tell()


def runs(folder: Path) -> int:
    """How often a file has run."""
    return len((folder / "runs").read_text().splitlines())


def made(own: Own, name: str) -> nn.Module:
    """A model that is built and called as a case of its own is."""
    own.enter(load.source_of(find(name)))
    try:
        module = build(find(name), SHAPE)
        call(module, torch.randn(1, 8, 16))
        return module
    finally:
        own.leave()


# A file


@pytest.mark.long
@pytest.mark.parametrize("stem", ["copy", "torch", "random", "json", "types", "numpy", "my-layer", "3d", "mixer"])
def test_a_file_called_as_another_module_takes_no_modules_place(stem: str, folder: Path, own: Own) -> None:
    write(folder, {f"{stem}.py": MIXER})
    before = sys.modules.get(stem)
    module = made(own, f"{stem}.py:Mixer")
    assert sys.modules.get(stem) is before
    assert type(module).__module__.isidentifier()
    assert sys.modules["copy"] is copy
    assert sys.modules["torch"] is torch


@pytest.mark.long
def test_a_file_of_several_classes_is_run_once_however_it_is_named(folder: Path, own: Own) -> None:
    write(folder, {"copy.py": MIXER})
    (folder / "link.py").symlink_to("copy.py")
    for name in ("copy.py:Mixer", "copy.py:Other", "./copy.py:Mixer", str(folder / "copy.py:Mixer"), "link.py:Mixer"):
        made(own, name)
        assert load.absent(find(name)) == ""
        assert load.file_of(find(name)) == str(folder / "copy.py")
    assert runs(folder) == 1


@pytest.mark.long
@pytest.mark.parametrize("names", [("mixers:Mixer", "mixers.py:Mixer"), ("mixers.py:Mixer", "mixers:Mixer")])
def test_a_file_and_the_module_that_it_is_are_run_once(names: tuple[str, str], folder: Path, own: Own) -> None:
    write(folder, {"mixers.py": MIXER})
    first, second = (type(made(own, name)) for name in names)
    assert first is second
    assert runs(folder) == 1
    assert "mixers" not in sys.modules


LOOKS_ITSELF_UP = """\
import dataclasses, enum, inspect, pickle, sys, typing
from dataclasses import dataclass

@dataclass
class Sizes:
    d_model: "int"
    factors: "typing.ClassVar[list]" = [1]

class Kind(enum.Enum):
    plain = 1

class Found(Mixer):
    def __init__(self, d_model):
        super().__init__(d_model)
        self.answers = {
            "itself": sys.modules[__name__].Found,
            "hints": typing.get_type_hints(Sizes),
            "fields": [field.name for field in dataclasses.fields(Sizes)],
            "source": inspect.getsource(Sizes).splitlines()[0],
            "module": inspect.getmodule(Sizes).__name__,
            "pickled": pickle.loads(pickle.dumps([Sizes(d_model), Kind.plain])) == [Sizes(d_model), Kind.plain],
        }
"""


@pytest.mark.long
def test_what_a_file_asks_of_its_own_module_is_answered(folder: Path, own: Own) -> None:
    """The first time, when the file is run, and the second, when it stands ready."""
    write(folder, {"copy.py": MIXER + LOOKS_ITSELF_UP})
    for _ in range(2):
        module = made(own, "copy.py:Found")
        assert module.answers == {
            "itself": type(module),
            "hints": {"d_model": int, "factors": ClassVar[list]},
            "fields": ["d_model"],
            "source": "@dataclass",
            "module": type(module).__module__,
            "pickled": True,
        }
    assert runs(folder) == 1


@pytest.mark.long
def test_torch_compiles_what_stands_in_such_a_file(folder: Path, own: Own) -> None:
    compiled = """\
        import torch
        SCALE = 2.0
        GRAPHS = []

        def noted(graph, inputs):
            GRAPHS.append([node.name for node in graph.graph.nodes if node.op == "call_function"])
            return graph.forward

        @torch.compile(backend=noted)
        def scaled(x):
            return x * SCALE

        class Scaled(Mixer):
            def forward(self, x):
                self.graphs = GRAPHS
                return scaled(super().forward(x))
        """
    write(folder, {"copy.py": MIXER + "\n".join(line[8:] for line in compiled.splitlines())})
    with torch.no_grad():  # or torch.compile warns of what it does itself
        module, x = made(own, "copy.py:Scaled"), torch.randn(1, 8, 16)
        assert module.graphs == [["mul"]]
        torch.testing.assert_close(module(x), 2 * module.project(x))


@pytest.mark.long
def test_neighbours_are_imported_and_know_the_file_itself(folder: Path, own: Own) -> None:
    neighbour = "import mixers\n\n\ndef is_one(module):\n    return isinstance(module, mixers.Mixer)\n"
    uses = (
        "\nimport neighbour\n\n\nclass Uses(Mixer):\n    def forward(self, x):\n        assert neighbour.is_one(self)\n"
    )
    write(folder, {"mixers.py": MIXER + uses + "        return x\n", "neighbour.py": neighbour})
    made(own, "mixers.py:Uses")
    assert runs(folder) == 1
    assert "neighbour" not in sys.modules


TWO = """\
import os, sys
sys.path.insert(0, os.path.dirname(__file__))
from blocks import Block


class Mixer(Block):
    def forward(self, x):
        from late import factor
        return factor * super().forward(x)
"""
BLOCKS = "from torch import nn\n\n\nclass Block(nn.Sequential):\n    def __init__(self, d_model):\n"


@pytest.mark.long
def test_two_files_whose_neighbours_have_the_same_name_have_each_their_own(folder: Path, own: Own) -> None:
    for count in (1, 2):
        layers = f"        super().__init__(*[nn.Linear(d_model, d_model) for _ in range({count})])\n"
        files = {"model.py": TWO, "blocks.py": BLOCKS + layers, "late.py": f"factor = {count}\n"}
        write(folder, {f"v{count}/{name}": text for name, text in files.items()})
    for _ in range(2):
        assert [len(made(own, f"v{count}/model.py:Mixer")) for count in (1, 2)] == [1, 2]
    assert str(folder / "v1") not in sys.path


@pytest.mark.long
def test_what_two_files_both_import_is_run_once_and_sets_its_variables_for_both(folder: Path, own: Own) -> None:
    shared = MIXER + "\nimport os\nos.environ['OF_SHARED'] = 'set'\n"
    user = "import os\nfrom shared import Mixer as Base\n\n\nclass Mixer(Base):\n    def forward(self, x):\n"
    write(folder, {"shared.py": shared, "a.py": user + "        return x + len(os.environ['OF_SHARED'])\n"})
    write(folder, {"b.py": (folder / "a.py").read_text()})
    for name in ("a.py:Mixer", "b.py:Mixer", "a.py:Mixer", "b.py:Mixer"):
        made(own, name)
    assert runs(folder) == 1


@pytest.mark.long
def test_an_operator_that_a_file_registers_is_registered_once(folder: Path, own: Own) -> None:
    """torch refuses a second registration."""
    operator = "\nimport torch\nL = torch.library.Library('of_a_file', 'DEF')\nL.define('f(Tensor x) -> Tensor')\n"
    write(folder, {"operators.py": MIXER + operator, "user.py": "from operators import Mixer\n"})
    names = ("operators.py:Mixer", "operators:Mixer", "user.py:Mixer", "user:Mixer", "operators.py:Other")
    kinds = [type(made(own, name)) for name in names]
    assert len(set(kinds[:4])) == 1
    assert runs(folder) == 1
    assert str(torch.ops.of_a_file.f.default._schema) == "of_a_file::f(Tensor x) -> Tensor"


@pytest.mark.long
def test_a_file_that_failed_half_way_fails_again_and_is_not_taken_for_whole(folder: Path, own: Own) -> None:
    write(folder, {"copy.py": MIXER + "\nraise RuntimeError('no GPU here')\n"})
    for _ in range(2):
        with pytest.raises(UserError, match="RuntimeError: no GPU here"):
            made(own, "copy.py:Mixer")
    write(folder, {"copy.py": MIXER})
    made(own, "copy.py:Mixer")


@pytest.mark.long
def test_a_file_that_changes_the_folder_is_found_again(folder: Path, own: Own, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "elsewhere").mkdir()
    write(folder, {"mixers.py": MIXER + "\nimport os\nos.chdir('elsewhere')\n"})
    monkeypatch.setattr(load, "_started_in", [folder])
    for _ in range(2):
        made(own, "mixers.py:Mixer")
        assert Path.cwd() == folder


def test_an_entry_point_may_name_a_class_within_a_class_and_extras(folder: Path, own: Own) -> None:
    write(folder, {"plugin.py": MIXER + "\n\nclass Outer:\n    Inner = Mixer\n"})
    assert isinstance(build(ModelSpec("inner", "user", "plugin:Outer.Inner [fast]", "a package"), SHAPE), nn.Module)
    with pytest.raises(UserError, match="model 'none' names no class: its entry point is 'plugin'"):
        load.load(ModelSpec("none", "user", "plugin", "a package"))


# What is missing

FILES = {
    "deep.py": "import json\nimport no_such_library.parts\n",
    "uses_deep.py": "import deep\n",
    "package/__init__.py": "import no_such_library\n",
    "package/layers.py": MIXER,
    "raises/__init__.py": "\nraise RuntimeError('no GPU\\nhere')\n",
    "raises/layers.py": MIXER,
    "circular/__init__.py": "",
    "circular/first.py": "from circular.second import B\n\nclass A: ...\n",
    "circular/second.py": "from circular.first import A\n\nclass B: ...\n",
    "round.py": "import back\n\nclass A: ...\n",
    "back.py": "from round import A\n",
    "syntax.py": "\nclass Mixer(\n",
    "relative.py": "from . import layers\n",
    "script.py": "import sys\n\nsys.exit(3)\n",
    "lazy.py": "def __getattr__(name):\n    import no_such_library\n",
    "by_hand.py": "raise ModuleNotFoundError('Mixer needs einops')\n",
    "whole.py": MIXER + "\nNUMBER = 3\n",
}
LIBRARY = "ModuleNotFoundError: No module named 'no_such_library'"
MISSING = [
    ("deep:Mixer", "deep.py, line 2"),
    ("deep.py:Mixer", LIBRARY),
    ("uses_deep:Mixer", "deep.py, line 2"),
    ("uses_deep.py:Mixer", "deep.py, line 2"),
    ("package:Mixer", "package/__init__.py, line 1"),
    ("package.layers:Mixer", LIBRARY),
    ("package.nowhere:Mixer", LIBRARY),
    ("raises:Mixer", "RuntimeError: no GPU here (raises/__init__.py, line 2)"),
    ("raises.layers:Mixer", "RuntimeError: no GPU here"),
    ("circular.first:A", "cannot import name 'A' from partially initialized module 'circular.first'"),
    ("round.py:A", "most likely due to a circular import"),
    ("syntax:Mixer", "SyntaxError: '(' was never closed (syntax.py, line 2)"),
    ("syntax.py:Mixer", "SyntaxError: '(' was never closed (syntax.py, line 2)"),
    ("relative.py:Mixer", "a file alone is in no package, give package.module:Class"),
    ("script:Mixer", "it ends the program when it is imported (script.py, line 3)"),
    ("script.py:Mixer", "it ends the program when it is imported"),
    ("lazy:Mixer", LIBRARY),
    ("lazy.py:Mixer", LIBRARY),
    ("by_hand:Mixer", "ModuleNotFoundError: Mixer needs einops (by_hand.py, line 1)"),
]


@pytest.mark.long
@pytest.mark.parametrize(("name", "said"), MISSING)
def test_what_a_module_that_is_there_lacks_is_named_and_not_the_module(
    name: str, said: str, folder: Path, own: Own
) -> None:
    write(folder, FILES)
    for ask in (load.load, load.absent, load.load):
        own.enter(load.source_of(find(name)))
        with pytest.raises(UserError) as caught:
            ask(find(name))
        own.leave()
        assert str(caught.value).startswith(f"model {name!r} does not import: ")
        assert said in str(caught.value)
        assert "there is no module" not in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("nowhere:Mixer", "there is no module nowhere"),
        ("nowhere.layers:Mixer", "there is no module nowhere, so none nowhere.layers"),
        ("circular.third:A", "there is no module circular.third"),
        ("whole.layers:Mixer", "there is no module whole.layers"),
        ("nowhere.py:Mixer", "there is no file nowhere.py"),
        ("whole:Mixr", "whole has no class or function 'Mixr'; did you mean 'Mixer'?"),
        ("whole.py:Rest", "whole.py has no class or function 'Rest'"),
        ("whole:NUMBER", "whole has no class or function 'NUMBER'"),
        ("./whole:Mixer", "there is no module ./whole; a file is named with its ending, ./whole.py"),
        ("whole..layers:Mixer", "whole..layers names no module: there is nothing between its dots"),
    ],
)
def test_what_is_not_there_is_absent_by_its_own_name(name: str, reason: str, folder: Path, own: Own) -> None:
    write(folder, FILES)
    own.enter(load.source_of(find(name)))
    assert load.absent(find(name)) == reason
    with pytest.raises(UserError):
        load.load(find(name))
    own.leave()


@pytest.mark.long
def test_what_a_file_changes_when_it_is_imported_is_said_of_each_of_its_classes(folder: Path, own: Own) -> None:
    write(folder, {"copy.py": MIXER + "\nimport torch\ntorch.set_default_dtype(torch.float64)\n"})
    told: list[Any] = []
    for name in ("copy.py:Mixer", "copy.py:Other", "copy.py:Mixer"):
        made(own, name)
        told.append(NOTES.tell())
    assert told == [["it changed the default dtype from float32 to float64, which was put back"]] * 3
    assert json.loads("{}") == {}
