"""The figures' theme. Matplotlib and seaborn are imported by `apply_theme` only."""

from __future__ import annotations

from ..fonts import FONT
from ..study import WIDTH
from .drawing import PALETTE


def apply_theme() -> None:
    """Set seaborn's and matplotlib's defaults for the reports' figures, whatever was set before.

    Text becomes outlines (`svg.fonttype = "path"`), so that a figure looks the same in a browser
    without our font and in the PDF; what it says is in the figure's alternative text. Identifiers
    inside an SVG do not change from run to run.

    Examples
    --------
    >>> import matplotlib
    >>> apply_theme()
    >>> matplotlib.rcParams["svg.fonttype"]
    'path'
    """
    import matplotlib
    import seaborn as sns

    matplotlib.rcdefaults()
    sns.set_theme(
        context="paper",
        style="ticks",
        palette=list(PALETTE),
        font=FONT,
        rc={
            "figure.figsize": (WIDTH, 3.6),
            "figure.constrained_layout.use": True,
            "font.size": 8.5,
            "axes.titlesize": 9,
            "axes.titleweight": "bold",
            "axes.titlelocation": "left",
            "axes.labelsize": 8.5,
            "xtick.labelsize": 8,
            "ytick.labelsize": 8,
            "legend.fontsize": 8,
            "legend.frameon": False,
            "axes.edgecolor": "#52606d",
            "axes.labelcolor": "#1f2933",
            "text.color": "#1f2933",
            "xtick.color": "#1f2933",
            "ytick.color": "#1f2933",
            "axes.linewidth": 0.7,
            "xtick.major.width": 0.7,
            "ytick.major.width": 0.7,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "grid.color": "#e4e8ec",
            "grid.linewidth": 0.6,
            "axes.axisbelow": True,
            "lines.linewidth": 1.5,
            "lines.markersize": 4.5,
            "svg.fonttype": "path",
            "svg.hashsalt": "wellposed",
        },
    )
