"""Tables as LaTeX."""

from __future__ import annotations

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
