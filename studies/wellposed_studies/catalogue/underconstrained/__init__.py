"""Which of infinitely many solutions does one get? Problems with more weights than rows.

`setup` has the study and its drawn data, `data` makes real tables wide, `linear` has the networks.
`page` says what was found. The other files each have experiments with their claims and figures, in
the order of the claims.
"""

from . import two_weights  # isort: skip
from . import least_norm  # isort: skip
from . import least_l1  # isort: skip
from . import separable  # isort: skip
from . import weights  # isort: skip
from . import penalties  # isort: skip
from . import network  # isort: skip
from . import page  # isort: skip
from .setup import study

__all__ = [
    "least_l1",
    "least_norm",
    "network",
    "page",
    "penalties",
    "separable",
    "study",
    "two_weights",
    "weights",
]
