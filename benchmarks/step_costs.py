"""What a step costs with each regularizer, over a plain step: digits 64-64-10, batches of 64.

    OMP_NUM_THREADS=1 python benchmarks/step_costs.py [NAME ...] [--write]

Fits with and without are timed in turn, in processor time, and the ratio is that of the least
times. With --write, docs/step_costs.json keeps the numbers for the table of regularizers.
"""

from __future__ import annotations

import json
import math
import sys
import time
import warnings
from numbers import Integral
from pathlib import Path
from typing import Any

from sklearn.datasets import load_digits

from wellposed import NetClassifier, NetRegressor
from wellposed.regularizers import REGULARIZERS, Regularizer

FILE = Path(__file__).parents[1] / "docs" / "step_costs.json"
ROUNDS, EPOCHS = 5, 4


def ratio(cls: type[Regularizer]) -> float:
    """Time of a fit with the regularizer over that of one without."""
    weak, strong = cls.typical
    needs = {name: value for name, (value, _) in cls.needs.items()}
    estimator = NetClassifier if hasattr(NetClassifier, cls.name) else NetRegressor
    plain = estimator((64, 64), batch_size=64, max_epochs=EPOCHS, random_state=0, **needs)
    strength = math.sqrt(weak * strong)
    strength = round(strength) if cls.interval.type is Integral else strength
    regularized = estimator(**plain.get_params(deep=False)).set_params(**{cls.name: strength})
    least = [math.inf, math.inf]
    for _ in range(ROUNDS):
        least[0] = min(least[0], seconds(plain, False))
        least[1] = min(least[1], seconds(regularized, cls.uses_tasks))
    return least[1] / least[0]


def seconds(net: Any, with_tasks: bool) -> float:
    """Processor time of a fit, with a task beside the main one if that is what it is about."""
    X, y = load_digits(return_X_y=True)
    tasks = {"auxiliary": X.mean(1)} if with_tasks else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        begin = time.process_time()
        net.fit(X / 16, y, **tasks)
        return time.process_time() - begin


def main(names: list[str], write: bool) -> None:
    costs = json.loads(FILE.read_text()) if FILE.exists() else {}
    for name in names or REGULARIZERS:
        costs[name] = round(ratio(REGULARIZERS[name]), 1)
        print(f"{name:20} {costs[name]:5.1f}", flush=True)
        if write:
            known = {name: costs[name] for name in REGULARIZERS if name in costs}
            FILE.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    given = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
    main(given, "--write" in sys.argv)
