"""Tables as LaTeX."""

from __future__ import annotations

import pytest
from edited_runs import called
from paths import REFERENCE

from rnn_vs_attn.report.latex import escaped, latex
from rnn_vs_attn.report.tables import Table

WHOLE = r"""\begin{table}
\centering
\caption{d\_model 64}
\label{tab:bench-1}
\begin{tabular}{lrr}
\toprule
model & train ms & train $\div$ attention \\
\midrule
a\_b.py:\{x\} & 1.20 $\pm$5.0\% & {}[0.9, 1.2] \\
lstm & -- & 2.00 \\
\bottomrule
\end{tabular}
\par [1] 100\% sure \& \textbackslash{}input\{x\}
\end{table}
"""


def test_a_whole_table() -> None:
    rows = [["a_b.py:{x}", "1.20 ±5.0%", "[0.9, 1.2]"], ["lstm", "–", "2.00"]]
    made = Table("d_model 64", ["model", "train ms", "train ÷ attention"], rows, ["[1] 100% sure & \\input{x}"])
    assert latex(made, "bench-1") == WHOLE


def test_numbers_stand_to_the_right() -> None:
    rows = [["lstm", "64", "1.20 ±5%", "a b"], ["gru", "8", "2", "c"]]
    made = Table("", ["model", "seq_len", "train ms", "source"], rows, [], heads=2, prose=("source",))
    assert r"\begin{tabular}{lrrl}" in latex(made, "x")


def test_no_letter_is_a_command() -> None:
    assert escaped("\\end{table}%$&#_^~<>|") == (
        r"\textbackslash{}end\{table\}\%\$\&\#\_\textasciicircum{}\textasciitilde{}\textless{}\textgreater{}"
        r"\textbar{}"
    )
    assert "\n" not in escaped("two\nlines")


def test_signs_of_this_program_are_known_to_latex() -> None:
    assert escaped("≥ 7 µs ≈ 2 × 3…") == r"$\geq$ 7 $\mu$s $\approx$ 2 $\times$ 3\dots{}"


def test_quotes_and_dashes_need_no_other_font() -> None:
    """LaTeX's own encoding has no straight quote, and makes one long dash of two."""
    assert escaped('"a" --rounds 6 ---') == "''a'' -{}-rounds 6 -{}-{}-"


@pytest.mark.parametrize("run", ["gradflow", "scaling", "transformer-xl"])
def test_stored_runs_take_no_letter_that_pdflatex_does_not_know(run: str) -> None:
    code, out, _ = called("export", str(REFERENCE / "full" / run), "--format", "latex")
    assert code == 0
    assert [letter for letter in out if not letter.isascii()] == []


def test_a_run_of_ab_says_where_its_answer_is() -> None:
    """It was said to be of a suite that this version does not have."""
    code, _, err = called("export", str(REFERENCE / "ab"), "--format", "latex")
    assert code == 2
    assert err == "error: a run of ab has verdicts and no table; its table.md has what it found\n"
