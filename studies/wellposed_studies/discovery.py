"""Studies by name or by file."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import sys
from functools import lru_cache
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

from . import catalogue
from .claims import Claim
from .errors import StudyError, UnknownStudy, suggest
from .escaping import visible
from .study import Source, Study


def names() -> list[str]:
    """Names of the built-in studies, sorted; imports none of them."""
    return catalogue.names()


def is_path(name: str) -> bool:
    """Whether `name` means a file rather than a built-in study."""
    return name.endswith(".py") or "/" in name or "\\" in name


def find(name: str) -> Source:
    """The study of this name, or the one in the file of this path.

    Raises
    ------
    StudyError
        If there is none, naming those that are near; or if the file holds no study or several.
    """
    if is_path(name):
        try:
            file = Path(name).expanduser().resolve()
            changed = file.stat().st_mtime_ns if file.is_file() else 0
        except (OSError, RuntimeError, ValueError) as error:  # loops, no permission, no home
            raise UnknownStudy(f"{visible(name)} is no file that can be read: {error}.") from error
        return _from_file(str(file), changed)
    return _built_in(name)


@lru_cache
def _built_in(name: str) -> Source:
    known = names()
    if name not in known:
        raise UnknownStudy(
            f"there is no study {name!r}. {suggest(name, known)} A study of your own is given by "
            "the path of its file: ./my_study.py"
        )
    module_name = f"{catalogue.__name__}.{name.replace('-', '_')}"
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise StudyError(
            f"study {name!r} needs {error.name}, which is not installed. Install the studies' "
            "extra: pip install 'wellposed[studies]'"
        ) from error
    return _source(name, name, module)


class _FromSource(SourceFileLoader):
    """Reads the file itself: stored bytecode is used if size and time, in seconds, agree."""

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.get_data(self.path), self.path)


@lru_cache
def _from_file(path: str, changed: int) -> Source:
    """The study in a file; `changed` is its time, so that an edited file is read again."""
    file = Path(path)
    if not file.is_file():
        beside = [p.name for p in file.parent.glob("*.py")] if file.parent.is_dir() else []
        raise UnknownStudy(f"there is no file {path}. {suggest(file.name, beside)}")
    name = visible(file.stem.replace("_", "-").lower())
    if name.strip(".") == "":
        raise UnknownStudy(f"{visible(path)} has no name before .py, which a study is called by.")
    if name in names():
        raise StudyError(
            f"{path} would be the study {name!r}, which is built in already, and their results "
            "would mix. Rename the file."
        )
    module_name = f"wellposed_own_{hashlib.sha256(path.encode()).hexdigest()[:16]}"
    if file.suffix != ".py":
        raise StudyError(f"{path} is not a Python file; expected a name ending in .py.")
    loader = _FromSource(module_name, path)
    spec = importlib.util.spec_from_file_location(module_name, path, loader=loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    try:
        loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[module_name]
        raise StudyError(f"{path} cannot be imported: {type(error).__name__}: {error}") from error
    return _source(name, path, module)


def _source(name: str, spec: str, module: ModuleType) -> Source:
    """The one study in `module`, checked."""
    path = str(module.__file__)
    found = [
        value
        for value in vars(module).values()
        if inspect.isclass(value)
        and issubclass(value, Study)
        and value.__module__ == module.__name__
        and not value.__name__.startswith("_")
    ]
    if len(found) != 1:
        what = ", ".join(c.__name__ for c in found) or "none"
        raise StudyError(f"{path} has to define one subclass of Study; it defines {what}.")
    study = found[0]()
    _check(path, study)
    return Source(name=name, spec=spec, path=path, code=_code(Path(path)), study=study)


def _code(path: Path) -> str:
    """Digest of a study's file, or of all files of its folder."""
    files = sorted(path.parent.rglob("*.py")) if path.name == "__init__.py" else [path]
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()


def _check(path: str, study: Study) -> None:
    """Refuse a declaration that cannot work, before anything is run."""
    kind = type(study).__name__
    if not study.title:
        raise StudyError(f"{path}: {kind} has no title.")
    if not study.data:
        raise StudyError(f"{path}: {kind} has no data.")
    if not study.factors:
        raise StudyError(
            f"{path}: {kind} has no factors; a study without any has factors = [Grid({{}})]."
        )
    for grid in study.factors:
        for name in grid.data or ():
            if name not in study.data:
                raise StudyError(
                    f"{path}: a grid of {kind} names the data set {name!r}. "
                    f"{suggest(name, study.data)}"
                )
    if type(study).measure is Study.measure:
        raise StudyError(f"{path}: {kind} has no `measure(self, cell)`, which computes a cell.")
    factors = {name for grid in study.factors for name in grid.factors}
    for part in study.seeded_by:
        if part not in {"data", "repetition"} | factors:
            raise StudyError(
                f"{path}: seeded_by of {kind} names {part!r}. "
                f"{suggest(part, ['data', 'repetition', *sorted(factors)])}"
            )
    seen = set()
    for claim in study.claims:
        if not isinstance(claim, Claim):
            raise StudyError(f"{path}: claims of {kind} holds {claim!r}; expected Claim(...)s.")
        if claim.name in seen:
            raise StudyError(f"{path}: {kind} has two claims named {claim.name!r}.")
        seen.add(claim.name)
        if claim.data is not None and claim.data not in study.data:
            raise StudyError(
                f"{path}: claim {claim.name!r} names the data set {claim.data!r}. "
                f"{suggest(claim.data, study.data)}"
            )
