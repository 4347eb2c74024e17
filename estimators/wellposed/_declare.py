"""How parameters are declared: once, with their default, range and text."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from inspect import cleandoc
from textwrap import indent
from typing import Any, TypeVar, dataclass_transform

from sklearn.utils._param_validation import Interval

from .regularizers.base import PER_LAYER, Regularizer

T = TypeVar("T")

#: Headings that end the description in a docstring.
_SECTIONS = ("\nParameters\n", "\nExamples\n", "\nReferences\n", "\nAttributes\n")


def parameter(
    kind: str, constraint: list[Any], text: str, *, default: Any, kw_only: bool = True
) -> Any:
    """Declare a parameter of an estimator.

    Parameters
    ----------
    kind : str
        Its type, as documentation writes it.
    constraint : list
        What scikit-learn's validation accepts.
    text : str
        What it is.
    default : Any
    kw_only : bool, default=True
    """
    metadata = {"kind": kind, "constraint": constraint, "text": cleandoc(text)}
    return field(default=default, kw_only=kw_only, metadata=metadata)


def strength(cls: type[Regularizer], *, default: float | None) -> Any:
    """Declare the strength of a regularizer: a number, or an object with its options."""
    kinds = [cls.kind or f"float {_range(cls.interval)}"]
    if cls(default).options:
        kinds.append(cls.__name__)
    if default is None:
        kinds.append("None")
    if cls.per_layer:
        kinds.append(f"list of one a {PER_LAYER[cls.per_layer][0]}")
    constraint = [*cls.strength_constraint(), *(["boolean"] if cls.kind == "bool" else []), cls]
    return parameter(" or ".join(kinds), constraint, description(cls), default=default)


def description(cls: type) -> str:
    """The docstring of a class up to its first section."""
    text = cleandoc(cls.__doc__ or "")
    return text[: min(end for end in (*map(text.find, _SECTIONS), len(text)) if end >= 0)].strip()


def _range(interval: Interval) -> str:
    low, high = interval.left, interval.right
    if high is None:
        return f">{'=' if interval.closed in ('left', 'both') else ''} {low}"
    opening = "[" if interval.closed in ("left", "both") else "("
    closing = "]" if interval.closed in ("right", "both") else ")"
    return f"in {opening}{low}, {high}{closing}"


@dataclass_transform(kw_only_default=True, field_specifiers=(parameter, strength))
def declared(cls: type[T]) -> type[T]:
    """Make a constructor, scikit-learn's constraints and documentation of declared parameters.

    The docstring's ``{parameters}`` are filled in, and ``{attributes}`` with those of a base class.
    """
    made: Any = dataclass(eq=False, repr=False, kw_only=True)(cls)
    made._parameter_constraints = {f.name: f.metadata["constraint"] for f in fields(made)}
    documented = "\n".join(_documented(f) for f in fields(made))
    made.__doc__ = (
        cleandoc(made.__doc__ or "")
        .replace("{parameters}", documented)
        .replace("{attributes}", _attributes(made))
    )
    return made


def _attributes(cls: type) -> str:
    heading = "Attributes\n----------\n"
    for base in cls.__mro__[1:]:
        text = cleandoc(base.__doc__ or "")
        if heading in text:
            return text[text.index(heading) + len(heading) :]
    return ""


def _documented(parameter: Any) -> str:
    default = parameter.default
    default = f"{default:g}" if isinstance(default, float) else repr(default).replace("'", '"')
    text = indent(parameter.metadata["text"], "    ")
    return f"{parameter.name} : {parameter.metadata['kind']}, default={default}\n{text}"
