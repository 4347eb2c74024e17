"""Write README's table of regularizers, which follows from their classes and parameters."""

import re
from dataclasses import fields
from pathlib import Path

from wellposed import NetClassifier
from wellposed.regularizers import REGULARIZERS

README = Path(__file__).parents[1] / "README.md"
BEGIN, END = "<!-- regularizers: python docs/regularizers.py -->", "<!-- end -->"
#: Parameters that regularize and are no classes: their sources, and whether lbfgs takes them.
FURTHER = {
    "normalization": ("8.7.1; Ioffe and Szegedy 2015; Ba et al. 2016", "layer"),
    "skip": ("8.7.5; He et al. 2016", "yes"),
    "k_winners": ("7.10; Makhzani and Frey 2013", "yes"),
    "early_stopping": ("7.8", "no"),
    "retrain": ("7.8", "no"),
    "n_members": ("7.11", "yes"),
    "bootstrap": ("7.11; Breiman 1996", "yes"),
}


def table() -> str:
    """The table as Markdown."""
    rows = ["| hyperparameter | off | what it is | source | lbfgs |", "|---|---|---|---|---|"]
    for parameter in fields(NetClassifier):
        regularizer = REGULARIZERS.get(parameter.name)
        if regularizer is not None:
            source = "; ".join(filter(None, (regularizer.section, regularizer.paper)))
            name = f"`{parameter.name}`" + (f" ({regularizer.symbol})" * bool(regularizer.symbol))
            lbfgs = "no" if regularizer(0.1).why_not_lbfgs() else "yes"
        elif parameter.name in FURTHER:
            name, (source, lbfgs) = f"`{parameter.name}`", FURTHER[parameter.name]
        else:
            continue
        off = parameter.default
        off = f"{off:g}" if isinstance(off, float) else str(off)
        rows.append(
            f"| {name} | {off} | {_sentence(parameter.metadata['text'])} | {source} | {lbfgs} |"
        )
    return "\n".join(rows)


def _sentence(text: str) -> str:
    """The first sentence without its reference to the book, for a cell of a table."""
    text = re.sub(r" \((?:section|eq|algorithm|[A-Z][a-z]+ )[^)]*\)", "", " ".join(text.split()))
    sentence = re.split(r"[.:](?:\s|$)", text, maxsplit=1)[0]
    return sentence.replace("``", "`").replace("|", r"\|")


def with_table(readme: str) -> str:
    """README with the table as it should be."""
    before, rest = readme.split(BEGIN)
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{rest.split(END, 1)[1]}"


if __name__ == "__main__":
    README.write_text(with_table(README.read_text(encoding="utf-8")), encoding="utf-8")
