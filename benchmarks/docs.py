"""Fill in what README.md and docs/ take from elsewhere: tables of the committed runs, options, metrics, the file tree.

python benchmarks/docs.py            write it
python benchmarks/docs.py --check    exit 1 where a page is out of date

A block stands between the lines `<!-- NAME -->` and `<!-- /NAME -->`.
"""

from __future__ import annotations

import ast
import dataclasses
import itertools
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent / "learning"))
from published_settings import TASKS

from rnn_vs_attn.models.foreign import synonyms
from rnn_vs_attn.records.folder import read_run
from rnn_vs_attn.report.glossary import WORDS
from rnn_vs_attn.run.cases import option_name
from rnn_vs_attn.suites import SUITES
from rnn_vs_attn.suites.recall import analysis
from rnn_vs_attn.suites.suite import Suite
from rnn_vs_attn.text import safe

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "results" / "reference"
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
BLOCK = re.compile(r"^<!-- ([a-z-]+) -->$\n(.*?)^<!-- /\1 -->$", re.DOTALL | re.MULTILINE)


def blocks() -> dict[str, str]:
    """What stands in each block, by its name."""
    runs = {suite.name: f"full/{suite.name.removeprefix('variants-')}" for suite in SUITES} | {"ab": "ab"}
    found = {name: (REFERENCE / run / "table.md").read_text() for name, run in runs.items()}
    found["scaling"] = found["scaling"].split("\nbatch_size ")[0]  # what follows has a row a case
    for suite in SUITES:
        found |= {f"{suite.name}-options": options(suite), f"{suite.name}-metrics": metrics(suite)}
    found |= {f"gpu-{run}": (REFERENCE / "gpu-h100" / run / "table.md").read_text() for run in ("bench", "decode")}
    found |= {
        "recall-rates": rates("rates"),
        "recall-rates-longer": rates("rates-2400"),
        "recall-panels": panels(),
        "recall-published": published(),
        "trained": trained(),
        "upstream": upstream(),
        "lesson-ledger": lesson_ledger(),
        "lesson": (REFERENCE / "lesson" / "ledger.md").read_text(),
        "models": printed("models"),
        "history": printed("history", "results/reference/history", "--by", "commit"),
        "joined": joined(*(f"full/{name}" for name in ("bench", "decode", "gradflow", "lm"))),
        "synonyms": synonyms.table(),
        "glossary": glossary(),
        "tree": f"```\n{tree()}\n```",
    }
    return {name: text.strip() for name, text in found.items()}


def lesson_ledger() -> str:
    """The lesson's claims with what was measured, without why."""
    claims = json.loads((REFERENCE / "lesson" / "ledger.json").read_text())["claims"]
    rows = [[claim["claim"], f"**{claim['verdict']}**", claim["figure"]] for claim in claims]
    return table_of(("claim", "here", "measured"), rows)


def rates(run: str) -> str:
    """Accuracy at each learning rate, and at how many of them the task was solved, of a stored run of them."""
    records = read_run(REFERENCE / "learning" / run).records
    found = {
        (r.axes["num_layers"], r.axes["model"], r.axes["learning_rate"], r.metric): r.samples[0]
        for r in records
        if r.metric in ("accuracy", "steps_to_solve")
    }
    columns = sorted({rate for _, _, rate, _ in found})
    rows = []
    for layers, model in sorted({(layers, model) for layers, model, _, _ in found}):
        solved = sum(found[layers, model, rate, "steps_to_solve"] is not None for rate in columns)
        cells = [f"{found[layers, model, rate, 'accuracy']:.3f}" for rate in columns]
        rows.append((model, str(layers), *cells, f"{solved} of {len(columns)}"))
    return table_of(("model", "layers", *(f"{rate:g}" for rate in columns), "solved at"), rows)


def panels() -> str:
    """Of the stored panels each model at its best rate: accuracy, steps until it was solved, parameters."""
    rows = []
    for name in ("panel-64-4", "panel-128-8"):
        records = read_run(REFERENCE / "learning" / name).records
        for outcome in analysis.outcomes(records):
            at = {**outcome.axes, analysis.RATE: outcome.rate}
            (params,) = (r.median for r in records if r.metric == "num_params" and r.axes == at)
            steps = f"{outcome.steps[0]:.0f}" if outcome.word == analysis.SOLVED else f"> {outcome.budget}"
            size = f"{at['seq_len']} tokens, {at['num_pairs']} pairs"
            rows.append(
                (size, outcome.model, f"{outcome.accuracies[0]:.3f}", steps, f"{outcome.rate:g}", f"{params:,.0f}")
            )
    return table_of(("panel", "model", "accuracy", "steps to solve", "rate", "parameters"), rows)


def published() -> str:
    """Of each stored run at TCN's settings the loss of its best rate on the published scale, and the published one."""
    rows = []
    for task, length, model in itertools.product(TASKS, (50, 100, 200), TASKS[0].widths):
        folder = REFERENCE / "learning" / "published" / f"{task.name}-{length}-{model}"
        if not folder.exists():
            continue
        (outcome,) = analysis.outcomes(read_run(folder).records)
        solved = f"after {outcome.steps[0]:.0f}" if outcome.word == analysis.SOLVED else f"not in {outcome.budget}"
        ours, without = task.scaled(outcome.losses[0], length), task.chance(length)
        theirs = f"{task.published[model]:.3g} of {task.chance(task.at):.3g} at T = {task.at}"
        rows.append(
            (task.name, str(length), model, f"{ours:.3g} of {without:.3g}", solved, f"{outcome.rate:g}", theirs)
        )
    return table_of(("task", "T", "model", "loss, of that without memory", "solved", "rate", "published"), rows)


def trained() -> str:
    """What the stored `gradflow` of models that learnt `copy` found: norms by distance, and what training did."""
    text = (REFERENCE / "gradflow-trained" / "table.md").read_text()
    of_distance = text[text.index("| distance |") :].split("\n\n")[0]
    said = [line for line in text.splitlines() if line.startswith("- Training lets")]
    return "\n".join([of_distance, "", *said])


def upstream() -> str:
    """Of each stored call of `ab` on another repository its ratios with their verdicts, and of the other timer's."""
    rows = []
    for told in json.loads((REFERENCE / "upstream" / "figures.json").read_text())["details"]:
        if "ratios" in told:
            low, *_, high = sorted(told["ratios"])
            found = {"train_time": f"{median(told['ratios']):.3f} ({low:.3f} to {high:.3f})"}
            versions, seconds = "the same, by torch.utils.benchmark", ""
        else:
            known = [row for row in told["rows"] if row["centre"] is not None]
            found = {row["metric"]: f"{row['verdict']}, {_ratio(row)}" for row in known}
            versions, seconds = " → ".join(name.removesuffix("-less") for name in told["versions"]), told["seconds"]
        cells = [found.get(metric, "") for metric in ("forward_time", "train_time", "saved_bytes")]
        rows.append((told["repository"], versions, *cells, f"{seconds:.0f}" if seconds else ""))
    return table_of(("repository", "commits", "forward", "training", "memory kept", "seconds"), rows)


def _ratio(row: dict[str, Any]) -> str:
    centre, low, high = (row[name] for name in ("centre", "low", "high"))
    return f"{centre:.3f}" if low == high else f"{centre:.3f} [{low:.3f}, {high:.3f}]"


def options(suite: Suite) -> str:
    """What a suite measures by default, an option a line, and the axes that are no options."""
    fields = dataclasses.fields(suite.axes.case)
    rows = [option(field) for field in fields if not field.metadata.get("fixed")]
    cases = suite.axes.select([suite.axes.complete(suite.axes.case())], False)
    held = [field.name for field in fields if field.metadata.get("fixed") and field.name not in suite.axes.implied]
    values = {name: " or ".join(dict.fromkeys(str(getattr(case, name)) for case in cases)) for name in held}
    told = [f"{name} {value}" for name, value in values.items()]
    told += [f"{name} (follows from the others)" for name in suite.axes.implied]
    beside = f"\n\nAxes that are no options: {safe.markdown(', '.join(told))}." if told else ""
    return table_of(("option", "default", "what"), rows) + beside


def option(field: dataclasses.Field[Any]) -> tuple[str, str, str]:
    meta, name = field.metadata, option_name(field.name)
    allowed = f" One of {', '.join(meta['choices'])}." if meta["choices"] else ""
    if isinstance(field.default, bool):
        name, default = (f"{name}/--no-{name[2:]}", "on") if field.default else (name, "off")
    else:
        default = f"`{meta['typed'] or field.default}`"
    return f"`{name}`", default, safe.markdown(meta["help"] + allowed)


def metrics(suite: Suite) -> str:
    """What the records of a suite hold, a metric a line."""
    rows = [
        (f"`{m.name}`", m.unit, m.better, "yes" if m.exact else "no", safe.markdown(m.title) or "–")
        for m in (row.metric for row in suite.metrics)
    ]
    return table_of(("metric", "unit", "better", "exact", "what"), rows)


def table_of(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def glossary() -> str:
    """Words with their meaning, and a link to the page that has more."""
    lines = [f"- **{word.name}**: {word.meaning} [{word.page.removesuffix('.md')}]({word.page})" for word in WORDS]
    return "\n".join(lines)


def printed(*words: str) -> str:
    """What `rnn-vs-attn WORDS` prints."""
    command = [sys.executable, "-m", "rnn_vs_attn", *words]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout


def joined(*names: str) -> str:
    """What `report` says of each model in runs."""
    text = printed("report", *(f"results/reference/{name}" for name in names), "--markdown", "-")
    return text.split("\n## Each model, everything measured of it\n")[1].split("\n## ")[0]


def tree() -> str:
    """Each file of the package and each program with the first sentence of its docstring."""
    files = [f for folder in ("rnn_vs_attn", "benchmarks", "examples") for f in sorted((ROOT / folder).rglob("*.py"))]
    named = {str(file.relative_to(ROOT)): first_sentence(file) for file in files}
    width = max(map(len, named))
    return "\n".join(f"{name:{width}}  {text}" for name, text in named.items() if text)


def first_sentence(file: Path) -> str:
    docstring = ast.get_docstring(ast.parse(file.read_text())) or ""
    return re.split(r"(?<! al)\. ", docstring.split("\n\n")[0].replace("\n", " "))[0].removesuffix(".")


def filled(text: str, content: dict[str, str]) -> str:
    """A page with all of its blocks up to date; KeyError where one has an unknown name."""
    return BLOCK.sub(lambda found: f"<!-- {found[1]} -->\n{content[found[1]]}\n<!-- /{found[1]} -->", text)


def main() -> None:
    content, before = blocks(), {page: page.read_text() for page in PAGES}
    places = [found[1] for text in before.values() for found in BLOCK.finditer(text)]
    if sorted(places) != sorted(content):
        odd = sorted(name for name in {*places, *content} if places.count(name) != (name in content))
        sys.exit(f"each block has one place in README.md or docs/; look at {', '.join(odd)}")
    after = {page: filled(text, content) for page, text in before.items()}
    changed = [str(page.relative_to(ROOT)) for page in PAGES if before[page] != after[page]]
    if "--check" in sys.argv:
        sys.exit(f"out of date: {', '.join(changed)}; run python benchmarks/docs.py" if changed else 0)
    for page in PAGES:
        page.write_text(after[page])


if __name__ == "__main__":
    main()
