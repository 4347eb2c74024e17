"""Sizes that depend on the profile, and kinds of targets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Profile = Literal["quick", "full"]
Task = Literal["regression", "classification"]
PROFILES: tuple[Profile, ...] = ("quick", "full")


@dataclass(frozen=True)
class ByProfile:
    """A value for the ``quick`` and one for the ``full`` profile; see `by_profile`."""

    quick: Any
    full: Any

    def of(self, profile: Profile) -> Any:
        """The value for `profile`."""
        return getattr(self, profile)


def by_profile(*, quick: Any, full: Any) -> ByProfile:
    """A value that depends on the profile: a size, never a meaning.

    Parameters
    ----------
    quick, full : Any
        The value under ``--profile quick`` and under ``--profile full``.

    Examples
    --------
    >>> by_profile(quick=10, full=200).of("full")
    200
    """
    return ByProfile(quick, full)


def resolve(value: Any, profile: Profile) -> Any:
    """`value`, or its part for `profile` if it is a `ByProfile`."""
    return value.of(profile) if isinstance(value, ByProfile) else value
