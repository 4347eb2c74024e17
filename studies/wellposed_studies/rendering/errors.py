"""The one error of the reports' machinery."""

from __future__ import annotations

from pathlib import Path

from ..errors import StudyError


class RenderError(StudyError):
    """A report could not be rendered; nothing was written.

    Parameters
    ----------
    message : str
        What happened and what to do next.
    path : Path, optional
        The report's source.
    line : int, optional
        Line in that source, counted from 1.

    Examples
    --------
    >>> str(RenderError("no such option", Path("reports/index.qmd"), 12))
    'reports/index.qmd:12: no such option'
    """

    def __init__(self, message: str, path: Path | None = None, line: int | None = None) -> None:
        self.path = path
        self.line = line
        where = "" if path is None else f"{path}: " if line is None else f"{path}:{line}: "
        super().__init__(where + message)
