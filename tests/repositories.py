"""Small git repositories of a user who keeps a layer in them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

_PLAIN = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_OPTIONAL_LOCKS": "0"}
_FROM_FILES = ("-c", "protocol.file.allow=always")  # submodules from a folder are refused otherwise
_LAYER = """\
class {name}(nn.Module):
    def __init__(self, d_model):
        super().__init__()
        self.project = nn.Linear(d_model, d_model)

    def forward(self, x):
        for _ in range({times}):
            y = self.project(x)
        return {output}


"""


def layer(name: str = "Mixer", times: int | str = 1, output: str = "y") -> str:
    """Source of a module that does the same work `times` times over."""
    return _LAYER.format(name=name, times=times, output=output)


def module(*layers: str) -> str:
    """Source of a Python file of these layers, or of one plain `Mixer`."""
    return "import os\n\nfrom torch import nn\n\n\n" + "".join(layers or [layer()])


def git(folder: Path, *words: str) -> str:
    """What git prints."""
    surroundings = {n: v for n, v in os.environ.items() if not n.startswith("GIT_")} | _PLAIN
    done = subprocess.run(["git", *words], cwd=folder, env=surroundings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.rstrip("\n")


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def commit(folder: Path, files: dict[str, str]) -> str:
    """Write the files and commit all there is; the commit's name."""
    write(folder, files)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "a commit")
    return git(folder, "rev-parse", "HEAD")


def repository(folder: Path, files: dict[str, str], kind: str = "sha1") -> Path:
    """A new repository with these files in one commit on `main`."""
    git(folder.parent, "init", "--quiet", "--initial-branch=main", f"--object-format={kind}", str(folder))
    git(folder, "config", "user.name", "Ada")
    git(folder, "config", "user.email", "ada@example.org")
    commit(folder, files)
    return folder


def submodule(root: Path, source: Path, path: str, address: str = "") -> str:
    """Add `source` at `path` and commit that; the commit of it that is recorded. address: what `.gitmodules` says."""
    git(root, *_FROM_FILES, "submodule", "--quiet", "add", source.as_uri(), path)
    git(root, "config", "--file", ".gitmodules", f"submodule.{path}.url", address or source.as_uri())
    commit(root, {})
    return git(root / path, "rev-parse", "HEAD")


def clone(source: Path, to: Path, *words: str) -> Path:
    """A clone that took everything over git's own protocol, as from a server."""
    git(to.parent, *_FROM_FILES, "clone", "--quiet", *words, source.as_uri(), str(to))
    for name, value in {"user.name": "Ada", "user.email": "ada@example.org"}.items():
        git(to, "config", name, value)
    return to


def delete_object(root: Path, name: str) -> None:
    """What a broken disk or an unfinished copy leaves: a repository in which one object is not there."""
    sha = git(root, "rev-parse", name)
    (root / ".git/objects" / sha[:2] / sha[2:]).unlink()


def files_of(folder: Path, ignored: tuple[str, ...] = (".git",)) -> dict[str, bytes]:
    """Every file below a folder, git's own left out."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() or path.is_symlink()]
    names = {path.relative_to(folder): path for path in files}
    return {str(name): path.read_bytes() for name, path in names.items() if name.parts[0] not in ignored}


def state(folder: Path) -> dict[str, Any]:
    """All that a user could find changed in a repository: every file of it, `.git` included, and what git says."""
    asked = (("status", "--porcelain"), ("worktree", "list"), ("stash", "list"), ("for-each-ref",))
    return {" ".join(words): git(folder, *words) for words in asked} | {"files": files_of(folder, ignored=())}


FILES = {
    "mixers.py": "first\n",
    "package/layers.py": "layers\n",
    "package/deep/er.py": "deeper\n",
    "old.py": "old\n",
    ".gitignore": "*.pyc\nbuild/\n",
}
SECOND = {name: text for name, text in FILES.items() if name != "old.py"} | {"mixers.py": "second\n", "new.py": "new\n"}


def as_bytes(files: dict[str, str]) -> dict[str, bytes]:
    return {name: text.encode() for name, text in files.items()}
