"""A figure that a slider makes interactive: precomputed fits from weak to strong.

A study offers one in ``slider(results)`` of its module ``page``, as a dictionary:

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
from typing import TYPE_CHECKING, Any

from .exhibit import FOLDER
from .findings import page_module
from .markdown import Markdown

if TYPE_CHECKING:
    from ..storing.results import Results


def slider(results: Results, name: str, shown: Markdown) -> Markdown:
    """A figure, as Markdown, with what makes it interactive; itself if the study offers nothing."""
    offered = getattr(page_module(results.name), "slider", None)
    data: dict[str, Any] | None = None if offered is None else offered(results)
    if data is None:
        return shown
    path = FOLDER / f"{results.name}-{name}-slider.json"
    path.write_text(json.dumps(data, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")
    return Markdown(
        f'\n::: {{.interactive data="{path.as_posix()}" script="slider"}}\n{shown}\n:::\n'
    )
