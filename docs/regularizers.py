"""Write docs/regularizers.md and README's table of families, which follow from classes.

python docs/regularizers.py
"""

from __future__ import annotations

import json
import re
import sys
import warnings
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from wellposed import NetClassifier, NetRegressor
from wellposed.regularizers import REGULARIZERS, Regularizer

HERE = Path(__file__).parent
README, PAGE = HERE.parent / "README.md", HERE / "regularizers.md"
COSTS = HERE / "step_costs.json"
BEGIN, END = "<!-- regularizers: python docs/regularizers.py -->", "<!-- end -->"
PARAMETERS = {f.name: f for cls in (NetClassifier, NetRegressor) for f in fields(cls)}
#: Parameters that regularize and are no classes, by what they are about.
FURTHER = {
    "The network (sections 7.9, 7.10 and 8.7)": ["normalization", "skip", "k_winners", "tied"],
    "How long to train (section 7.8)": ["early_stopping", "retrain", "learning_rate_schedule"],
    "Ensembles (section 7.11)": ["n_members", "bootstrap"],
    "Several tasks (section 7.7)": ["task_weights"],
    "Transfer (section 8.7.4)": ["start", "freeze", "layer_rates"],
}
FURTHER = {
    title: [name for name in names if name in PARAMETERS] for title, names in FURTHER.items()
}
WHERE = {
    "lbfgs": {"solver": "lbfgs"},
    "cnn": {"network": "cnn", "hidden_layer_sizes": (4, 4)},
    "module": {"network": lambda n_in, n_out: _module(n_in, n_out)},
}

HEAD = """# Regularizers

Each is one parameter of `NetClassifier` and `NetRegressor`: its strength, where a number is meant.
0, or None, is off and costs nothing. A class of the same name in `wellposed` has the options:
`adversarial=Adversarial(0.1, steps=7)`; they are searched as `adversarial__steps`. Sections are
those of Goodfellow, Bengio and Courville, *Deep Learning* (2016).

All take part under the solvers adam and sgd. The columns lbfgs, cnn (`network="cnn"`) and module (a
network of your own) say where else; a "no" is refused with its reason, before any training.
*Search* is the range from weak to strong, which `cocktail` draws from; what is in brackets there is
not in a cocktail. *Cost* is the time of a training step over that of a plain one (digits, 64-64-10,
batches of 64, one thread of a CPU). What a strength does in full is in the class's docstring,
`help(wellposed.Adversarial)`.

This page is written by `python docs/regularizers.py` from the classes.
"""


def _module(n_inputs: int, n_outputs: int) -> nn.Module:
    hidden = [nn.Linear(n_inputs, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU()]
    return nn.Sequential(*hidden, nn.Linear(8, n_outputs))


def families() -> dict[str, list[type[Regularizer]]]:
    """Regularizers by the first line of their module's docstring."""
    found: dict[str, list[type[Regularizer]]] = {}
    for cls in REGULARIZERS.values():
        title = (sys.modules[cls.__module__].__doc__ or "").strip().splitlines()[0].rstrip(".")
        found.setdefault(title, []).append(cls)
    return found


def why_not(cls: type[Regularizer], where: str) -> str:
    """What a fit there says against it, or "" if it trains."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(24, 64)), np.arange(24) % 3
    of = NetClassifier if hasattr(NetClassifier, cls.name) else NetRegressor
    needs = {name: value for name, (value, _) in cls.needs.items()}
    net = of((8, 8), max_epochs=5, random_state=0).set_params(**needs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tasks = {"auxiliary": X[:, 0]} if cls.uses_tasks else {}
        net.set_params(**{cls.name: cls.typical[0]}).fit(X, y, **tasks)  # it takes part elsewhere
        try:
            net.set_params(**WHERE[where]).fit(X, y, **tasks)
        except ValueError as error:
            return str(error)
    return ""


def page() -> str:
    """docs/regularizers.md."""
    costs = json.loads(COSTS.read_text(encoding="utf-8"))
    if unknown := REGULARIZERS.keys() - costs.keys():
        names = " ".join(sorted(unknown))
        sys.exit(f"Measure their costs first: python benchmarks/step_costs.py {names} --write")
    parts = [HEAD]
    for title, classes in families().items():
        columns = [
            "parameter",
            "off",
            "range",
            "search",
            "meaning",
            "source",
            "lbfgs",
            "cnn",
            "module",
            "cost",
        ]
        rows = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
        reasons = []
        for cls in classes:
            against = {where: why_not(cls, where) for where in WHERE}
            rows.append(_row(cls, against, costs[cls.name]))
            reasons += [
                f"- `{cls.name}`, {where}: {_reason(cls, where, why)}"
                for where, why in against.items()
                if why
            ]
        parts += [f"## {title}\n", "\n".join(rows) + "\n"]
        if reasons:
            parts.append("\n".join(["Where one does not take part, and why:\n", *reasons]) + "\n")
    for title, names in FURTHER.items():
        rows = ["| parameter | off | what it is |", "|---|---|---|"]
        for name in names:
            text = _sentence(PARAMETERS[name].metadata["text"])
            rows.append(f"| `{name}` | {_off(PARAMETERS[name])} | {text} |")
        parts += [f"## {title}\n", "\n".join(rows) + "\n"]
    return "\n".join(parts)


def _reason(cls: type[Regularizer], where: str, sentence: str) -> str:
    """Why it does not take part; lbfgs has a short form of the sentence."""
    strength = cls.typical[0]
    return f"it {cls(strength).why_not_lbfgs()}." if where == "lbfgs" else sentence


def _row(cls: type[Regularizer], against: dict[str, str], cost: float) -> str:
    parameter = PARAMETERS[cls.name]
    kind = parameter.metadata["kind"].split(" or ")[0].removeprefix("float ").replace("|", "\\|")
    weak, strong = cls.typical
    search = f"{weak:g} to {strong:g}" if weak != strong else "on"
    cells = [
        f"`{cls.name}`" + f" ({cls.symbol})" * bool(cls.symbol),
        _off(parameter),
        kind,
        search if cls.in_cocktail else f"({search})",
        _sentence(parameter.metadata["text"]),
        "; ".join(filter(None, (cls.section, cls.paper))),
        *("no" if why else "yes" for why in against.values()),
        f"{cost:.1f}",
    ]
    return f"| {' | '.join(cells)} |"


def table() -> str:
    """README's table."""
    listed = {title: [cls.name for cls in classes] for title, classes in families().items()}
    rows = ["| family | hyperparameters |", "|---|---|"]
    for title, names in {**listed, **FURTHER}.items():
        rows.append(f"| {_without_source(title)} | {', '.join(f'`{name}`' for name in names)} |")
    return "\n".join(rows)


def _off(parameter: Any) -> str:
    off = parameter.default
    return f"{off:g}" if isinstance(off, float) else str(off)


def _without_source(text: str) -> str:
    source = r" \((?:section|sections|eq|algorithm|[A-Z][a-z]+ )[^)]*\)"
    return re.sub(source, "", " ".join(text.split()))


def _sentence(text: str) -> str:
    """The first sentence without its reference to the book, for a cell of a table."""
    sentence = re.split(r"[.:](?:\s|$)", _without_source(text), maxsplit=1)[0]
    return sentence.replace("``", "`").replace("|", r"\|")


def with_table(readme: str) -> str:
    """README with the table as it should be."""
    before, rest = readme.split(BEGIN)
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{rest.split(END, 1)[1]}"


if __name__ == "__main__":
    README.write_text(with_table(README.read_text(encoding="utf-8")), encoding="utf-8")
    PAGE.write_text(page(), encoding="utf-8")
