"""What a study declares: its data, experiments, claims and figures.

How to write a study
--------------------
A study is one file with one `Study` object, and functions registered with it. A file in
``wellposed_studies/catalogue/`` is found by its name (``my_study.py`` is ``wellposed run
my-study``); any other file is run by its path (``wellposed run ./my_study.py``). Nothing else has
to be edited. One that is too long for a file is a folder in the catalogue, whose ``__init__.py``
imports the others.

It consists of experiments, each with data, factors, repetitions and a table of its own. What is
measured, what is claimed about it and its figure stand together. A study holds no loop over cells,
no file, no seed and no statistics: the runner multiplies data sets, factor values and repetitions
out into cells, derives their seeds, runs what is missing, stores it, and tests the claims on the
finished tables; `wellposed_studies.claims` has the intervals.

Three rules make this work:

- Import numpy at the top of the file, and everything heavier (pandas, scikit-learn, wellposed)
  inside the functions that use it, so that ``wellposed list`` stays quick.
- An experiment uses the data, the factors and the random streams of its cell and nothing else.
  It does not know the profile: a size that depends on it is a factor or belongs to the data.
- Raise ``version`` when what an experiment, `prepare` or a loader computes has changed. Cells of
  other versions are ignored, and ``wellposed clean`` deletes them.

A complete small study, which asks whether shrinking the mean of five numbers pays:

>>> import numpy as np
>>> from wellposed_studies import Study, by_profile
>>> from wellposed_studies.claims import at_least, choose_then_test, share_saved
>>>
>>> study = Study(
...     title="Does shrinking a mean pay?",
...     summary="The mean of five numbers, multiplied by a factor below one.",
...     version=1,
...     minutes={"quick": 0.1, "full": 1.0},
... )
>>>
>>> @study.data("normal", task="regression")
... def normal(rng, profile):
...     return {"mean": 0.5, "n_samples": 5}
>>>
>>> @study.experiment(
...     factor=by_profile(quick=[0.5, 1.0], full=np.linspace(0, 1, 21)),
...     repetitions=by_profile(quick=200, full=5000),
... )
... def shrinkage(cell, factor):
...     sample = cell.rng("sample").normal(cell.data.mean, 1.0, cell.data.n_samples)
...     return {"squared_error": (factor * sample.mean() - cell.data.mean) ** 2}
>>>
>>> @study.claim(
...     "The best factor has a smaller squared error than the mean itself.",
...     at_least(0),
...     measured="share of the risk at factor 1 that is saved, at a factor chosen on other samples",
...     oracle="the mean that was drawn from",
...     source="James and Stein 1961",
... )
... def shrinking_pays(results):
...     # One row a factor, one column a repetition; the same samples for every factor.
...     errors = results["shrinkage"].matrix("squared_error", rows="factor")
...     chosen, tested = choose_then_test(errors.to_numpy())
...     return share_saved(tested[errors.index.get_loc(1.0)], tested[chosen])
>>>
>>> @study.figure("How much should a mean be shrunk?", alt="A curve of risk against the factor.")
... def curve(results, ax):
...     risk = results["shrinkage"].table().groupby("factor")["squared_error"].mean()
...     ax.plot(risk.index, risk)
...     ax.set(xlabel="factor", ylabel="mean squared error")

What an experiment may return
-----------------------------
A mapping from names to

- numbers, strings or booleans: columns of ``results["shrinkage"].table()``, which has one row a
  cell;
- numpy arrays, say the predictions at the test points, ``(n_test,)`` or ``(n_test, n_classes)``:
  ``results["shrinkage"].stacked("prediction")`` has one row a setting, and its arrays have the
  repetitions as their first axis, which is what bias and variance are computed from;
- DataFrames, say a learning curve: ``results["shrinkage"].table("curve")``, the cell's columns put
  before the frame's.

A bare DataFrame is short for ``{"cells": frame}``: ``table()`` then has its rows.

What is computed once from all cells is a function under ``@study.derived``, from results to a
DataFrame, and read as ``results.table(name)``. What was found is a function under
``@study.findings``, from results to sentences, with which a report opens.
"""

from .cells import Cell, stream
from .data import Data
from .experiments import Experiment
from .factors import RESERVED, Grid, sweep
from .figures import WIDTH, DeclaredFigure
from .profiles import PROFILES, ByProfile, Profile, Task, by_profile, resolve
from .source import Source
from .study import Study

__all__ = [
    "PROFILES",
    "RESERVED",
    "WIDTH",
    "ByProfile",
    "Cell",
    "Data",
    "DeclaredFigure",
    "Experiment",
    "Grid",
    "Profile",
    "Source",
    "Study",
    "Task",
    "by_profile",
    "resolve",
    "stream",
    "sweep",
]
