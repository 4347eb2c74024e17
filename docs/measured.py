"""Write docs/measured.md: what the declared studies over many tables found.

wellposed run benchmarks/cocktail_study.py
wellposed run benchmarks/defaults.py
python docs/measured.py
"""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path
from types import SimpleNamespace

import pandas as pd

from wellposed_studies.reporting.standing import standing
from wellposed_studies.storing.results import Results, load

HERE = Path(__file__).parent
BENCHMARKS, PAGE = HERE.parent / "benchmarks", HERE / "measured.md"

HEAD = """# Measured: one search over all regularizers, and the defaults

Accuracy of classes, R² of numbers, on rows left out; columns, and targets that are numbers, are
standardised by the training rows. The tables are real and can be had by anyone (scikit-learn's own,
or those of an installed package); a third of the rows is tested on. This page is written by
`python docs/measured.py` from stored results.
"""

COCKTAIL = """
## One search over all regularizers

Every method has the same rows and tunes on them by three folds: 40 draws of `cocktail` (and the
same number of Optuna's trials; 80 candidates by halving), of scikit-learn's MLP and of histogram
boosting; the linear models tune their strength. `wellposed run benchmarks/cocktail_study.py`
repeats it. Linear models are in `cocktail` since a first repetition on these tables, at which draws
without them were behind the linear model on two: the tables are not unseen in this respect.
"""

DEFAULTS = """
## Defaults of the optimisation

Regularizers are off. *Default* is learning rate 0.001, constant, batches of 200, 200 epochs;
*chosen* is the best of 24 settings of rate (0.001, 0.003, 0.01), schedule (constant, cosine), batch
(32, 200) and epochs (100, 200) on the first eight tables; the other eight say what it is worth
where it was not chosen. `wellposed run benchmarks/defaults.py` repeats it.
"""


def main(folder: str = "results") -> None:
    """Write the page from results in `folder`."""
    cocktail = load(str(BENCHMARKS / "cocktail_study.py"), folder)
    defaults = load(str(BENCHMARKS / "defaults.py"), folder)
    PAGE.write_text(
        "\n".join([HEAD, COCKTAIL, *of_cocktail(cocktail), DEFAULTS, *of_defaults(defaults)])
    )


def of_cocktail(results: Results) -> list[str]:
    """Scores, times and verdicts."""
    scores = results["compared"].table().pivot_table("score", "data", "method")
    timings = results.timings
    timings["method"] = timings["params"].map(lambda params: json.loads(params)["method"])
    seconds = timings.pivot_table("seconds", "data", "method")[scores.columns]
    return [
        f"Means over {_repetitions(results, 'compared')} splits:\n",
        *markdown(scores, 3),
        "\nSeconds of a search with its last fit, networks of a search side by side on one thread"
        f" ({results.manifest['cpu']}; all cores were busy):\n",
        *markdown(seconds, 1),
        "",
        *verdicts(results),
    ]


def of_defaults(results: Results) -> list[str]:
    """The default beside the chosen setting and peers, and verdicts."""
    study = SimpleNamespace(**runpy.run_path(str(BENCHMARKS / "defaults.py")))
    means = study.means(results)
    best = means.loc[list(study.CHOSEN_ON)].mean().idxmax()
    peers = results["peers"].table().pivot_table("score", "data", "method")
    table = pd.DataFrame(
        {"default": means[tuple(study.DEFAULT.values())], "chosen": means[best], **peers}
    ).loc[[*study.CHOSEN_ON, *study.TESTED_ON]]
    told = [f"{name} {value}" for name, value in zip(study.DEFAULT, best) if name != "init"]
    return [
        f"Chosen: {', '.join(told)}. Means over {_repetitions(results, 'settings')} splits:\n",
        *markdown(table, 3),
        "",
        *verdicts(results),
    ]


def verdicts(results: Results) -> list[str]:
    """A line a claim."""
    lines = []
    for _, row in results.verdicts.iterrows():
        interval = "" if pd.isna(row["low"]) else f" [{row['low']:.3f}, {row['high']:.3f}]"
        found = f"{row['measured']}: {row['value']:.3f}{interval}, {row['threshold']} required"
        lines.append(f"- **{standing(row)}**: {row['statement']} ({found})")
    return [*lines, ""]


def markdown(table: pd.DataFrame, digits: int) -> list[str]:
    """A table with a mean at its end."""
    table = pd.concat([table, table.mean().to_frame("mean").T])
    rows = [["", *table.columns], ["---"] * (1 + len(table.columns))]
    rows += [[str(name), *(f"{v:.{digits}f}" for v in row)] for name, row in table.iterrows()]
    return ["| " + " | ".join(map(str, row)) + " |" for row in rows]


def _repetitions(results: Results, experiment: str) -> int:
    return int(results[experiment].table()["repetition"].nunique())


if __name__ == "__main__":
    main(*sys.argv[1:])
