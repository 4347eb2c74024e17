"""Text from outside comes out as it is, in each language that it is written into."""

from __future__ import annotations

import html
import io
import json
import re
import subprocess
import sys
import unicodedata
import warnings
from pathlib import Path

import pypandoc
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from wellposed_studies import escaping

THEME = Path(__file__).parents[2] / "reports" / "theme" / "theme.lua"
SUBSET = Path(escaping.__file__).parent / "rendering" / "subset.lua"

#: Names that were markup somewhere.
HOSTILE = [
    "[l](javascript:alert(1))",
    "price_$ vs cost_$",
    "survey @2024",
    "model *final* _2_ ~x~ ^y^",
    "<img src=x onerror=alert(1)> &amp; <!-- no",
    "`code` ``two``",
    r"back\slash \(x\) \n",
    "a|b",
    "it's \"quoted\" -- 'twice' --- ...",
    "{{< video x >}} {#sec-x .y} {=html}",
    "::: {.callout-note}",
    "# head",
    "- item",
    "1. item",
    "i. item",
    "+ plus",
    "= typst heading",
    "/ term: text",
    "// comment https://a.example/b",
    "#emph[typst] <label> $x$",
    "{python} 1 + 1",
    "---",
    "x?-2 -5 a-?b",
    "  two  spaces  ",
    "汉字 かな العربية עברית 👩‍🔬",
    "‘curly’ “quotes” – — …",
    "_underscore",
    "%",
    "~",
]
NAMES = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(st.sampled_from("ab1 -_*`$#@~^\\|<>[](){}:.!'\"&=+/?"), min_size=1, max_size=12),
    st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cf", "Zl", "Zp")), min_size=1),
)


def pandoc(markdown: str, writer: str) -> str:
    command = [pypandoc.get_pandoc_path(), "--from=markdown-native_divs-native_spans"]
    command += [f"--to={writer}", "--wrap=none", "--fail-if-warnings"]
    command += [f"--lua-filter={SUBSET}", f"--lua-filter={THEME}"]
    done = subprocess.run(command, input=markdown, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    return done.stdout


def page(names: list[str]) -> str:
    """Each name where a report has names: in bold, as code, in a list, in a table, in a link."""
    text, code = escaping.markdown, escaping.code
    rows = "\n".join(f"| {text(name)} | {code(name)} |" for name in names)
    lines = [f"**{text(name)}**\n\n- {text(name)}\n\n[{text(name)}](x.html)" for name in names]
    return "\n\n".join(lines) + f"\n\n| a | b |\n|---|---|\n{rows}\n"


@settings(max_examples=25, deadline=None)
@given(st.lists(NAMES, min_size=1, max_size=4))
@example(HOSTILE)
def test_names_are_literal_in_html(names):
    made = pandoc(page(names), "html5")
    tag = r"<(?:bdi|code)[^>]*>"
    for pattern in (
        rf"<strong>(?:{tag})?(.*?)(?:</bdi>)?</strong>",
        rf"<li>(?:{tag})?(.*?)(?:</bdi>)?</li>",
        rf'<a href="x.html">(?:{tag})?(.*?)(?:</bdi>)?</a>',
        rf'<td style="[^"]*">(?:{tag})?(.*?)(?:</bdi>)?</td>|<td>(?:{tag})?(.*?)(?:</bdi>)?</td>',
    ):
        found = [html.unescape("".join(groups)) for groups in map(tuple, _groups(pattern, made))]
        found = [re.sub(r"^<code[^>]*>|</code>$", "", name) for name in found]
        if "<td" in pattern:
            found = found[::2]
        assert found == names, pattern
    codes = re.findall(r"<code[^>]*>(.*?)</code>", made)
    assert [html.unescape(c) for c in codes] == names
    allowed = r"</?(p|strong|bdi|ul|li|a|table|colgroup|thead|tbody|tr|th|td|col|code|div)\b[^<>]*>"
    assert not re.findall(r"<[^<>]*>", re.sub(allowed, "", made)), "tags that no name may make"


def _groups(pattern: str, text: str) -> list[tuple[str, ...]]:
    return [m if isinstance(m, tuple) else (m,) for m in re.findall(pattern, text, re.S)]


@settings(max_examples=15, deadline=None)
@given(st.lists(NAMES, min_size=1, max_size=4))
@example(HOSTILE)
def test_names_are_literal_in_typst(names):
    """What Typst's own reader finds in the bold parts is a text each, the name."""
    typst = pytest.importorskip("typst")
    source = pandoc(page(names), "typst").replace("#strong[", "#metadata[")
    source = "#let colophon(it) = it\n" + source
    found = json.loads(typst.query(source.encode(), "metadata", field="value"))
    assert [_typst_text(value) for value in found] == names
    raws = json.loads(typst.query(source.encode(), "raw", field="text"))
    assert raws == names
    assert "\u200b" not in source, "invisible characters would be copied with the text"


def _typst_text(value: dict) -> str:
    """The text in what Typst made of a name; a smart quote or a symbol would not be one."""
    if value["func"] == "sequence":
        return "".join(map(_typst_text, value["children"]))
    if value["func"] == "space":
        return " "
    if value["func"] == "styled":  # where long words may be broken
        return _typst_text(value["child"])
    assert value["func"] == "text", value
    return value["text"]


def test_how_a_table_was_read_is_literal_in_the_record():
    from wellposed_studies.reporting.record import data_table, manifest_block

    hostile = "; ".join(HOSTILE)
    data = {"source": hostile, "notes": [hostile], "shapes": {}, "digest": "0" * 64}
    own = {
        "target": "<b> *t*",
        "meaning": f"classes ({hostile})",
        "notes": ["row | names", hostile],
    }
    words = dict.fromkeys(
        ("study", "code", "profile", "finished", "cpu", "platform", "python"), "x"
    )
    numbers = dict.fromkeys(("version", "cells", "seed", "processors"), 1)
    more = {
        "experiments": {},
        "threads_per_cell": 1,
        "commit": None,
        "command": ["x"],
        "packages": {},
    }
    manifest = {**words, **numbers, **more, "data": {"a|b": data}, "own_table": own}
    shown = [manifest_block(manifest), data_table(manifest, lambda name: {})]
    made = pandoc("\n\n".join(shown), "html5")
    cells = [html.unescape(text) for text in re.findall(r"<bdi[^>]*>(.*?)</bdi>", made, re.S)]
    assert "; ;" not in made
    without_notes = manifest | {"data": {"a|b": data | {"notes": []}}}
    assert "; ;" not in str(data_table(without_notes, lambda name: {}))
    read = f"the target '<b> *t*' taken for classes ({hostile}); row | names; {hostile}"
    assert escaping.visible(read) in cells
    assert cells.count(escaping.visible(hostile)) == 2, "the source, and what is done with the rows"


@given(st.text(max_size=30))
@example("a\nb\tc\x1b[31m\x9b31m")
@example("\u202eright to left\u2066\ufeff\u2028")
@example("caf\udce9.csv")
def test_what_cannot_be_seen_becomes_an_escape(text):
    seen = escaping.visible(text)
    assert escaping.visible(seen) == seen
    kinds = {unicodedata.category(c) for c in seen}
    assert not kinds & {"Cc", "Cs", "Zl", "Zp"}
    assert not re.search("[\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]", seen)
    seen.encode("utf-8")


def test_a_name_of_one_long_word_can_be_broken():
    name = "x" * 90
    assert len(re.findall('class="(given )?long"', pandoc(page([name]), "html5"))) == 5
    pypdf, typst = pytest.importorskip("pypdf"), pytest.importorskip("typst")
    commit = "0123456789abcdef" * 2 + "01234567"
    text, code = escaping.markdown, escaping.code
    texts = [text(name), code(name), f"So it is, at commit {code(commit)}."]
    source = "#let colophon(it) = it\n#set page(width: 10cm, margin: 1cm)\n"
    pdf = typst.compile((source + pandoc("\n\n".join(texts), "typst")).encode())
    read = pypdf.PdfReader(io.BytesIO(pdf)).pages[0].extract_text()
    assert name not in read, "it is broken, or it would leave the page"
    assert read.replace("\n", "").count(name) == 2, "as copied it is whole"
    assert commit in read, "a commit stays on one line"


def test_a_name_that_can_be_seen_stays_as_it_is():
    for name in HOSTILE:
        assert escaping.visible(name) == name


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), min_size=1))
@example(HOSTILE)
@example(["a\nb'c\\", "\u202e\x07", "", "~", "-x", "caf\udce9"])
def test_a_command_can_be_pasted(arguments):
    """Bash finds the same arguments in it; it is one line, which shows what it does."""
    line = escaping.shell([sys.executable, "-c", "import sys; print(ascii(sys.argv[1:]))"])
    pasted = escaping.shell(arguments)
    assert escaping.visible(pasted) == pasted
    environment = {"PYTHONUTF8": "1", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        ["bash", "-c", f"{line} {pasted}"], capture_output=True, check=True, env=environment
    )
    assert done.stdout.decode().strip() == ascii(arguments)


@settings(max_examples=40, deadline=None)
@given(NAMES)
@example("$a$ and $b$")
@example(r"\$a_1$ \frac")
@example("_x")
def test_a_figure_shows_the_name_and_no_formula(name):
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    def drawn(text: str, **options: bool) -> bytes:
        figure, file = Figure((3, 0.4), dpi=40), io.BytesIO()
        figure.text(0.1, 0.5, text, **options)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # glyphs that the font lacks
            figure.savefig(file, format="png")
        return file.getvalue()

    assert drawn(escaping.mathtext(name, 999)) == drawn(escaping.visible(name), parse_math=False)


def test_a_name_is_in_the_legend_and_no_longer_than_there_is_room():
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    ax = Figure().subplots()
    ax.plot([0], label=escaping.mathtext("_hidden"))
    assert ax.get_legend_handles_labels()[1] == ["\u200b_hidden"]
    cut = escaping.mathtext("a" * 50 + "z" * 50, 20)
    assert (len(cut), cut[0], cut[-1]) == (20, "a", "z")


def test_what_an_encoding_lacks_is_spelled_out():
    text = "σ ≥ 1 × 2 − 3 数 caf\udce9"
    shown = text.encode("ascii", "wellposed.printable").decode()
    assert shown == r"sigma >= 1 x 2 - 3 \u6570 caf\xe9"
    assert "\u0416 \u2265".encode("cp1251", "wellposed.printable") == b"\xc6 >="
