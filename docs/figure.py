"""Draw the README's figure from the finished results of the study ``bias-variance``.

Run it after ``make report``: ``.venv/bin/python docs/figure.py [RESULTS]``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import wellposed_studies
from wellposed_studies.reporting.plotting import apply_theme

apply_theme()
results = wellposed_studies.load("bias-variance", *sys.argv[1:])
results.figure("synthetic").savefig(
    Path(__file__).parent / "bias-variance.svg", facecolor="white", metadata={"Date": None}
)
