"""Every code block of the README runs, and its table of regularizers is the code's."""

from __future__ import annotations

import inspect
import re
import runpy
import shlex
import subprocess
import textwrap
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner
from sklearn.base import clone

import wellposed_studies
from wellposed import NetClassifier, NetRegressor, _parameters
from wellposed.regularizers import REGULARIZERS, weights
from wellposed_studies.cli import main
from wellposed_studies.discovery import find, names

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
GUIDE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
GUIDE_BLOCKS = [
    textwrap.dedent(code)
    for code in re.findall(r"^ *```python\n(.*?)^ *```$", GUIDE, re.MULTILINE | re.DOTALL)
]
STUDY = next(code for _, code in BLOCKS if code.startswith("# my_study.py"))
COMMANDS = [
    line for kind, code in BLOCKS if kind == "console" for line in code.splitlines() if line
]
#: Parameters in the table whose classes are no regularizers of a single step.
OTHERS = {
    "early_stopping",
    "retrain",
    "normalization",
    "skip",
    "k_winners",
    "n_members",
    "bootstrap",
    "learning_rate_schedule",
    "task_weights",
    "start",
    "freeze",
    "layer_rates",
    "tied",
}


def test_blocks_are_python_or_commands() -> None:
    assert {kind for kind, _ in BLOCKS} == {"python", "console"}


def test_the_python_blocks_run_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for kind, code in BLOCKS:
        if kind == "python" and code is not STUDY:
            exec(compile(code, "README.md", "exec"), names)
    assert names["search"].best_score_ > 0.9  # type: ignore[attr-defined]


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda page: page.stem)
def test_the_python_blocks_of_a_page_run_one_after_the_other(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    names: dict[str, object] = {}
    for code in re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        exec(compile(code, page.name, "exec"), names)


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("make ")])
def test_make_knows_the_targets(command: str) -> None:
    done = subprocess.run(
        [*shlex.split(command), "--dry-run"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_the_studies_of_the_commands_exist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Long studies are not run here; their names and options are read as the command reads them."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_study.py").write_text(STUDY, encoding="utf-8")
    commands = [shlex.split(c)[1:] for c in COMMANDS if c.startswith("wellposed ")]
    assert len(commands) + sum(c.startswith("make ") for c in COMMANDS) == len(COMMANDS)
    for name, *arguments in commands:
        context = main.commands[name].make_context(name, list(arguments))
        for study in context.params.get("names", ()):
            assert find(study).study.claims


def test_every_study_is_named() -> None:
    table = re.findall(r"^\| `([\w-]+)` \| [^|]+ \|$", README, re.MULTILINE)
    assert table == names()


def test_the_own_study_runs_and_its_claim_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_study.py").write_text(STUDY, encoding="utf-8")
    for command in COMMANDS:
        if "my_study" in command:
            done = CliRunner().invoke(main, shlex.split(command)[1:], catch_exceptions=False)
            assert done.exit_code == 0, done.output
    assert "held" in done.output


def test_the_study_of_the_guide_for_contributors_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = next(block for block in GUIDE_BLOCKS if "Study(" in block)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "help_study.py").write_text(code, encoding="utf-8")
    done = CliRunner().invoke(main, ["run", "./help_study.py", "-q"], catch_exceptions=False)
    assert "36 cells on diabetes" in done.output
    assert " undecided\n" in done.output, "its claim was tested"
    results = wellposed_studies.load("./help_study.py", "results")
    assert results.verdicts["verdict"].tolist() != ["not run"]
    assert results.figure("strengths").axes[0].get_xlabel() == "L2 strength"


def test_the_regularizer_of_the_guide_for_contributors_is_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its class stands in the file of its family, its parameter beside the others."""
    code = next(block for block in GUIDE_BLOCKS if "(Regularizer)" in block)
    (line,) = re.findall(r"`(decorrelation: Strength = .*?)`", GUIDE)
    names = {**vars(weights), "__name__": "guide"}
    exec(compile(code, "CONTRIBUTING.md", "exec", annotations.compiler_flag), names)
    toy = names["Decorrelation"]
    monkeypatch.setitem(REGULARIZERS, toy.name, toy)
    names |= vars(_parameters) | {"r": SimpleNamespace(Decorrelation=toy), "Net": NetRegressor}
    exec(f"@declared\nclass Toy(Net):\n    {line}", names)
    Toy = names["Toy"]
    assert Toy().decorrelation == 0.0
    with pytest.raises(ValueError, match="'decorrelation' parameter of Toy must be"):
        Toy(decorrelation=-1.0).fit([[0.0], [1.0]], [0.0, 1.0])

    X = np.random.default_rng(0).normal(size=(40, 3))
    net = Toy((5,), decorrelation=0.3, max_epochs=2, random_state=0).fit(X, X @ np.eye(3)[:, :2])
    products = [np.triu(w.T @ w, 1) for w in net.coefs_]
    expected = 0.15 * sum((p**2).sum() for p in products)
    assert net.objective_parts_["decorrelation"][-1] == pytest.approx(expected, rel=1e-12)
    without = clone(net).set_params(decorrelation=0.0).fit(X, X @ np.eye(3)[:, :2])
    assert not np.array_equal(net.coefs_[0], without.coefs_[0])


def test_the_tables_are_those_of_the_classes() -> None:
    """`python docs/regularizers.py` writes them."""
    script = runpy.run_path(str(ROOT / "docs" / "regularizers.py"))
    assert script["with_table"](README) == README
    page = (ROOT / "docs" / "regularizers.md").read_text(encoding="utf-8")
    assert script["page"]() == page
    listed = re.findall(r"^\| `(\w+)`", page, re.M)
    assert sorted(listed) == sorted({*REGULARIZERS, *OTHERS})
    in_readme = re.search(r"\| family \|.*?\n\n", README, re.S).group()  # type: ignore[union-attr]
    assert set(re.findall(r"`(\w+)`", in_readme)) == {*REGULARIZERS, *OTHERS}


def test_regressor_and_classifier_share_the_regularizers() -> None:
    classifier = set(inspect.signature(NetClassifier).parameters)
    regressor = set(inspect.signature(NetRegressor).parameters)
    of_classes = {"label_noise", "label_smoothing", "entropy", "pseudo_label"}
    assert classifier - regressor == {"class_weight", *of_classes}
    assert regressor - classifier == {"loss"}
    assert {*REGULARIZERS, *OTHERS} <= classifier


def test_the_files_that_are_linked_exist_and_figures_are_small() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)
    assert any(link.startswith("docs/") for link in links)
    for link in links:
        assert (ROOT / link).is_file(), link
        assert (ROOT / link).stat().st_size < 200_000, link
