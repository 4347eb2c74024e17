"""Runs on a user's own table: what is said of them, and what need not be computed again."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from wellposed_studies import catalogue, cli
from wellposed_studies.storing.layout import cells_folder
from wellposed_studies.storing.results import Results, load
from wellposed_studies.storing.store import Store

STUDY = """
from wellposed_studies import Data, Study, scikit_learn
from wellposed_studies.claims import at_least, exact

study = Study(
    title="Own *title* $x$",
    data={
        "known": Data(lambda rng, profile: {"n": 1.0}, task="regression", synthetic=True),
        "diabetes": scikit_learn("diabetes"),
        "more": scikit_learn("diabetes"),
        "iris": scikit_learn("iris"),
        "wine": scikit_learn("wine"),
    },
    repetitions=10,
)
about = {"measured": "n", "oracle": "-", "source": "s"}

@study.claim("Known.", at_least(0), data="known", **about)
def known(results): return exact(1)

@study.claim("{words}", at_least(1), name="rows-{data}", data="{data}", **about, each=[
    {"data": "diabetes", "words": "The diabetes table has rows."},
    {"data": "more", "words": "The more table has rows."},
    {"data": "iris", "words": "iris has rows."},
    {"data": "wine", "words": "wine has rows."},
])
def rows(results): return exact(len(results.data().y))

@study.experiment(factor=[0.5, 1.0])
def noisy(cell, factor):
    import pandas as pd
    noise = cell.rng("noise").normal(size=3)
    curve = pd.DataFrame({"epoch": range(3), "loss": noise})
    value = {"error": float(noise[0]), "noise": noise, "curve": curve}
    return value | ({"extra": 1.0} if cell.data_name == "known" else {})
"""


@pytest.fixture
def study(tmp_path, monkeypatch) -> str:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(catalogue, "names", lambda: [])
    (tmp_path / "own_study.py").write_text(STUDY)
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=50), "y": rng.normal(size=50)})
    frame.to_csv(tmp_path / "my table @2024.csv", index=False)
    return "./own_study.py"


def wellposed(*arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(cli.main, list(arguments))
    assert done.exit_code == code, done.output
    return done.output


OWN = ("--data", "my table @2024.csv", "--target", "y", "-q")


def test_verify_speaks_of_what_was_run(study):
    assert "2 held, 0 contradicted, 0 undecided\n" in wellposed("run", study, *OWN)
    output = " ".join(wellposed("verify", "-v", study).split())  # however wide the terminal is
    assert "rows-my table @2024 (my table @2024): The my table @2024 table has rows." in output
    assert "; 2 claims on classification data were not asked for" in output
    assert not any(word in output for word in ("diabetes", "more", "iris", "wine"))
    verdicts = load(study).verdicts
    assert verdicts["claim"].tolist() == ["known", "rows-my table @2024"], "each once"


def test_verify_on_the_studys_own_data_is_as_it_was(study):
    assert "5 held, 0 contradicted, 0 undecided\n" in wellposed("run", study, "-q")
    output = wellposed("verify", "-v", study)
    assert "rows-iris (iris): iris has rows." in output
    assert "not asked for" not in output


def test_cells_of_another_folder_are_copied(study, tmp_path):
    wellposed("run", study, "-q")
    stored = {f.name: f.read_bytes() for f in (tmp_path / "results").rglob("*") if f.is_file()}
    output = wellposed("run", study, *OWN, "--results", "other")
    assert f"own-study: 20 cells were copied from {tmp_path / 'results'}" in output
    copied = load(study, "other")
    assert copied.manifest["reused"] == {"folder": str(tmp_path / "results"), "cells": 20}
    again = {f.name: f.read_bytes() for f in (tmp_path / "results").rglob("*") if f.is_file()}
    assert again == stored, "the other folder is only read"
    wellposed("run", study, *OWN, "--results", "alone", "--no-reuse")
    alone = load(study, "alone")
    assert "reused" not in alone.manifest
    for name in copied["noisy"].table_names:
        assert _bytes(copied, "tables", name) == _bytes(alone, "tables", name)
    assert _bytes(copied, "arrays", "noise") == _bytes(alone, "arrays", "noise")
    output = wellposed("run", study, *OWN, "--results", "third", "--reuse", "alone")
    assert "40 cells were copied" in output
    assert "copied" not in wellposed("run", study, *OWN, "--results", "third", "--reuse", "alone")


def _bytes(results: Results, kind: str, name: str) -> bytes:
    return (results.folder / kind / "noisy" / f"{name}.parquet").read_bytes()


def test_cells_of_another_text_of_the_study_are_not_copied(study, tmp_path):
    wellposed("run", study, "-q")
    path = tmp_path / "own_study.py"
    path.write_text(STUDY.replace("noise[0]", "noise[1]"))
    os.utime(path, ns=(1, 1))
    assert "copied" not in wellposed("run", study, "-q", "--results", "other")


def test_damaged_cells_are_not_copied(study, tmp_path):
    wellposed("run", study, "-q")
    for path in cells_folder(tmp_path / "results", "own-study").glob("*.parquet"):
        path.write_bytes(path.read_bytes()[:-10])
    assert "copied" not in wellposed("run", study, "-q", "--results", "other")
    assert len(Store(cells_folder(tmp_path / "other", "own-study")).keys()) == 100


def test_a_folder_that_is_not_there_cannot_be_reused(study):
    assert "there is no folder nowhere" in wellposed("run", study, "--reuse", "nowhere", code=2)
    assert "--no-reuse" in wellposed("run", study, "--reuse", ".", "--no-reuse", code=2)


def test_a_hostile_file_name_goes_through_all_commands(study, tmp_path):
    name = os.fsdecode(b"caf\xe9 \x1b[31m \xe2\x80\xae@_$.csv")
    os.rename("my table @2024.csv", name)
    ran = subprocess.run(
        [sys.executable, "-m", "wellposed_studies", "run", study, "--data", name, "--target", "y"],
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
    )
    assert ran.returncode == 0, ran.stderr
    assert b"\x1b[31m" not in ran.stdout + ran.stderr
    seen = r"caf\xe9 \x1b[31m \u202e@_$"
    assert seen in ran.stdout.decode()
    finished = load(study)
    assert finished.data_names[0] == seen
    assert finished.data(seen).y.shape == (50,), "the file is found again"
    assert finished.manifest["own_table"]["path"] == str(tmp_path / name)
    assert seen in wellposed("verify", study)


def test_hostile_names_in_a_table_stay_in_their_lines(study, tmp_path):
    """Columns, categories and classes that hold signs of markup and control characters."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"a *b*\x1b[31m": rng.choice(["u|v", "<b>"], 60), "x": rng.normal(size=60)}
    )
    frame.loc[:3, "x"] = np.nan
    frame["k_$"] = np.where(np.arange(60) % 2, "<i>yes\x07</i>", "no|*maybe*")
    frame.to_csv("t\n|.csv", index=False)
    asked = ("--data", "t\n|.csv", "--target", "k_$", "-q", "--results", "r")
    lines = wellposed("run", study, *asked).splitlines()
    assert lines[0].startswith(r"t\n|.csv: 60 rows, 2 inputs (a *b*\x1b[31m, x), the target 'k_$'")
    assert r"(<i>yes\x07</i>, no|*maybe*: text)" in lines[0]
    assert lines[1].startswith(r"  - categories: a *b*\x1b[31m (2)")
    output = wellposed("run", study, "--data", "t\n|.csv", "--target", "z\nz", code=2)
    assert output.splitlines()[-1].startswith(r"Error: t\n|.csv has no column 'z\nz'.")


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_output_in_any_encoding(study, encoding):
    """What the encoding lacks is spelled out; no command ends for a character."""
    for arguments, code in (
        (["list", study], 0),
        (["run", study, *OWN], 0),
        (["verify", study], 0),
        (["clean", study], 0),
        (["run", "数"], 2),
        (["--help"], 0),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "wellposed_studies", *arguments],
            env={**os.environ, "PYTHONIOENCODING": encoding, "LC_ALL": "C"},
            capture_output=True,
        )
        assert done.returncode == code, done.stderr
        assert b"Error" not in done.stderr or code
        if arguments[0] == "verify":
            assert re.search(r"\+ held .* (≥|>=) 1\n", done.stdout.decode(encoding))


def test_the_command_in_the_record_can_be_pasted(study):
    wellposed("run", study, *OWN)
    from wellposed_studies.storing.manifest import command_line

    before, sys.argv = sys.argv, ["/x/__main__.py", "run", "--data", "it's $5.csv"]
    try:
        assert command_line() == ["wellposed", "run", "--data", "it's $5.csv"]
    finally:
        sys.argv = before


@pytest.mark.parametrize("name", ["...py", "loop.py", "pipe.py", "folder.py", "x" * 300 + ".py"])
def test_what_is_no_file_of_a_study_is_told(study, tmp_path, name):
    if name == "loop.py":
        (tmp_path / name).symlink_to(name)
    elif name == "pipe.py":
        os.mkfifo(tmp_path / name)
    elif name == "folder.py":
        (tmp_path / name).mkdir()
    elif name == "...py":
        (tmp_path / name).write_text(STUDY)
    for command in ("list", "verify", "run", "clean"):
        assert "Error: " in wellposed(command, f"./{name}", code=2)


def test_a_study_that_exits_is_told(study, tmp_path):
    (tmp_path / "script.py").write_text("import sys\nsys.exit(0)\n")
    assert "cannot be imported: SystemExit" in wellposed("list", "./script.py", code=2)
