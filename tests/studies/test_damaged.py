"""Whatever lies in a results folder, commands answer in a sentence, at once, and exit with 2."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wellposed_studies import catalogue, cli
from wellposed_studies.errors import Damaged
from wellposed_studies.loading.data import Selection
from wellposed_studies.loading.own_table import OwnTable
from wellposed_studies.runner import run
from wellposed_studies.storing import reading
from wellposed_studies.storing.layout import cells_folder
from wellposed_studies.storing.reading import latest_run
from wellposed_studies.storing.store import Store


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A results folder with one finished run of the toy study."""
    root = tmp_path_factory.mktemp("finished") / "results"
    run(Selection(str(Path(__file__).parent / "toy_study.py"), "quick", 0), root)
    return root


@pytest.fixture
def results(finished, tmp_path) -> Path:
    shutil.copytree(finished, tmp_path / "results")
    return tmp_path / "results"


@pytest.fixture
def wellposed(toy, results, monkeypatch):
    """Call a command on the results; what takes more than seconds hangs."""
    monkeypatch.setattr(catalogue, "names", lambda: [])

    def ring(*_):
        raise AssertionError("the command hangs")

    def call(*arguments: str) -> tuple[int, str]:
        signal.signal(signal.SIGALRM, ring)
        signal.alarm(20)
        try:
            place = [] if arguments[0] == "list" else ["--results", str(results)]
            done = CliRunner().invoke(cli.main, [*arguments, *place])
        finally:
            signal.alarm(0)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.exit_code, done.output

    return call


def _replace(path: Path, kind: str) -> None:
    """Put something of another kind in a file's place."""
    whole = path.read_bytes()
    path.unlink()
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "loop":
        path.symlink_to(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "empty":
        path.touch()
    elif kind == "half":
        path.write_bytes(whole[: len(whole) // 2])
    elif kind == "bytes":
        path.write_bytes(b"\xff\xfe\x00" * 50)
    elif kind == "deep":
        path.write_text("[" * 100_000)
    elif kind == "foreign":
        pq.write_table(pa.table({"a": [1]}), path)
    else:
        path.write_text(kind)


KINDS = ["folder", "pipe", "loop", "device", "empty", "half", "bytes", "deep", "foreign"]
JSONS = ["null", "NaN", "[]", "3", '"x"', "{}", '{"run": 3}', '{"run": "../.."}', '{"run": null}']


@pytest.mark.parametrize("kind", [*KINDS, *JSONS])
@pytest.mark.parametrize("name", ["latest.json", "manifest.json", "verdicts.parquet"])
def test_a_damaged_file_is_named(wellposed, toy, results, name, kind):
    folder = results / "toy-study"
    path = folder / name if name == "latest.json" else latest_run(results, "toy-study") / name
    _replace(path, kind)
    code, output = wellposed("verify", toy)
    assert code == 2
    assert path.name in output
    assert output.startswith("Error: ")
    assert "Traceback" not in output
    code, output = wellposed("clean", toy, "--dry-run")
    assert code == 0
    assert f"{int(name == 'manifest.json')} runs" in output
    assert wellposed("list", toy)[0] == 0
    if not (name == "latest.json" and kind == "folder"):
        code, output = wellposed("run", toy, "-q")
        assert (code, wellposed("verify", toy)[0]) == (0, 1), "a run writes everything anew"


def test_a_folder_in_place_of_the_pointer_is_told_before_anything_is_computed(
    wellposed, toy, results, monkeypatch
):
    _replace(results / "toy-study" / "latest.json", "folder")
    monkeypatch.setenv("TOY_FAILS", "line-3")
    shutil.rmtree(cells_folder(results, "toy-study"))
    code, output = wellposed("run", toy, "-q")
    assert code == 2
    assert "is a folder" in output
    assert "asked to fail" not in output


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_cell_is_computed_again(wellposed, toy, results, kind):
    path = next(iter(cells_folder(results, "toy-study").glob("*.parquet")))
    _replace(path, kind)
    assert wellposed("verify", toy)[0] == 1, "tables and verdicts are as they were"
    code, output = wellposed("clean", toy)
    assert code == 0, output
    assert path.is_dir() == (kind == "folder")
    if kind != "folder":
        code, output = wellposed("run", toy, "-q")
        assert code == 0, output
        stored = Store(cells_folder(results, "toy-study"))
        assert len(stored.keys()) == 200


def test_a_foreign_table_named_by_its_digest_is_no_cell(results):
    import hashlib

    folder = cells_folder(results, "toy-study")
    for content in (
        b"",
        b"no parquet",
        _parquet({"a": [1]}),
        _parquet({"key": [1], "seconds": [2]}),
    ):
        (folder / f"{hashlib.sha256(content).hexdigest()}.parquet").write_bytes(content)
    assert len(Store(folder).keys()) == 200
    Store(folder).discard_unusable()
    assert all(len(pq.read_table(path)) for path in folder.glob("*.parquet"))


def _parquet(columns: dict) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue().to_pybytes()


@pytest.mark.parametrize("kind", ["half", "empty", "folder", "pipe", "missing"])
@pytest.mark.parametrize("name", ["tables/shrunk/cells", "arrays/shrunk/prediction", "verdicts"])
def test_a_report_is_not_begun_on_damaged_tables(toy, results, name, kind):
    from wellposed_studies.storing.results import load

    finished = load(toy, results)
    finished.check()
    path = finished.folder / f"{name}.parquet"
    path.unlink() if kind == "missing" else _replace(path, kind)
    with pytest.raises(Damaged, match=path.name):
        load(toy, results).check()


def test_verify_goes_on_after_a_damaged_run(wellposed, toy, results, tmp_path):
    other = tmp_path / "other_study.py"
    shutil.copy(toy, other)
    assert wellposed("run", str(other), "-q")[0] == 0
    _replace(results / "toy-study" / "latest.json", "empty")
    code, output = wellposed("verify", toy, str(other))
    assert code == 2
    assert "2 held, 1 contradicted" in output


def test_runs_that_are_no_folders_are_cleaned(wellposed, toy, results):
    runs = results / "toy-study" / "runs"
    (runs / "file").touch()
    (runs / "link").symlink_to("/nowhere")
    (runs / "loop").symlink_to(runs / "loop")
    os.mkfifo(runs / "pipe")
    code, output = wellposed("clean", toy)
    assert code == 0, output
    assert "deleted 0 cells and 4 runs" in output
    assert len(list(runs.iterdir())) == 1


PATHS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=4,
)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data(), value=PATHS)
def test_any_value_in_a_manifest_is_fine_or_told(finished, tmp_path, data, value):
    """Replace or drop anything in it: all that reads it then works, or says what is wrong."""
    from wellposed_studies.discovery import find
    from wellposed_studies.judging.verdicts import current_verdicts
    from wellposed_studies.reporting.record import manifest_block, own_table_note
    from wellposed_studies.storing.results import Results

    source = find(str(Path(__file__).parent / "toy_study.py"))
    whole = latest_run(finished, "toy-study")
    manifest = json.loads((whole / "manifest.json").read_text())
    if data.draw(st.booleans()):
        manifest["own_table"] = asdict(
            OwnTable("/a/b.csv", "y", "regression", "a quantity", ("n",))
        )
    place = manifest
    while True:
        key = data.draw(st.sampled_from(sorted(place)))
        if not isinstance(place[key], dict) or not place[key] or data.draw(st.booleans()):
            break
        place = place[key]
    if data.draw(st.booleans()):
        del place[key]
    else:
        place[key] = value
    folder = tmp_path / "toy-study" / "runs" / "one"
    folder.mkdir(parents=True, exist_ok=True)
    (tmp_path / "toy-study" / "latest.json").write_text('{"run": "one"}')
    (folder / "manifest.json").write_text(json.dumps(manifest))
    shutil.copy(whole / "verdicts.parquet", folder)
    with contextlib.suppress(Damaged):
        results = Results(folder, source)
        manifest_block(results.manifest)
        own_table_note(results)
        current_verdicts(tmp_path, source)


def test_verdicts_of_other_types_are_told(results):
    folder = latest_run(results, "toy-study")
    sound, _ = reading.read_verdicts(folder)
    for change in (
        {"verdict": "maybe"},
        {"verdict": None},
        {"value": "x"},
        {"statement": 3},
        {"n": np.nan},
        {"reason": None},
        {"kind": "rumour"},
        {"kind": None},
        {"kind": 3},
    ):
        pd.DataFrame(sound.assign(**change)).to_parquet(folder / "verdicts.parquet")
        with pytest.raises(Damaged, match=r"verdicts.parquet is damaged"):
            reading.read_verdicts(folder)
    sound.drop(columns="level").to_parquet(folder / "verdicts.parquet")
    with pytest.raises(Damaged, match="no column 'level'"):
        reading.read_verdicts(folder)


def test_verdicts_without_kinds_are_judged_anew(wellposed, toy, results):
    path = latest_run(results, "toy-study") / "verdicts.parquet"
    stored = pq.read_table(path)
    before = wellposed("verify", toy)
    pq.write_table(stored.drop_columns(["kind"]), path)
    assert "kind" not in reading.read_verdicts(path.parent)[0]
    assert wellposed("verify", toy) == before


def test_what_a_manifest_may_lack(results):
    path = latest_run(results, "toy-study") / "manifest.json"
    whole = json.loads(path.read_text())
    name = next(iter(whole["data"]))
    record = whole["data"][name]
    del record["notes"]
    whole["data"] = {"what?": record}
    path.write_text(json.dumps(whole))
    assert reading.read_manifest(path.parent)["data"] == {"what?": record}
    for wrong in ({"notes": "text"}, {"shapes": 3}, {"notes": [1]}):
        path.write_text(json.dumps(whole | {"data": {"what?": record | wrong}}))
        with pytest.raises(Damaged, match=next(iter(wrong))):
            reading.read_manifest(path.parent)
    own = asdict(OwnTable("/a/b.csv", "y", "regression"))
    del own["meaning"]
    path.write_text(json.dumps(whole | {"own_table": own}))
    with pytest.raises(Damaged, match="'meaning'"):
        reading.read_manifest(path.parent)


def test_claims_judged_anew_on_damaged_tables_are_told(wellposed, results, tmp_path, toy):
    study = tmp_path / "toy_study.py"
    study.write_text(Path(toy).read_text() + "# changed\n")
    tables = latest_run(results, "toy-study") / "tables"
    assert wellposed("verify", str(study))[0] == 1
    _replace(tables / "shrunk" / "cells.parquet", "half")
    code, output = wellposed("verify", str(study))
    assert code == 2
    assert "cells.parquet is damaged" in output
    (tables / "shrunk" / "cells.parquet").unlink()
    code, output = wellposed("verify", str(study))
    assert code == 2
    assert "cells.parquet is missing" in output


@pytest.mark.parametrize("kind", ["file", "pipe", "loop", "folder"])
@pytest.mark.parametrize("name", [".lock", "cells", "runs", "history", "", "runs/RUN/tables"])
def test_anything_in_place_of_a_folder_is_told(wellposed, toy, results, name, kind):
    """Or does no harm; what `run` cannot write to it says, and no command shows a traceback."""
    run_name = latest_run(results, "toy-study").name
    path = results / "toy-study" / name.replace("RUN", run_name)
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    path.touch() if kind == "file" else path.mkdir() if kind == "folder" else None
    os.mkfifo(path) if kind == "pipe" else None
    path.symlink_to(path) if kind == "loop" else None
    for command in ("verify", "clean", "run"):
        code, output = wellposed(command, toy, *(["-q"] if command == "run" else []))
        if code == 2:
            assert "Error: " in output or "no finished run" in output
        else:
            assert code == (1 if command == "verify" else 0), output
