"""Studies by name or by file."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Iterable
from functools import lru_cache
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

from . import catalogue
from .errors import StudyError, UnknownStudy, WrongForm, suggest
from .escaping import visible
from .study import Experiment, Source, Study


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
        If there is none, naming those that are near; or if the file makes no `Study` or several.
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
        near = suggest(file.name, beside) if beside else "Its folder has no files of Python."
        raise UnknownStudy(f"there is no file {path}. {near}")
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
    except WrongForm as error:
        del sys.modules[module_name]
        raise WrongForm(f"{path}: {error}") from error
    except (Exception, SystemExit) as error:
        del sys.modules[module_name]
        raise StudyError(
            f"{path} cannot be imported: {type(error).__name__}: {error}{_moved_to(error)}"
        ) from error
    return _source(name, path, module)


def _moved_to(error: BaseException) -> str:
    """Where a module of this package is now that a file imports from its earlier place."""
    package, _, name = (getattr(error, "name", None) or "").rpartition(".")
    if not isinstance(error, ModuleNotFoundError) or package != __package__:
        return ""
    for folder in sorted(f.name for f in Path(__file__).parent.iterdir() if f.is_dir()):
        place = f"{package}.{folder}.{name}"
        if importlib.util.find_spec(f"{package}.{folder}") and importlib.util.find_spec(place):
            return f". It is {place} now."
    return ""


def _source(name: str, spec: str, module: ModuleType) -> Source:
    """The one study in `module`, checked."""
    path = str(module.__file__)
    found = {id(value): key for key, value in vars(module).items() if isinstance(value, Study)}
    if len(found) != 1:
        what = ", ".join(found.values()) or "none"
        raise StudyError(f"{path} has to make one object of Study; it makes {what}.")
    study = vars(module)[next(iter(found.values()))]
    _check(path, study)
    return Source(name=name, spec=spec, path=path, code=_code(Path(path)), study=study)


def _code(path: Path) -> str:
    """Digest of a study's file, or of all files of its folder."""
    files = sorted(path.parent.rglob("*.py")) if path.name == "__init__.py" else [path]
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()


def _check(path: str, study: Study) -> None:
    """Refuse a declaration that cannot work, before anything is run."""
    if not study.title:
        raise StudyError(f"{path}: the study has no title.")
    if not study.data_sets:
        raise StudyError(f"{path}: the study has no data.")
    if not study.experiments:
        raise StudyError(
            f"{path}: the study has no experiment, a function under @study.experiment(...)."
        )
    for experiment in study.experiments.values():
        _check_experiment(path, study, experiment)
    for what, names in (
        ("claim", {claim.name: claim.data for claim in study.claims}),
        ("figure", {figure.name: figure.data for figure in study.figures.values()}),
    ):
        for name, data in names.items():
            _check_data(path, study, f"the {what} {name!r}", [data] if data is not None else [])


def _check_experiment(path: str, study: Study, experiment: Experiment) -> None:
    what = f"the experiment {experiment.name!r}"
    _check_data(path, study, what, experiment.data or ())
    for grid in experiment.grids:
        _check_data(path, study, f"a grid of {what}", grid.data or ())
    known = ["experiment", "data", "repetition", *sorted(experiment.factors)]
    for part in experiment.seeded_by:
        if part not in known:
            raise StudyError(f"{path}: seeded_by of {what} names {part!r}. {suggest(part, known)}")


def _check_data(path: str, study: Study, what: str, names: Iterable[str]) -> None:
    for name in names:
        if name not in study.data_sets:
            raise StudyError(
                f"{path}: {what} names the data set {name!r}. {suggest(name, study.data_sets)}"
            )
