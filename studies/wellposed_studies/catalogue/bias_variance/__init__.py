"""What does regularization trade? Bias against variance, for six regularizers.

`setup` has the data and the network, `trained` what is measured of it, `tables` what is computed
of that. The claims with their figures are in `checks`, `known_truth`, `real_data` and `overview`;
`page` says what was found.
"""

from . import checks, known_truth, overview, page, real_data, tables, trained
from .setup import study

__all__ = ["checks", "known_truth", "overview", "page", "real_data", "study", "tables", "trained"]
