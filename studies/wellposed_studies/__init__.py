"""Studies of regularization: declared, resumable, honest.

`study` says how a study is written, `claims` how its statements are tested. `load` reads what
a run has finished, for reports and notebooks. `as_numbers` and `input_encoder` make numbers of a
user's table that has text or holes.
"""

from .loading.preprocessing import as_numbers, input_encoder
from .study import Cell, Data, Grid, Study, by_profile

__all__ = ["Cell", "Data", "Grid", "Study", "as_numbers", "by_profile", "input_encoder", "load"]


def __getattr__(name: str) -> object:
    if name == "load":
        from .results import load

        return load
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
