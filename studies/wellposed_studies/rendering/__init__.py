"""Reports: Quarto documents that only read finished tables.

`render` hands `reports/*.qmd` to Quarto where it is found and to the embedded engine elsewhere;
both write `reports/_output/NAME.html` and `NAME.pdf`.

How to write a report
---------------------
The embedded engine knows a small, documented subset of Quarto and refuses the rest by file and
line, so a report that renders here renders in Quarto. A report starts like this::

    ---
    title: "Bias and variance"
    subtitle: "What each regularizer pays and what it saves"
    ---

    ```{python}
    from wellposed_studies.reporting import open_page

    page = open_page("bias-variance")
    ```

    ```{python}
    page.opening("What does each regularizer trade?", "Six panels, for L2, L1 ...")
    ```

and ends with the sections that all reports have::

    ```{python}
    #| output: asis
    print(page.claims("Sizes"))
    print(page.closing())
    ```

`reporting` says what they show.

Front matter
    ``title``, ``subtitle``, ``description``, ``author``, ``date``, ``toc``. All else is in
    `reports/_quarto.yml`.
Sections
    Start at ``##``; ``## Method {#sec-method}`` for a reference, ``{.unnumbered}`` for no number.
    End with ``## References {.unnumbered}`` and ``::: {#refs}`` / ``:::``.
Cells
    ```` ```{python} ```` with ``#|`` lines: ``label``, ``echo``, ``include``, ``output`` (true,
    false, asis), ``fig-cap``, ``fig-alt``, ``fig-subcap``, ``layout-ncol``, ``tbl-cap``. Cells run
    once, in order, in the Python that renders. Code is hidden unless ``echo: true``.
Figures
    ``page.figure("name", caption, alt)``: the question it answers, and what is seen, for those who
    do not see it; code, data and pictures are offered beside it, and on a narrow screen its panels
    stand one below the other. A figure of the document's own: ``label: fig-name`` with ``fig-cap``
    and ``fig-alt``, drawn at `plotting.WIDTH` inches, is the cell's value, or the cell ends with
    ``plt.show()``. Several figures in one cell, each
    shown by ``display(...)`` or ``plt.show()``, are sub-figures: lists ``fig-subcap`` and
    ``fig-alt`` of the same length, and ``layout-ncol``.
Tables
    The cell's value is Markdown (`reporting.markdown.table`), with ``label: tbl-name``
    and ``tbl-cap``; a bare DataFrame is refused. Or a Markdown table in the text, followed by
    ``: Caption {#tbl-name}``.
Numbers in the text
    ``The gap is `{python} Markdown(f"{gap:.2f}")`.`` Never typed by hand. `markdown.Markdown`, as
    a plain string would be shown with its quotes.
Names from outside
    Of data sets, columns, classes, files: ``escaping.markdown(name)`` or ``escaping.code(name)``.
Equations
    ``$$ y = X w $$ {#eq-name}``.
References
    ``@fig-name`` (Figure 1), ``@fig-name-1`` (Figure 1 (a)), ``@tbl-name``, ``@eq-name``,
    ``@sec-name``; ``[-@fig-name]`` is the number alone. ``@key`` and ``[@key, sec. 7.1]`` cite
    `references.bib`.
Callouts
    ``::: {.callout-note}``, also tip, important, warning, caution; a ``## Title`` on its first
    line is its title.
Blocks of `reporting`
    Divs of the classes answer, strip, figure-more, interactive, card and neighbours, which
    `theme/blocks.lua` makes for both formats.
Links between reports
    ``[text](underconstrained.html)``; in the PDF it leads to the PDF.

Not supported, hence refused: shortcodes, tabsets, raw HTML, margin and column classes, other
classes and attributes, unlabelled images.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from html.parser import HTMLParser
from pathlib import Path
from typing import Literal

from ..escaping import visible
from ..storing import layout
from .errors import RenderError
from .quarto import find_quarto, render_with_quarto
from .sources import available, choose, reports_folder
from .surroundings import copy_sources, drop_unlinked

__all__ = ["RenderError", "available", "find_quarto", "render", "reports_folder"]

logger = logging.getLogger(__name__)


def render(
    names: Iterable[str] = (),
    formats: Iterable[str] = ("html", "pdf"),
    engine: Literal["auto", "quarto", "embedded"] = "auto",
    results_dir: str | os.PathLike[str] = layout.DEFAULT,
    output_dir: str | os.PathLike[str] | None = None,
    starting: Callable[[str, int, int], None] = lambda name, i, n: None,
) -> list[Path]:
    """Render reports from finished results.

    Parameters
    ----------
    names : iterable of str
        Reports, by name (`"bias-variance"`, `"index"`). If empty: the index and the reports of
        all studies that have a finished run; a warning names the others.
    formats : iterable of {"html", "pdf"}
    engine : {"auto", "quarto", "embedded"}
        "auto" is Quarto where it is found (`QUARTO_PATH`, then `PATH`, then `quarto-cli` beside
        this Python), the embedded engine otherwise.
    results_dir : path
        The results folder of `wellposed run`.
    output_dir : path, optional
        By default `reports` in the results folder; for a clone's own `results` it is `_output`
        beside the sources.
    starting : callable ``(name, i, n)``
        Called before each report, the i-th of n.

    Returns
    -------
    list of Path
        The files written, report by report. Each appears complete or not at all.

    Raises
    ------
    RenderError
        If a report cannot be rendered; the reports before it are already written, of this one
        nothing is.

    Examples
    --------
    >>> render(["indes"], engine="embedded")
    Traceback (most recent call last):
        ...
    wellposed_studies.rendering.errors.RenderError: there is no report 'indes'. Did you mean ...
    """
    wanted = tuple(dict.fromkeys(formats))
    if not wanted or set(wanted) - {"html", "pdf"}:
        raise RenderError(f"formats are 'html' and 'pdf', got {', '.join(wanted) or 'none'}")
    quarto = _quarto(engine)
    results, source = Path(results_dir), reports_folder()
    chosen = choose(names, source, results)
    target = Path(output_dir) if output_dir is not None else _usual_place(source, results)
    linked = [name for name in available(source) if _all_there(target, name, wanted)] + chosen
    written = []
    for i, name in enumerate(chosen, 1):
        starting(name, i, len(chosen))
        with tempfile.TemporaryDirectory(prefix="wellposed-report-") as scratch:
            project = layout.reports_folder(Path(scratch))
            copy_sources(source, project)
            drop_unlinked(project, linked)
            logger.info("rendering %s with %s", name, quarto or "the embedded engine")
            if quarto:
                produced = render_with_quarto(quarto, project, name, wanted, results)
            else:
                from .embedded import render_embedded

                produced = render_embedded(source / f"{name}.qmd", project, wanted, results)
            if "html" in produced:
                _refuse_external(produced["html"])
            written += [_place(produced[fmt], target) for fmt in wanted]
    return written


def _all_there(target: Path, name: str, formats: Iterable[str]) -> bool:
    return all((target / f"{name}.{fmt}").is_file() for fmt in formats)


def _usual_place(source: Path, results: Path) -> Path:
    """A clone's own results have theirs in the clone; others lie beside what they report."""
    clone = source.parent.resolve()
    if source.name != "_reports" and results.resolve() == clone / layout.DEFAULT:
        return source / layout.OUTPUT
    return layout.reports_folder(results)


def _quarto(engine: str) -> Path | None:
    if engine not in ("auto", "quarto", "embedded"):
        raise RenderError(f"engine is 'auto', 'quarto' or 'embedded', got {engine!r}")
    quarto = None if engine == "embedded" else find_quarto()
    if engine == "quarto" and quarto is None:
        raise RenderError(
            "no quarto was found in QUARTO_PATH, on PATH or beside this Python: install it from "
            "quarto.org or with pip install 'wellposed[quarto]', or use the embedded engine"
        )
    if quarto is None:
        _check_embedded()
    return quarto


def _check_embedded() -> None:
    from importlib.util import find_spec

    parts = {"pypandoc": "pypandoc_binary", "typst": "typst", "nbclient": "nbclient"}
    parts |= {"ipykernel": "ipykernel", "nbformat": "nbformat", "yaml": "pyyaml"}
    missing = [package for module, package in parts.items() if find_spec(module) is None]
    if missing:
        raise RenderError(
            f"neither Quarto nor {', '.join(missing)} is installed: "
            "pip install 'wellposed[reports]'"
        )


def _place(file: Path, target: Path) -> Path:
    """Move a finished file into `target`: written beside its place, then renamed over it."""
    final = target / file.name
    partial = target / f".{file.name}.{os.getpid()}"
    try:
        target.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copyfile(file, partial)
            partial.replace(final)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise RenderError(
            f"{visible(final)} cannot be written ({error.strerror}). Choose another folder with "
            "--output."
        ) from error
    return final


class _Sources(HTMLParser):
    """Collect what a browser would fetch by itself (links are only followed by a reader)."""

    def __init__(self) -> None:
        super().__init__()
        self.external: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for key, value in attrs:
            fetched = key in ("src", "srcset", "poster", "data") or (
                key in ("href", "xlink:href") and tag not in ("a", "area", "base")
            )
            if fetched and (value or "").lower().startswith(("http:", "https:", "//")):
                self.external.append(f"<{tag} {key}={value!r}>")


def _refuse_external(html: Path) -> None:
    parser = _Sources()
    parser.feed(html.read_text(encoding="utf-8"))
    if parser.external:
        raise RenderError(
            f"{html.name} would fetch {', '.join(parser.external[:3])}; a report is one file that "
            "works offline, so it was not written"
        )
