"""The built-in studies, one file each, found by file name: ``my_study.py`` is ``my-study``."""

from __future__ import annotations

import pkgutil


def names() -> list[str]:
    """Names of the built-in studies, sorted; imports none of them.

    Examples
    --------
    >>> isinstance(names(), list)
    True
    """
    modules = (module.name for module in pkgutil.iter_modules(__path__))
    return sorted(name.replace("_", "-") for name in modules if not name.startswith("_"))
