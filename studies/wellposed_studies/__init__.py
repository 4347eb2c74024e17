"""Studies of regularization: declared, resumable, honest.

`study` says how a study is written, `claims` how its statements are tested. `load` reads what
a run has finished, for reports and notebooks. `as_numbers` and `input_encoder` make numbers of a
user's table that has text or holes.
"""

from .study import Cell, Data, Grid, Study, by_profile, sweep

__all__ = [
    "Cell",
    "Data",
    "Grid",
    "Study",
    "as_numbers",
    "by_profile",
    "input_encoder",
    "load",
    "scikit_learn",
    "sweep",
]


def __getattr__(name: str) -> object:
    if name == "load":
        from .storing.results import load

        return load
    if name in ("as_numbers", "input_encoder"):
        from .loading import preprocessing

        return getattr(preprocessing, name)
    if name == "scikit_learn":
        from .loading.datasets import scikit_learn

        return scikit_learn
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
