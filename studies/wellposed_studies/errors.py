"""What can go wrong outside a study's own code, said in a sentence a user can act on."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from .escaping import visible


class StudyError(Exception):
    """A study cannot be run or read; the message says what to do."""

    #: What the command line exits with.
    exit_code = 1


class UnknownStudy(StudyError):
    """There is no study of this name or in this file."""

    exit_code = 2


class WrongForm(StudyError):
    """A study's file is written in a form of an earlier version."""

    exit_code = 2


class DataError(StudyError):
    """A user's table cannot be used as it is; the message is one line, whatever names are in it."""

    exit_code = 2

    def __init__(self, message: str) -> None:
        super().__init__(visible(message))


class StoreError(StudyError):
    """The results folder cannot be read or written."""


class Damaged(StoreError):
    """A file in the results folder is not what a run wrote."""

    exit_code = 2


def suggest(word: str, known: Iterable[str]) -> str:
    """A sentence that names what is near `word` among `known`, or all of it.

    Examples
    --------
    >>> suggest("bias-varience", ["bias-variance", "dropout"])
    "Did you mean 'bias-variance'?"
    >>> suggest("x", ["bias-variance", "dropout"])
    'There are: bias-variance, dropout.'
    """
    known = [str(k) for k in known]
    near = difflib.get_close_matches(word, known, n=3, cutoff=0.6)
    if not near:
        lowered = {k.lower(): k for k in known}
        near = [
            lowered[k] for k in difflib.get_close_matches(word.lower(), lowered, n=3, cutoff=0.6)
        ]
    if near:
        return f"Did you mean {' or '.join(repr(k) for k in near)}?"
    shown = ", ".join(known[:30]) + (" ..." if len(known) > 30 else "")
    return f"There are: {shown}." if known else "There are none."
