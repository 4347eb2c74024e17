"""How long one fit takes, next to skorch, a loop by hand and scikit-learn's MLP.

All are timed in alternation in one process with one thread, so that a slow minute of the machine is
everybody's; a number in the table is the median over rounds of (peer's time / ours), with the
smallest and the largest round. The time is the processor's, which on an idle machine is the clock's
and on a busy one leaves the waiting out. Run it by ``make bench``.
"""

from __future__ import annotations

import argparse
import platform
import time
import warnings
from pathlib import Path
from statistics import median

import numpy as np
import sklearn
import skorch
import torch
from peers import PEERS, Fit, Shape, wellposed
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits


def digits() -> tuple[np.ndarray, np.ndarray]:
    """1,797 images of 8 x 8 pixels, 10 classes."""
    X, y = load_digits(return_X_y=True)
    return (X / 16).astype(np.float32), y.astype(np.int64)


def wide() -> tuple[np.ndarray, np.ndarray]:
    """10,000 random rows of the size of MNIST's images."""
    rng = np.random.default_rng(0)
    return rng.random((10_000, 784), dtype=np.float32), rng.integers(0, 10, 10_000)


def sine() -> tuple[np.ndarray, np.ndarray]:
    """30 points of a noisy sine."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (30, 1)).astype(np.float32)
    noise = rng.normal(0, 0.1, 30).astype(np.float32)
    return x, np.sin(3 * x[:, 0]) + noise


SHAPES = [
    Shape("digits 64-64-10", digits, (64,), 64, 30),
    Shape("digits 64-64-10, dropout", digits, (64,), 64, 30, dropout=0.5),
    Shape("digits 64-256-256-10", digits, (256, 256), 64, 10),
    Shape("784-256-256-10, 10k rows", wide, (256, 256), 64, 1),
    Shape("sine 1-50-1, full batch", sine, (50,), 30, 500, regression=True),
]


def seconds(fit: Fit) -> float:
    """Processor time of one call."""
    start = time.process_time()
    fit()
    return time.process_time() - start


def compare(shape: Shape, rounds: int) -> dict[str, np.ndarray]:
    """Times of `rounds` alternating fits, by name, after one fit each that is not counted."""
    X, y = shape.load()
    fits = {"wellposed": wellposed(X, y, shape)}
    fits |= {name: fit for name, peer in PEERS.items() if (fit := peer(X, y, shape))}
    for fit in fits.values():
        fit()
    times = [{name: seconds(fit) for name, fit in fits.items()} for _ in range(rounds)]
    return {name: np.array([turn[name] for turn in times]) for name in fits}


def row(shape: Shape, times: dict[str, np.ndarray]) -> str:
    """One line of the table."""
    ours = times["wellposed"]
    cells = [shape.name, f"{1e3 * median(ours) / shape.epochs:.2f}"]
    for name in PEERS:
        if name in times:
            ratio = times[name] / ours
            cells.append(f"{median(ratio):.1f} ({ratio.min():.1f}-{ratio.max():.1f})")
        else:
            cells.append("-")
    return f"| {' | '.join(cells)} |"


def machine() -> str:
    """CPU and versions."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    model = next((line.partition(":")[2].strip() for line in lines if "model name" in line), "")
    return (
        f"{model or platform.processor() or platform.machine()}, one thread; "
        f"Python {platform.python_version()}, torch {torch.__version__}, "
        f"skorch {skorch.__version__}, scikit-learn {sklearn.__version__}, numpy {np.__version__}"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Time one fit beside its peers.")
    parser.add_argument("--rounds", type=int, default=7, help="fits of each; default 7")
    parser.add_argument("shapes", nargs="*", help="names that begin like this; default all")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    torch.set_num_threads(1)
    chosen = [s for s in SHAPES if s.name.startswith(tuple(arguments.shapes) or "")]
    print(f"| one fit | wellposed, ms an epoch | {' | '.join(PEERS)} |")
    print(f"|---|---|{'---|' * len(PEERS)}")
    with threadpool_limits(1):
        for shape in chosen:
            print(row(shape, compare(shape, arguments.rounds)), flush=True)
    print("\nTimes of the others over ours: median of the rounds (smallest-largest).")
    print(machine())


if __name__ == "__main__":
    main()
