"""What is installed: both packages, and the reports' sources."""

from __future__ import annotations

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = {"wellposed": "estimators", "wellposed_studies": "studies"}


def loaded_by(code: str, watched: set[str]) -> set[str]:
    """Which of the watched modules a fresh interpreter has loaded after running the code."""
    code = f"import sys\n{code}\nprint('LOADED', *({watched!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split()[1:])


def test_the_library_needs_only_the_base_install() -> None:
    extras = {"matplotlib", "seaborn", "click", "nbclient", "pypandoc"}
    assert loaded_by("import wellposed, torch", {*extras, "torch"}) == {"torch"}


def test_the_command_answers_without_anything_heavy() -> None:
    code = "from wellposed_studies.cli import main; main(['--help'], standalone_mode=False)"
    heavy = {"torch", "sklearn", "pandas", "matplotlib", "scipy"}
    assert loaded_by(code, {*heavy, "click"}) == {"click"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel of this tree, built with the backend that pyproject.toml names."""
    folder = tmp_path_factory.mktemp("wheel")
    code = f"from hatchling.build import build_wheel; build_wheel({str(folder)!r})"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True)
    (file,) = folder.glob("*.whl")
    return zipfile.ZipFile(file)


def test_the_wheel_holds_both_packages_and_nothing_beside(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    for package, source in SOURCES.items():
        for file in (ROOT / source / package).rglob("*.py"):
            assert file.relative_to(ROOT / source).as_posix() in names
        assert f"{package}/py.typed" in names
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    tops = {name.partition("/")[0] for name in names}
    assert tops == {*SOURCES, f"wellposed-{version}.dist-info"}


def test_the_wheel_holds_the_reports_as_they_are_in_the_clone(wheel: zipfile.ZipFile) -> None:
    """All that git knows of reports/, and no rendered output."""
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "reports"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if tracked.returncode:
        pytest.skip("git is missing, or this is not a clone: no list of the reports' sources")
    expected = {line.removeprefix("reports/") for line in tracked.stdout.split()}
    assert {"_quarto.yml", "index.qmd", "references.bib"} <= expected
    folder = "wellposed_studies/_reports/"
    packed = {name.removeprefix(folder) for name in wheel.namelist() if name.startswith(folder)}
    assert packed == expected


def test_the_wheel_tells_its_licence_and_its_command(wheel: zipfile.ZipFile) -> None:
    (licence,) = (name for name in wheel.namelist() if name.endswith("licenses/LICENSE"))
    assert wheel.read(licence) == (ROOT / "LICENSE").read_bytes()
    (points,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    assert "wellposed = wellposed_studies.cli:main" in wheel.read(points).decode()


def test_every_dependency_is_pinned_for_the_two_commands() -> None:
    """constraints.txt names each package that the extras ask for, torch aside."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["reports"], *extras["dev"], *extras["test"]]
    names = {item.partition(">=")[0].partition("[")[0] for item in wanted} - {"wellposed", "torch"}
    pinned = {
        line.partition("==")[0].lower().replace("_", "-")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if not line.startswith("#")
    }
    assert {name.lower().replace("_", "-") for name in names} <= pinned
