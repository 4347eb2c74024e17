"""fit_together(): every fit inside the block is trained side by side with the others.

Unmodified scikit-learn code (searches, cross-validation, curves, ensembles) runs its tasks in
threads; the fits of `NetClassifier` and `NetRegressor` are trained as stacks. Results are those of
the ordinary loop, to the bit.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from joblib import parallel_config

from .backend import TogetherBackend
from .scheduler import Scheduler
from .warning_filters import filters


@contextmanager
def fit_together(max_memory: float = 2e9, n_trainers: int | None = None) -> Iterator[Scheduler]:
    """Train every fit inside the block side by side with the others, with unchanged results.

    Parameters
    ----------
    max_memory : float, default=2e9
        Bytes that the samples of the tasks in flight may take.
    n_trainers : int, default: number of CPUs
        Stacks that are trained at the same time. Long work is shared with processes, which are
        kept for later blocks and end with the interpreter or after five minutes without work.

    Yields
    ------
    Scheduler
        Its ``stack_sizes`` tell how many networks each stack held.

    Notes
    -----
    Inside, ``n_jobs`` means nothing: how many tasks are in flight is decided by what trains fast
    and fits into memory. What cannot be part of a stack (a module of your own, a fit with
    callbacks, an estimator of another library) is fitted as usual.

    On a dask cluster, let joblib's backend send what is large, say one search for each data set,
    and open the block on the worker, inside of what is sent; its fits are then trained side by side
    there. Of two blocks around each other the inner one decides: a search directly inside of
    ``parallel_config(backend="dask")`` sends each fit alone, with the same results::

        def search(X, y):
            with fit_together(n_trainers=1):
                return GridSearchCV(net, grid).fit(X, y)

        with Client("tcp://host:8786"), parallel_config(backend="dask"):
            searches = Parallel()(delayed(search)(X, y) for X, y in tables)

    Warning filters that are set inside end with the block, as in ``warnings.catch_warnings``.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from wellposed import NetClassifier, fit_together
    >>> X, y = load_iris(return_X_y=True)
    >>> grid = {"l2": [1e-3, 1e-2, 1e-1]}
    >>> with fit_together() as scheduler:
    ...     search = GridSearchCV(NetClassifier((), learning_rate=0.1, random_state=0), grid)
    ...     search = search.fit(X, y)
    >>> bool(search.best_score_ > 0.9)
    True
    >>> scheduler.stack_sizes  # 3 strengths x 5 folds
    [15]
    """
    backend = TogetherBackend(scheduler=Scheduler(max_memory, n_trainers))
    filters.save(backend)
    try:
        with parallel_config(backend=backend, n_jobs=-1):
            yield backend.scheduler
    finally:
        filters.restore(backend)
