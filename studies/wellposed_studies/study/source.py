"""A study and where it was found."""

from __future__ import annotations

from dataclasses import dataclass, field

from .study import Study


@dataclass(frozen=True)
class Source:
    """A study and where it was found.

    Attributes
    ----------
    name : str
        Its name, which its results are stored under.
    spec : str
        What `wellposed_studies.discovery.find` finds it by: the name or the path of its file.
    path : str
        Its file.
    code : str
        SHA-256 of the file.
    study : Study
        The study itself.
    """

    name: str
    spec: str
    path: str
    code: str
    study: Study = field(repr=False, compare=False)
