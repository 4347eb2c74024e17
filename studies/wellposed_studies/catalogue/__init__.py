"""The built-in studies, found by name: ``my_study.py``, or a folder ``my_study``, is ``my-study``.

Adding a file here is all it takes. A study that is too long for one file is a folder, whose
``__init__.py`` has the `Study` and whose other files have its parts.
"""

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
