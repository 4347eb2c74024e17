"""The walls of the packages: what imports what, and how large a file is."""

from __future__ import annotations

import ast
import pickle
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import wellposed
from wellposed.regularizers import REGULARIZERS, Regularizer
from wellposed_studies.storing import layout

ROOT = Path(__file__).parents[1]
SOURCES = {"wellposed": ROOT / "estimators", "wellposed_studies": ROOT / "studies"}

#: Parts of a package, each of which imports only itself and those before it. What is not named
#: comes last: the estimators, what they consist of, and what uses them; of the studies the runner
#: and the command.
LAYERS = {
    "wellposed": (
        "exceptions",
        "ranges",
        "_missing",
        "_warn",
        "_streams",
        "_threads",
        "networks",
        "regularizers",
        "training",
        "skorch_net",
        "_execution",
        "together",
    ),
    "wellposed_studies": (
        "escaping",
        "errors",
        "fonts",
        "claims",
        "study",
        "discovery",
        "loading",
        "running",
        "storing",
        "judging",
        "reporting",
        "rendering",
        "catalogue",
    ),
}
#: It lists the names of the studies and imports none.
NAMES = "wellposed_studies.catalogue"


# ---------------------------------------------------------------------- what a file imports


def imports(file: Path, of_functions: bool) -> Iterator[ast.Import | ast.ImportFrom]:
    """Import statements that run, of the module alone or of its functions as well."""
    pending: list[ast.AST] = [ast.parse(file.read_text(encoding="utf-8"))]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            pending += node.orelse
        elif of_functions or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            pending += ast.iter_child_nodes(node)


@cache
def modules(package: str) -> dict[str, Path]:
    """The files of a package by the names of their modules."""
    source = SOURCES[package]
    files = (source / package).rglob("*.py")
    names = {file: ".".join(file.relative_to(source).with_suffix("").parts) for file in files}
    return {name.removesuffix(".__init__"): file for file, name in names.items()}


def imported(name: str, of_functions: bool = True) -> set[str]:
    """Full names of what a module imports; of ``from a import b``, both a and a.b."""
    file = modules(name.partition(".")[0])[name]
    inside = name.split(".") if file.name == "__init__.py" else name.split(".")[:-1]
    names = set()
    for node in imports(file, of_functions):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
            continue
        parent = inside[: len(inside) - node.level + 1] if node.level else []
        base = ".".join([*parent, *filter(None, [node.module])])
        names |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
    return names


def with_parents(name: str) -> set[str]:
    """A module and the packages that are imported with it."""
    parts = name.split(".")
    return {".".join(parts[:n]) for n in range(1, len(parts) + 1)}


def imports_within(package: str, of_functions: bool) -> dict[str, set[str]]:
    """For each module of a package, those of the same package that it imports.

    The packages that it lies in itself are left out: they are being imported already.
    """
    graph = {}
    for name in modules(package):
        names = set().union(*map(with_parents, imported(name, of_functions)))
        graph[name] = (names & modules(package).keys()) - with_parents(name)
    return graph


# ---------------------------------------------------------------------- walls


@pytest.mark.parametrize(
    ("package", "forbidden"),
    [
        ("wellposed", {"wellposed_studies", "reports", "tests", "conftest", "benchmarks"}),
        ("wellposed_studies", {"reports", "tests", "conftest", "benchmarks"}),
    ],
)
def test_imports_point_one_way(package: str, forbidden: set[str]) -> None:
    wrong = {
        name: found
        for name in modules(package)
        if (found := {other.partition(".")[0] for other in imported(name)} & forbidden)
    }
    assert len(modules(package)) > 20
    assert not wrong


@pytest.mark.parametrize("package", SOURCES)
def test_no_circle_of_imports(package: str) -> None:
    graph = imports_within(package, of_functions=False)
    assert sum(map(len, graph.values())) > 50
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail("modules import each other: " + " <- ".join(error.args[1]))


def layer_of(module: str) -> int:
    package, _, rest = module.partition(".")
    part = "escaping" if module == NAMES else rest.partition(".")[0]
    layers = LAYERS[package]
    return layers.index(part) if part in layers else len(layers)


@pytest.mark.parametrize("package", SOURCES)
def test_layers(package: str) -> None:
    """Also imports of functions count."""
    graph = imports_within(package, of_functions=True)
    assert {layer_of(name) for name in graph} == set(range(len(LAYERS[package]) + 1))
    upward = {
        (name, other)
        for name, others in graph.items()
        for other in others
        if layer_of(other) > layer_of(name)
    }
    assert not upward


def test_the_list_of_studies_imports_none() -> None:
    assert not imports_within("wellposed_studies", of_functions=True)[NAMES]


def test_studies_run_and_store_nothing_themselves() -> None:
    """They declare: what is measured, claimed and drawn, of finished results."""
    parts = {"running", "storing", "judging", "rendering"}
    forbidden = {f"wellposed_studies.{part}" for part in parts} | {"wellposed_studies.runner"}
    graph = imports_within("wellposed_studies", of_functions=True)
    studies = [name for name in graph if name.startswith(f"{NAMES}.")]
    assert len(studies) > 10
    assert not {name: found for name in studies if (found := graph[name] & forbidden)}


def test_studies_hold_no_statistics_of_their_own() -> None:
    """Intervals, lines through points and quantiles are those of `claims` and `drawing`."""
    by_hand = {"delete", "polyfit", "std", "quantile", "percentile", "median", "linregress"}
    studies = [n for n in modules("wellposed_studies") if n.startswith(f"{NAMES}.")]
    assert len(studies) > 10
    for name in studies:
        assert not {other for other in imported(name) if other.startswith("scipy.stats")}, name
        tree = ast.parse(modules("wellposed_studies")[name].read_text(encoding="utf-8"))
        called = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        assert not called & by_hand, name


def texts(file: Path) -> Iterator[ast.Constant]:
    """The strings of a file that are no docstrings, also parts of f-strings."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    said = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said:
            yield node


def test_paths_are_put_together_in_one_place() -> None:
    """Of results and of rendered reports; what a user's file is called is another matter."""
    others = ("storing.layout", "study", "loading", "catalogue")
    names = {layout.DEFAULT, layout.VARIABLE, layout.OUTPUT, str(layout.FIGURES), ".json"}
    names |= {layout.MANIFEST, layout.latest_file(Path(), "").name}
    found = [
        f"{name}:{text.lineno} says {text.value!r}"
        for name, file in modules("wellposed_studies").items()
        if not name.removeprefix("wellposed_studies.").startswith(others)
        for text in texts(file)
        if text.value in names or text.value.endswith(".parquet")
    ]
    assert found == []


@pytest.mark.parametrize("part", ["regularizers", "training"])
def test_mathematics_knows_nothing_of_threads(part: str) -> None:
    concurrent = {"threading", "subprocess", "multiprocessing", "concurrent", "asyncio"}
    names = [name for name in modules("wellposed") if name.startswith(f"wellposed.{part}")]
    assert len(names) > 4
    assert not [name for name in names if imported(name) & concurrent]


#: Where regularizers may be named: the constructor, the lists that users import from, and studies.
MAY_NAME = {"wellposed._parameters", "wellposed.net", "wellposed.regularizers", "wellposed"}
#: The parameter of each regularizer's class.
PARAMETERS = {cls.__name__: name for name, cls in REGULARIZERS.items()}
#: A parameter's name that is numpy's word for what seeds are made of.
OF_SEEDS = {"entropy"}


def named_regularizers(file: Path) -> Iterator[str]:
    """Lines that name a regularizer of another file.

    By its parameter in a text, as an attribute of another object or as a keyword, or by the
    import of its class or of a module called like it. PyTorch's functions have keywords of theirs.
    """
    tree = ast.parse(file.read_text(encoding="utf-8"))
    own = {PARAMETERS.get(node.name) for node in tree.body if isinstance(node, ast.ClassDef)}
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        found: set[str | None] = set()
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found = set() if id(node) in docstrings else set(re.findall(r"\w+", node.value))
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) != "self":
            found = {node.attr} - (OF_SEEDS if "wellposed_studies" in file.parts else set())
        elif isinstance(node, ast.Import | ast.ImportFrom):
            parts = [part for alias in node.names for part in alias.name.split(".")]
            parts += (getattr(node, "module", None) or "").split(".")
            found = {PARAMETERS.get(part, part) for part in parts}
        elif isinstance(node, ast.Call) and not ast.unparse(node.func).startswith("torch."):
            found = {keyword.arg for keyword in node.keywords}
        for name in (found & set(REGULARIZERS)) - own:
            yield f"{file.name}:{node.lineno} names {name}"


def named_classes(cls: type[Regularizer]) -> set[type[Regularizer]]:
    """Subclasses of the library's that have a parameter."""
    own = {cls} if cls.name and cls.__module__.startswith("wellposed.") else set()
    return own.union(*map(named_classes, cls.__subclasses__()))


def test_every_regularizer_is_listed() -> None:
    assert named_classes(Regularizer) == set(REGULARIZERS.values())


@pytest.mark.parametrize("package", SOURCES)
def test_no_module_names_a_regularizer(package: str) -> None:
    """What a regularizer needs elsewhere, its class says."""
    elsewhere = [
        file
        for name, file in modules(package).items()
        if name not in MAY_NAME and not name.startswith(NAMES)
    ]
    assert len(elsewhere) > 20
    assert [line for file in elsewhere for line in named_regularizers(file)] == []


@pytest.mark.parametrize(
    "line",
    [
        "from .regularizers.auxiliary import Tasks",
        "from wellposed import Dropout",
        "import wellposed.regularizers.dropout",
        "given = dict(x=x, auxiliary=auxiliary)",
        "on = 'l2' in strengths",
        "f'Set {name}=0, or l1'",
        "estimator.weight_decay",
    ],
)
def test_a_name_is_seen(tmp_path: Path, line: str) -> None:
    file = tmp_path / "module.py"
    file.write_text(f'"""About dropout."""\n{line}\n')
    assert len(list(named_regularizers(file))) == 1


def test_a_class_may_name_itself(tmp_path: Path) -> None:
    file = tmp_path / "module.py"
    file.write_text("class Dropout:\n    why = 'set dropout=0, or l2'\n")
    assert list(named_regularizers(file)) == ["module.py:2 names l2"]


@pytest.mark.parametrize("folder", ["estimators", "studies", "tests", "benchmarks", "docs"])
def test_files_are_short(folder: str) -> None:
    files = list((ROOT / folder).rglob("*.py"))
    assert files
    lengths = {file: len(file.read_text(encoding="utf-8").splitlines()) for file in files}
    assert not {file: length for file, length in lengths.items() if length > 400}


# ---------------------------------------------------------------------- what an import does


def run(code: str) -> None:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


ALONE = """
import sys
import warnings
import numpy as np
from sklearn.linear_model import Ridge
from wellposed import NetClassifier, bias_variance

def check():
    assert not [name for name in sys.modules if name.startswith("wellposed.together")]

warnings.simplefilter("ignore")
X = np.random.default_rng(0).normal(size=(40, 3))
y = (X[:, 0] > 0).astype(int)
check()
NetClassifier((4,), max_epochs=2).fit(X, y).predict(X)
check()
NetClassifier((4,), max_epochs=2, solver="lbfgs").fit(X, y)
check()
NetClassifier((4,), max_epochs=2, verbose=1).fit(X, y).net_.predict(X)
check()
bias_variance(Ridge(), X, X[:, 0], n_repetitions=3)
check()

from wellposed import fit_together
assert "wellposed.together.scheduler" in sys.modules
"""


def test_a_fit_alone_imports_no_scheduler() -> None:
    run(ALONE)


@pytest.mark.parametrize(
    "first",
    ["import wellposed.bias_variance.votes", "from wellposed.displays import BiasVarianceDisplay"],
)
def test_the_package_bias_variance_leaves_its_name_to_the_function(first: str) -> None:
    run(
        f"{first}\n"
        "import wellposed, wellposed.bias_variance.display\n"
        "from wellposed.bias_variance import KnownTruth, bias_variance\n"
        "assert wellposed.bias_variance is bias_variance and callable(bias_variance)"
    )


@pytest.mark.parametrize("name", wellposed.__all__)
def test_public_names(name: str) -> None:
    value = getattr(wellposed, name)
    assert name in dir(wellposed)
    assert pickle.loads(pickle.dumps(value)) is value


def test_other_names_are_refused() -> None:
    with pytest.raises(AttributeError, match="no attribute 'fit_alone'"):
        wellposed.fit_alone  # noqa: B018
