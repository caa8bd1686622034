"""Fill in what the README takes from elsewhere: the reference table, the list of models, the file tree.

python benchmarks/readme.py            write it
python benchmarks/readme.py --check    exit 1 where the README is out of date
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "results" / "reference"
VARIANTS = ("variants-transformer-xl", "variants-albert", "variants-gpt")


def parts() -> dict[str, str]:
    """What stands between `<!-- NAME -->` and `<!-- /NAME -->`."""
    tables = {"table": "cpu"} | {name: name for name in ("gradflow", "decode", "ab", *VARIANTS)}
    shown = {name: (REFERENCE / run / "table.md").read_text().strip() for name, run in tables.items()}
    shown["scaling"] = (REFERENCE / "scaling" / "table.md").read_text().split("\nbatch_size ")[0].strip()
    return shown | {"models": models(), "tree": f"```\n{tree()}\n```"}


def models() -> str:
    """What `rnn-vs-attn models` prints."""
    words = [sys.executable, "-m", "rnn_vs_attn", "models"]
    return subprocess.run(words, capture_output=True, text=True, check=True, cwd=ROOT).stdout.strip()


def tree() -> str:
    """Each file of the package and each program with the first sentence of its docstring."""
    files = [f for folder in ("rnn_vs_attn", "benchmarks") for f in sorted((ROOT / folder).rglob("*.py"))]
    named = {str(file.relative_to(ROOT)): first_sentence(file) for file in files}
    width = max(map(len, named))
    return "\n".join(f"{name:{width}}  {text}" for name, text in named.items() if text)


def first_sentence(file: Path) -> str:
    docstring = ast.get_docstring(ast.parse(file.read_text())) or ""
    return docstring.split("\n\n")[0].replace("\n", " ").split(". ")[0].rstrip(".")


def filled(text: str) -> str:
    """The README with all parts up to date."""
    for name, content in parts().items():
        begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        if text.count(begin) != 1 or text.count(end) != 1:
            sys.exit(f"README.md needs {begin} and {end} once each")
        before, rest = text.split(begin)
        text = f"{before}{begin}\n{content}\n{end}{rest.split(end)[1]}"
    return text


def main() -> None:
    readme = ROOT / "README.md"
    before = readme.read_text()
    after = filled(before)
    if "--check" in sys.argv:
        sys.exit("README.md is out of date; run python benchmarks/readme.py" if before != after else 0)
    readme.write_text(after)


if __name__ == "__main__":
    main()
