"""What the reports show of finished results: a page's parts, each once for all studies.

A study's report is a few lines of Markdown around `open_page`::

    page = open_page("bias-variance")

and then ``page.opening()`` and ``page.figure(...)``, each as the value of a cell, and the sections
``page.claims(...)`` and ``page.closing()``, each printed in a cell with ``output: asis``. They
return Markdown that both engines know; files beside figures are written to `layout.FIGURES`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .page import Page

__all__ = ["open_page"]


def open_page(name: str) -> Page:
    """A report's page on the last finished run of a study."""
    from .page import Page

    return Page(name)
