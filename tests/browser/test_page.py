"""The page of `report` in a real browser: it fetches nothing, fits, sorts, copies, and can be read without a mouse."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command import run
from paths import REFERENCE, ROOT
from planted_reports import HOSTILE, planted_report

from rnn_vs_attn.pages.report import page
from rnn_vs_attn.report.page import render
from rnn_vs_attn.report.tables import LAUNCH_MARK

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
AXE = Path(os.environ.get("AXE_CORE", ROOT / ".venv-browser/axe.min.js"))  # of the npm package axe-core
RUNS = ("full/bench", "full/decode", "full/gradflow", "full/recall", "full/lm", "gpu-h100/bench")
WIDTHS = (1280, 390)
JOINED = "section:has(> h2:text('Each model'))"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed (Debian: chromium)"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as session:
        started = session.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of stored runs of two machines."""
    target = tmp_path_factory.mktemp("report") / "report.html"
    done = run("report", *(str(REFERENCE / name) for name in RUNS), "--output", str(target))
    assert done.returncode == 0, done.stderr
    return target


class Opened:
    """A page that is open, what its console said, and what it asked for."""

    def __init__(self, browser: Any, file: Path, width: int = 1280, **options: Any) -> None:
        self.context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        self.page = self.context.new_page()
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("dialog", lambda dialog: self.said.append(dialog.message))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(file.as_uri())


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_and_fetches_nothing(browser: Any, report: Path, tmp_path: Path, width: int, scheme: str) -> None:
    opened = Opened(browser, report, width, color_scheme=scheme)
    assert opened.said == []
    assert opened.asked == [report.as_uri()]
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
    figures = opened.page.locator("figure > svg:visible")
    assert figures.count() >= 5
    for box in (figures.nth(number).bounding_box() for number in range(figures.count())):
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
    opened.page.screenshot(path=tmp_path / "page.png", full_page=True)
    assert (tmp_path / "page.png").stat().st_size > 10_000


def column(opened: Opened, number: int) -> list[str]:
    """The texts of a column of the joined table, without their intervals."""
    cells = opened.page.locator(f"{JOINED} >> table >> nth=0 >> tbody tr > :nth-child({number})")
    return [text.split(" ±")[0].rstrip(LAUNCH_MARK) for text in cells.all_inner_texts()]


def test_a_table_sorts_numbers_as_numbers_by_mouse_and_by_key(browser: Any, report: Path) -> None:
    opened = Opened(browser, report)
    heading = opened.page.locator(f"{JOINED} >> table >> nth=0 >> thead th >> nth=2")
    assert heading.inner_text() == "training pass, ms"
    heading.get_by_role("button").click()
    assert heading.get_attribute("aria-sort") == "ascending"
    numbers = [float(text) for text in column(opened, 3) if text[0].isdigit()]
    assert len(numbers) >= 8
    assert numbers == sorted(numbers)
    assert column(opened, 3)[-1] == "not measured"
    heading.get_by_role("button").press("Enter")
    assert heading.get_attribute("aria-sort") == "descending"
    falling = [float(text) for text in column(opened, 3) if text[0].isdigit()]
    assert falling == numbers[::-1]
    assert column(opened, 3)[-1] == "not measured"


def test_a_table_is_copied_with_tabs(browser: Any, report: Path) -> None:
    opened = Opened(browser, report, permissions=["clipboard-read", "clipboard-write"])
    opened.page.locator(JOINED).get_by_role("button", name="Copy as TSV").first.click()
    opened.page.get_by_text("copied", exact=True).wait_for()
    lines = opened.page.evaluate("navigator.clipboard.readText()").splitlines()
    assert lines[0].split("\t")[:3] == ["model", "machine", "training pass, ms"]
    assert {len(line.split("\t")) for line in lines} == {len(lines[0].split("\t"))}


def test_it_is_read_without_a_script(browser: Any, report: Path) -> None:
    opened = Opened(browser, report, java_script_enabled=False)
    assert opened.page.get_by_role("button").count() == 0
    assert opened.page.get_by_text("★").count() > 0


def test_hostile_names_are_not_run(browser: Any, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(render(page(planted_report(HOSTILE))))
    opened = Opened(browser, tmp_path / "page.html")
    assert opened.said == []
    assert len(opened.asked) == 1
    assert opened.page.get_by_text("onerror=alert(1)").count() > 0


@pytest.mark.skipif(not AXE.is_file(), reason="axe-core is not there; .ci/run fetches it, or AXE_CORE names its file")
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_fault(browser: Any, tmp_path: Path, report: Path, width: int, scheme: str) -> None:
    (tmp_path / "planted.html").write_text(render(page(planted_report())))
    for file in (report, tmp_path / "planted.html"):
        opened = Opened(browser, file, width, color_scheme=scheme, bypass_csp=True)
        opened.page.evaluate("for (const part of document.querySelectorAll('details')) part.open = true")
        opened.page.add_script_tag(content=AXE.read_text())
        found = opened.page.evaluate("axe.run()")
        faults = [fault for fault in found["violations"] if fault["impact"] in ("serious", "critical")]
        told = [(fault["id"], [node["html"][:200] for node in fault["nodes"][:3]]) for fault in faults]
        assert faults == [], json.dumps(told, indent=1)
