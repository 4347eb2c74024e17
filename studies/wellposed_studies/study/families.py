"""One statement about several things: a claim for each."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from ..claims import Claim, Estimate

#: The parts of a claim that may have the words of a member in braces.
TEXTS = ("name", "statement", "measured", "oracle", "source", "data")


def members(
    test: Callable[..., Estimate], each: Sequence[Mapping[str, Any]], parts: Mapping[str, Any]
) -> list[Claim]:
    """The claims of a family.

    Parameters
    ----------
    test : callable ``(results, **some of the member's values) -> Estimate``
    each : sequence of mapping
        The members: names in braces, and what is put in their place.
    parts : mapping
        Arguments of `Claim`.
    """
    return [_member(test, values, parts) for values in each]


def _member(
    test: Callable[..., Estimate], values: Mapping[str, Any], parts: Mapping[str, Any]
) -> Claim:
    def filled(text: str | None) -> str | None:
        return text if text is None else text.format_map(values)

    try:
        texts = {name: filled(parts[name]) for name in TEXTS}
    except KeyError as error:
        raise ValueError(
            f"the claim {parts['name']!r} names {{{error.args[0]}}}, and one of `each` has only "
            f"{', '.join(values) or 'nothing'}."
        ) from None
    wanted = list(inspect.signature(test).parameters)[1:]
    given = {name: values[name] for name in wanted if name in values}
    texts["name"] = str(texts["name"]).replace("_", "-").replace(" ", "-")
    return Claim(**{**parts, **texts}, test=partial(test, **given) if given else test)
