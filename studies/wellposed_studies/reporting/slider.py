"""A figure that a slider makes interactive: precomputed fits from weak to strong.

A study declares one by ``@study.slider(FIGURE)``, a function from results to a dictionary:

``parameter``, ``x_label``, ``y_label``, ``curve_label``
    Words for the slider, the axes of the fits, and the axis of the curves.
``x``, ``truth``
    The grid, and the true function on it.
``steps``
    One a strength: ``label``, ``lines`` (one fit each, a list on the grid) and ``mean``.
``curves``
    Name of a component to its value at each step.

The theme's ``slider.js`` draws it in the browser. Without scripts, and in the PDF, the figure that
it stands on is shown as it is.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ..storing.layout import FIGURES
from .markdown import Markdown

if TYPE_CHECKING:
    from ..storing.results import Results


def slider(results: Results, name: str, shown: Markdown) -> Markdown:
    """A figure, as Markdown, made interactive if the study declares a slider for it."""
    offered = results.source.study.sliders.get(name)
    if offered is None:
        return shown
    data = offered(results)
    path = FIGURES / f"{results.name}-{name}-slider.json"
    path.write_text(json.dumps(data, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")
    return Markdown(
        f'\n::: {{.interactive data="{path.as_posix()}" script="slider"}}\n{shown}\n:::\n'
    )
