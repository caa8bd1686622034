"""A report as a page, as Markdown and as JSON, with names that are data."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

from fakes import record
from planted_bench import STEADY, planted, times
from planted_reports import CLAIMS, HOSTILE, entry, planted_report, time

from rnn_vs_attn.pages.joined import joined
from rnn_vs_attn.pages.report import Report, document, markdown, models_table, page, settings_table
from rnn_vs_attn.report.page import render


class Parsed(HTMLParser):
    """Tags with their attributes, words, and what stands in the script."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data.strip())


def test_the_joined_table_has_a_row_a_machine_and_model() -> None:
    table = models_table(planted_report().joined)
    assert table.header == ["model", "machine", "training pass, ms", "memory of training, MiB", "state, KiB"]
    assert table.rows[0] == ["lstm", "AMD EPYC, 2 cores", "10.0 ±10%", "0.954 ±10%", "not measured"]
    assert table.notes == ["gru, training pass, ms: failed: lstm"]
    settings = settings_table(planted_report().joined)
    titles = "column machine command seq_len batch d_model heads layers dtype threads".split()
    assert settings.header == [*titles, "of each model"]
    told = "bench 64 4 128 4 1 float32 2 –".split()
    assert settings.rows[0] == ["training pass, ms", "AMD EPYC, 2 cores", *told]


def test_what_a_column_joins_of_several_runs_sizes_and_settings_is_told() -> None:
    several = [
        time(m, v, v, v, positions=kind) for kind, v in (("none", 0.01), ("rotary", 0.02)) for m in ("lstm", "gru")
    ]
    own = time("hf:gpt2", 0.5, 0.49, 0.51, d_model=None, positions="none")
    runs = [entry("bench", *several, path="results/a"), entry("bench", own, path="results/b")]
    found = settings_table(joined(runs))
    assert found.rows[0][found.header.index("positions")] == "none"
    assert found.notes == [
        "training pass, ms: of several runs, which were not measured side by side: results/a has lstm, gru; "
        "results/b has hf:gpt2",
        "training pass, ms: hf:gpt2 decides d_model by itself",
    ]
    alone = settings_table(joined(runs[:1]))
    assert "positions" in alone.header
    assert alone.notes == []


def test_seconds_of_training_are_told_where_they_were_given() -> None:
    def header(seconds: int) -> list[str]:
        axes = {"model": "gpt", "learning_rate": 0.1, "steps": 100, "seconds_per_model": seconds, "device": "cpu"}
        return settings_table(joined([entry("lm", record("bits_per_byte", 2.0, unit="1", **axes))])).header

    assert header(17) == ["column", "command", "s of training", "of each model"]
    assert header(0) == ["column", "command", "steps", "of each model"]


def test_the_page_opens_with_the_ledger_and_links_its_rows() -> None:
    found = page(planted_report())
    assert found.lead[0] == "Of 4 verdicts 2 hold, 1 does not hold here, 1 is undecided."
    assert found.lead[1] == "From 3 runs of bench, decode; measured 2026-11-23."
    assert [section.heading for section in found.sections] == [
        "What was found",
        "Each model, everything measured of it",
        "bench on AMD EPYC, 2 cores",
        "bench on NVIDIA H100",
        "decode on lstm, 2 cores",
    ]
    parsed = Parsed(render(found))
    ids = [attributes["id"] for _, attributes in parsed.tags if "id" in attributes]
    links = {attributes["href"] for tag, attributes in parsed.tags if tag == "a" and attributes.get("class") != "word"}
    assert len(ids) == len(set(ids))
    assert links == {"#run-1", "#run-2", "#run-3", "#words"}
    assert {link[1:] for link in links if link} <= set(ids)


def test_words_are_explained_at_the_end_and_linked_where_they_are_first_said() -> None:
    found = page(planted_report())
    parsed = Parsed(render(found))
    names = [word.name for word in found.words]
    assert "round" in names
    links = [attributes["href"] for tag, attributes in parsed.tags if attributes.get("class") == "word"]
    assert len(links) == len(set(links)) > 0
    assert {f"#{attributes['id']}" for tag, attributes in parsed.tags if tag == "dt"} >= set(links)
    assert [tag for tag, _ in parsed.tags].count("dt") == len(names)


def test_nothing_is_fetched_and_only_our_own_script_runs() -> None:
    text = render(page(Report([entry("bench", *times(planted(256), STEADY), claims=CLAIMS)])))
    parsed = Parsed(text)
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text)
    assert [attributes for tag, attributes in parsed.tags if tag == "script"] == [{}]
    assert {tag for tag, _ in parsed.tags} & {"link", "img", "iframe", "object", "base", "form"} == set()
    assert not any(name in ("src", "srcset", "style") for _, attributes in parsed.tags for name in attributes)
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policies = [a["content"] for tag, a in parsed.tags if a.get("http-equiv") == "Content-Security-Policy"]
    assert policies == [f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"]


def test_the_best_is_said_to_who_does_not_see_it() -> None:
    best = Report([entry("bench", time("lstm", 0.010, 0.009, 0.011), time("attention", 0.020, 0.019, 0.021))])
    text = render(page(best))
    assert '<td class="best">10.0 ±10% <span aria-hidden="true">★</span><span class="unseen">best</span></td>' in text
    assert "| lstm | 10.0 ±10% ★ |" in markdown(best)


def test_hostile_names_are_shown_and_not_run() -> None:
    text = render(page(planted_report(HOSTILE)))
    parsed = Parsed(text)
    assert [tag for tag, _ in parsed.tags].count("script") == 1
    assert "img" not in {tag for tag, _ in parsed.tags}
    assert not any(name.startswith("on") for _, attributes in parsed.tags for name in attributes)
    shown = "layers:Mix(name='<img src=x onerror=alert(1)> {{ 7 * 7 }} </script> & \\x1b[2J\\u202e\"')"
    assert parsed.words.count(shown) >= 3
    assert "\x1b" not in text
    assert "\u202e" not in text
    written = markdown(planted_report(HOSTILE))
    code = [line for line in written.splitlines() if line.startswith("    ")]
    assert "<img" not in "".join(line for line in written.splitlines() if line not in code)
    assert len(code) == 3
    assert "\u202e" not in written


def test_markdown_has_the_ledger_the_joined_table_and_every_run() -> None:
    text = markdown(planted_report())
    for heading in ("# Recurrence and attention on 3 machines", "## What was found", "## bench on NVIDIA H100"):
        assert f"{heading}\n" in text
    assert "times as long | ✓ holds. lstm; lstm | not measured |" in text
    assert "    rnn-vs-attn lstm\n" in text


def test_the_document_has_claims_values_and_settings() -> None:
    found = json.loads(json.dumps(document(planted_report()), allow_nan=False))
    assert [claim["verdict"] for claim in found["claims"]].count("holds") == 2
    (first, *_) = found["models"]
    assert first["values"][0] == {
        "column": "training pass, ms",
        "text": "10.0 ±10%",
        "best": True,
        "median": 0.010,
        "low": 0.009,
        "high": 0.011,
        "unit": "s",
        "status": "ok",
        "run": "results/lstm",
    }
    assert found["columns"][0]["settings"]["seq_len"] == 64


def test_a_page_of_many_cases_stays_below_three_megabytes() -> None:
    lengths = tuple(range(64, 64 + 400))
    records = times(planted(256), STEADY, ("lstm", "attention", "gru", "rnn", "mingru"), lengths=lengths)
    text = render(page(Report([entry("bench", *records, claims=CLAIMS)])))
    assert len(text.encode()) < 3_000_000
    assert "1800 more rows of 2000 are left out here; results/bench/table.csv has all" in text


def test_runs_without_claims_and_models_have_their_sections() -> None:
    found = page(Report([entry("scaling")]))
    assert [section.heading for section in found.sections] == ["scaling"]
    assert found.lead[0].startswith("These runs hold no claims")


def test_runs_of_one_name_are_told_apart_by_the_folders_that_they_are_in() -> None:
    places = ("results/cpu", "results/monday/bench", "results/tuesday/bench")
    report = Report([entry("bench", path=place) for place in places])
    told = [heading.partition(": ")[2] for heading in report.headings]
    assert told == ["cpu", "monday/bench", "tuesday/bench"]
    short = Report([entry("bench", path=f"{day}/bench") for day in ("monday", "tuesday")])
    assert short.headings == ["bench: monday/bench", "bench: tuesday/bench"]
