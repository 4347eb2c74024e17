"""A figure of a report with what belongs to it: its data, its code, and pictures to take away."""

from __future__ import annotations

import inspect
import io
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..storing.layout import FIGURES
from .drawn import drawn
from .markdown import Markdown
from .narrowing import narrow

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

DPI = 200


def exhibit(
    figure: Figure,
    name: str,
    caption: str,
    alt: str,
    *,
    code: str,
    file: str,
    data: pd.DataFrame | None = None,
    narrowed: Figure | None = None,
) -> Markdown:
    """Save a figure and return the Markdown that shows it.

    Parameters
    ----------
    figure : Figure
        Drawn at `plotting.WIDTH` inches.
    name : str
        ``@fig-NAME`` refers to it.
    caption, alt : str
        The question it answers, in Markdown; and what is seen, for those who do not see it.
    code : str
        Python that draws it, shown on request.
    file : str
        What its files are called: ``FILE.svg``, ``.png``, ``.csv``.
    data : DataFrame, optional
        What it shows; by default read from the figure, see `drawn`.
    narrowed : Figure, optional
        The figure for narrow screens; by default its panels, one below the other.
    """
    FIGURES.mkdir(exist_ok=True)
    place = FIGURES / file
    (drawn(figure) if data is None else data).to_csv(
        place.with_suffix(".csv"), index=False, float_format="%.10g"
    )
    save(figure, place.with_suffix(".svg"))
    save(figure, place.with_suffix(".png"), dpi=DPI)
    narrowed = narrowed or narrow(figure)
    if narrowed is not None:
        save(narrowed, place.with_suffix(".narrow.svg"))
    ticks = "`" * 4
    return Markdown(
        f"\n![{caption}]({place.as_posix()}.svg)"
        f"{{#fig-{name} fig-alt={json.dumps(alt, ensure_ascii=False)}}}\n\n"
        f'::: {{.figure-more file="{place.as_posix()}" name="{file}"}}\n'
        f"{ticks} python\n{code.rstrip()}\n{ticks}\n:::\n"
    )


def save(figure: Figure, path: Path, **options: Any) -> None:
    """Write a figure, the same bytes every time."""
    buffer = io.BytesIO()
    metadata = {"Date": None} if path.suffix == ".svg" else {"Software": None}
    figure.savefig(buffer, format=path.suffix[1:], metadata=metadata, **options)
    path.write_bytes(_fewer_colours(buffer) if path.suffix == ".png" else buffer.getvalue())


def _fewer_colours(buffer: io.BytesIO) -> bytes:
    """A picture with a palette, a third of the size."""
    from PIL import Image

    out = io.BytesIO()
    with Image.open(buffer) as image:
        image.convert("RGB").quantize(128, dither=Image.Dither.NONE).save(out, "png", optimize=True)
    return out.getvalue()


def source_of(draw: Callable[..., Any], load: str, call: str) -> str:
    """The code of a function that draws a figure, after how to call it.

    Parameters
    ----------
    draw : callable
        The study's function, or a `partial` of one.
    load, call : str
        Lines of Python: what loads the results, and what draws the figure.
    """
    fixed = ""
    while isinstance(draw, partial):
        given = [repr(value) for value in draw.args]
        given += [f"{key}={value!r}" for key, value in draw.keywords.items()]
        fixed = f"# called with {', '.join(given)}\n"
        draw = draw.func
    draw = inspect.unwrap(draw)
    try:
        text = inspect.getsource(draw)
    except (OSError, TypeError):
        text = "# its source is not at hand\n"
    return f"import wellposed_studies\n\n{load}\n{call}\n\n{fixed}{inspect.cleandoc(text)}\n"
