"""Script: print by how many MiB a search raises this process's peak memory.

Arguments: "digits" or "mnist" (its size, not its digits), number of candidates, of folds, and
`max_memory`.
"""

import resource
import sys

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV

from wellposed import NetClassifier, fit_together


def main(name, n_candidates, n_folds, max_memory):
    if name == "digits":
        X, y = load_digits(return_X_y=True)
        X = (X / 16).astype(np.float32)
        net = NetClassifier((64,), batch_size=64, max_epochs=1, random_state=0)
    else:
        rng = np.random.default_rng(0)
        X, y = rng.random((70_000, 784), dtype=np.float32), rng.integers(0, 10, 70_000)
        net = NetClassifier((16,), batch_size=256, max_epochs=1, random_state=0)
    net.fit(X[:500], y[:500])
    before = peak()
    grid = {"l2": np.logspace(-6, -1, int(n_candidates))}
    with fit_together(max_memory=float(max_memory)) as scheduler:
        GridSearchCV(net, grid, cv=int(n_folds), refit=False).fit(X, y)
    assert sum(scheduler.stack_sizes) == int(n_candidates) * int(n_folds)
    print(round(peak() - before))


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main(*sys.argv[1:])
