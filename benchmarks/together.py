"""How long many fits take inside `fit_together()`, next to skorch and scikit-learn's MLP.

Unmodified scikit-learn code runs the same tasks with each estimator, one after the other, a few
times round; a number is the median over rounds of (peer's time / ours), with the smallest and the
largest. Peers get ``n_jobs=2``; ours gets `fit_together()`. "first" is our first call in this
process, which may have to start others. Two shapes are drawn anew each time. Wall-clock time, so
the machine has to be idle. Run it by ``make bench``.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
import torch
from one_fit import digits, machine, sine, wide
from peers import Batches, module
from peers import Shape as Net
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, learning_curve
from sklearn.neural_network import MLPClassifier, MLPRegressor
from skorch import NeuralNetClassifier, NeuralNetRegressor
from torch import nn

from wellposed import NetClassifier, NetRegressor, bias_variance, fit_together

DIGITS = Net("digits", digits, (64,), 64, 30)
SINE = Net("sine", sine, (50,), 30, 500, regression=True)
STRENGTHS = np.logspace(-6, -1, 32)


class OneOutput(NeuralNetRegressor):
    """skorch's regressor with predictions of shape (n,), which mlxtend asks for."""

    def predict(self, X: Any) -> np.ndarray:
        return super().predict(X).ravel()


def skorch_net(net: Net, build: Callable[[], nn.Module], tuned: bool) -> Any:
    """skorch as it comes, or with a tensor iterator, no callbacks and the fused Adam."""
    kind = OneOutput if net.regression else NeuralNetClassifier
    options: dict[str, Any] = {"criterion": nn.MSELoss if net.regression else nn.CrossEntropyLoss}
    if tuned:
        options |= {
            "iterator_train": Batches,
            "optimizer__fused": True,
            "callbacks": "disable",
        }
    return kind(
        build,
        optimizer=torch.optim.Adam,
        lr=1e-3,
        batch_size=net.batch_size,
        max_epochs=net.epochs,
        iterator_train__shuffle=True,
        train_split=None,
        verbose=0,
        **options,
    )


def digits_module() -> nn.Module:
    return module(64, 10, DIGITS)


def digits_cnn() -> nn.Module:
    return nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)),
        nn.Conv2d(1, 8, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 8, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(32, 10),
    )


def sine_module() -> nn.Module:
    return module(1, 1, SINE)


def ours(**options: Any) -> NetClassifier:
    return NetClassifier((64,), batch_size=64, max_epochs=30, random_state=0, **options)


def scikit_learn() -> MLPClassifier:
    return MLPClassifier((64,), batch_size=64, max_iter=30, n_iter_no_change=31, random_state=0)


def grid(estimator: Any, name: str, values: Any, n_jobs: int | None) -> None:
    X, y = digits()
    GridSearchCV(estimator, {name: values}, cv=5, refit=False, n_jobs=n_jobs).fit(X, y)


def curve(estimator: Any, n_jobs: int | None) -> None:
    X, y = digits()
    sizes = np.linspace(0.1, 1.0, 10)
    learning_curve(estimator, X, y, train_sizes=sizes, cv=10, n_jobs=n_jobs)


def refits(estimator: Any, n_jobs: int | None) -> None:
    X, y = sine()
    y = y if y.ndim == 1 else y[:, 0]
    bias_variance(
        estimator, X, y, sampling="bootstrap", n_repetitions=200, random_state=0, n_jobs=n_jobs
    )


def refits_by_mlxtend(estimator: Any) -> None:
    """200 refits as mlxtend makes them, one after the other."""
    from mlxtend.evaluate import bias_variance_decomp

    X, y = sine()
    target = y[:, None] if isinstance(estimator, NeuralNetRegressor) else y
    bias_variance_decomp(estimator, X, target, X, y, loss="mse", num_rounds=200, random_seed=0)


def drawn(seed: int) -> tuple[Net, Callable[[], nn.Module]]:
    """A classification problem and a network of random sizes."""
    rng = np.random.default_rng(seed)
    n, p, n_classes = (
        int(rng.integers(300, 3000)),
        int(rng.integers(5, 100)),
        int(rng.integers(2, 9)),
    )
    hidden = tuple(int(h) for h in rng.integers(8, 129, size=rng.integers(1, 3)))
    batch_size, epochs = int(rng.choice([32, 64, 128])), int(rng.integers(5, 16))
    X = rng.normal(size=(n, p)).astype(np.float32)
    y = (X @ rng.normal(size=(p, n_classes))).argmax(1)
    sizes = "-".join(map(str, (p, *hidden, n_classes)))
    net = Net(
        f"{sizes}, {n} rows in batches of {batch_size}", lambda: (X, y), hidden, batch_size, epochs
    )
    return net, lambda: module(p, n_classes, net)


def of_drawn_shape(seed: int) -> Work:
    """A grid over a network of random sizes."""
    net, build = drawn(seed)
    X, y = net.load()
    mine = NetClassifier(
        net.hidden, batch_size=net.batch_size, max_epochs=net.epochs, random_state=0
    )

    def search(estimator: Any, name: str, n_jobs: int | None) -> Callable[[], None]:
        grid = GridSearchCV(estimator, {name: MANY}, cv=3, refit=False, n_jobs=n_jobs)
        return lambda: grid.fit(X, y)

    return Work(
        f"8 x 3 grid, {net.name}",
        search(mine, "l2", None),
        {
            "skorch": search(skorch_net(net, build, False), "optimizer__weight_decay", 2),
            "skorch, tuned": search(skorch_net(net, build, True), "optimizer__weight_decay", 2),
        },
    )


def large(n_jobs: int | None) -> None:
    """4 x 2 fits of 784-512-512-10 on 4,000 rows."""
    X, y = wide()
    net = NetClassifier((512, 512), batch_size=128, max_epochs=2, random_state=0)
    grid = {"l2": [1e-6, 1e-5, 1e-4, 1e-3]}
    GridSearchCV(net, grid, cv=2, refit=False, n_jobs=n_jobs).fit(X[:4000], y[:4000])


@dataclass(frozen=True)
class Work:
    """A row of the table: what is done, by us and by each peer."""

    name: str
    ours: Callable[[], None]
    peers: dict[str, Callable[[], None]]


def l2(estimator: Any, n_jobs: int | None = 2) -> Callable[[], None]:
    """The 32 x 5 grid over this estimator's own name of the L2 strength."""
    name = {"NeuralNetClassifier": "optimizer__weight_decay", "MLPClassifier": "alpha"}.get(
        type(estimator).__name__, "l2"
    )
    return lambda: grid(estimator, name, STRENGTHS, n_jobs)


CNN = {"network": "cnn", "batch_size": 64, "max_epochs": 10, "random_state": 0}
MANY = STRENGTHS[::4]
WORK = [
    Work(
        "32 x 5 grid, digits 64-64-10",
        l2(ours(), None),
        {
            "skorch": l2(skorch_net(DIGITS, digits_module, False)),
            "skorch, tuned": l2(skorch_net(DIGITS, digits_module, True)),
            "scikit-learn": l2(scikit_learn()),
        },
    ),
    Work(
        "200 refits, sine 1-50-1, 500 epochs",
        lambda: refits(NetRegressor((50,), batch_size=None, max_epochs=500, random_state=0), None),
        {
            "mlxtend, skorch": lambda: refits_by_mlxtend(skorch_net(SINE, sine_module, False)),
            "mlxtend, scikit-learn": lambda: refits_by_mlxtend(
                MLPRegressor(
                    hidden_layer_sizes=(50,), batch_size=30, max_iter=500, n_iter_no_change=501
                )
            ),
        },
    ),
    Work(
        "10 x 10 learning curve, digits",
        lambda: curve(ours(), None),
        {
            "skorch": lambda: curve(skorch_net(DIGITS, digits_module, False), 2),
            "scikit-learn": lambda: curve(scikit_learn(), 2),
        },
    ),
    Work(
        "8 x 5 grid, CNN 8-8 on digits",
        lambda: grid(NetClassifier((8, 8), **CNN), "l2", MANY, None),
        {
            "skorch": lambda: grid(
                skorch_net(Net("", digits, (), 64, 10), digits_cnn, False),
                "optimizer__weight_decay",
                MANY,
                2,
            ),
        },
    ),
    Work(
        "4 x 2 grid, 784-512-512-10",
        lambda: large(None),
        {"ours, outside, one job": lambda: large(None), "two jobs": lambda: large(2)},
    ),
]


def seconds_of_products(n_networks: int = 23, n_rounds: int = 300) -> float:
    """Time of the matrix products alone of the first row's 160 fits, on two cores."""
    x, w = torch.randn(n_networks, 64, 64), torch.randn(n_networks, 64, 64)
    v, slope = torch.randn(n_networks, 16, 64), torch.randn(n_networks, 16, 64)
    start = time.perf_counter()
    for _ in range(n_rounds):
        h = torch.bmm(w, x)
        torch.bmm(v, h)
        torch.bmm(slope, h.mT)
        back = torch.bmm(v.mT, slope)
        torch.bmm(back, x.mT)
    step = (time.perf_counter() - start) / n_rounds / n_networks
    n_batches = -(-(1797 * 4 // 5) // DIGITS.batch_size)
    return step * 160 * DIGITS.epochs * n_batches / 2


def seconds(work: Callable[[], None], together: bool) -> float:
    """Wall-clock time of one call."""
    start = time.perf_counter()
    with fit_together() if together else nullcontext():
        work()
    return time.perf_counter() - start


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="rows whose name holds this text")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    print(machine())
    print(f"{'work':52s} {'first, s':>8s} {'ours, s':>8s}   times faster than")
    first_seed = time.time_ns() % 2**32
    for work in (*WORK, *map(of_drawn_shape, (first_seed, first_seed + 1))):
        if arguments.only not in work.name:
            continue
        first = seconds(work.ours, True)
        times: list[float] = []
        ratios: dict[str, list[float]] = {name: [] for name in work.peers}
        for _ in range(arguments.rounds):
            times.append(seconds(work.ours, True))
            for name, peer in work.peers.items():
                ratios[name].append(seconds(peer, False) / times[-1])
        told = "   ".join(
            f"{name} {median(r):.1f}x ({min(r):.1f}-{max(r):.1f})" for name, r in ratios.items()
        )
        if work is WORK[0]:
            told += f"   matrix products {seconds_of_products() / median(times):.0%}"
        print(f"{work.name:52s} {first:8.2f} {median(times):8.2f}   {told}", flush=True)


if __name__ == "__main__":
    main()
