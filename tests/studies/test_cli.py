"""The command: what it prints, what it exits with, and that it answers at once."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from wellposed_studies import catalogue, cli
from wellposed_studies.running import watching
from wellposed_studies.storing.layout import cells_folder

COMMANDS = ["list", "run", "verify", "report", "clean"]


@pytest.fixture
def wellposed(tmp_path, monkeypatch):
    """Call the command in an empty folder, with no studies built in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(catalogue, "names", lambda: [])

    def call(*arguments: str, code: int = 0) -> str:
        result = CliRunner().invoke(cli.main, list(arguments))
        assert result.exit_code == code, result.output
        return result.output

    return call


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example(wellposed, command):
    assert "Example:" in wellposed(command, "--help")
    assert command in wellposed("--help")


def test_help_imports_nothing_heavy_and_answers_at_once():
    code = (
        "import sys\n"
        "from wellposed_studies.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = 'torch pandas sklearn numpy scipy pyarrow rich matplotlib'.split()\n"
        "print([m for m in heavy if m in sys.modules])\n"
    )
    command = [sys.executable, "-c", code]
    seconds = []
    for _ in range(3):
        begun = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        seconds.append(time.perf_counter() - begun)
    assert done.stdout.splitlines()[-1] == "[]"
    assert min(seconds) < 1.0


def test_list_imports_no_torch():
    code = (
        "import sys\n"
        "from wellposed_studies.cli import main\n"
        "try: main(['list'])\n"
        "except SystemExit: pass\n"
        "print([m for m in ('torch', 'pandas', 'sklearn') if m in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    for name in catalogue.names():
        assert re.search(rf"^{name} +\d+ +\d+ min +\d+ min  not run yet$", done.stdout, re.M)
    assert done.stdout.splitlines()[-2].startswith("Next: wellposed list ")


def test_run_verify_clean(wellposed, toy, tmp_path):
    output = wellposed("run", toy)
    assert "200 cells on line, diabetes, profile quick" in output
    assert "claims: 2 held, 1 contradicted, 0 undecided, 1 not run\n" in output
    assert "could not be tested, their tests raised: broken" in output
    output = wellposed("verify", toy, code=1)
    assert re.search(r"● held +saves +\S+ \[\S+, \S+\] at 97.5 %  ≥ -9\n", output)
    assert re.search(r"✕ contradicted +share: All\.", output)
    assert re.search(r"– not run +broken: Broken\.", output)
    assert output.index("● held") < output.index("✕ contradicted"), "what did not hold comes last"
    assert "2 held, 1 contradicted, 0 undecided, 1 not run\n" in output
    full = " ".join(wellposed("verify", "-v", toy, code=1).split())
    assert re.search(r"● held +saves: Shrinking saves\.", full)
    assert re.search(r"difference = \S+ \[\S+, \S+\] at 97.5 %, claimed ≥ -9 \(n = 40", full)
    failed = wellposed("verify", "--failed", toy, code=1)
    assert "● held" not in failed
    assert "✕ contradicted" in failed
    assert "deleted 0 cells and 0 runs" in wellposed("clean", toy)


def test_verify_as_json_is_read_by_programs(wellposed, toy):
    wellposed("run", toy)
    found = json.loads(wellposed("verify", "--json", toy, code=1))
    (study,) = found["studies"]
    assert study["study"] == "toy-study"
    assert found["total"] == {"held": 2, "contradicted": 1, "undecided": 0, "not run": 1}
    assert found["exit"] == 1
    claims = {claim["claim"]: claim for claim in study["claims"]}
    assert claims["share"]["standing"] == "contradicted"
    assert claims["broken"]["value"] is None, "no number is null, which JSON has"
    assert claims["saves"]["low"] < claims["saves"]["value"] < claims["saves"]["high"]


def test_several_studies_have_a_total(wellposed, toy, tmp_path):
    other = tmp_path / "other_study.py"
    other.write_text(Path(toy).read_text())
    wellposed("run", toy, str(other))
    output = wellposed("verify", toy, str(other), code=1)
    total = "Total: 8 claims: 4 held, 2 contradicted, 0 undecided, 2 not run\n"
    assert total in output
    assert output.count("contradicted") == output.count("✕") + 3 + 2


def test_colour_only_on_terminals_and_not_where_it_is_not_wanted(wellposed, toy, monkeypatch):
    wellposed("run", toy)
    assert "\x1b" not in wellposed("verify", toy, code=1)

    def verify() -> str:
        return CliRunner().invoke(cli.main, ["verify", toy], color=True).output

    coloured = verify()
    assert re.search(r"\x1b\[32m  ● held", coloured)
    assert re.search(r"\x1b\[31m  ✕ contradicted", coloured)
    monkeypatch.setenv("NO_COLOR", "1")
    plain = verify()
    assert "\x1b" not in plain
    assert plain == re.sub(r"\x1b\[\d+m", "", coloured)


def test_list_tells_the_last_run_and_the_claims_of_a_study(wellposed, toy, monkeypatch):
    monkeypatch.setattr(catalogue, "names", lambda: [])
    assert "Next: wellposed run ./my_study.py" in wellposed("list")
    before = wellposed("list", toy)
    assert "last run  not run yet" in before
    assert re.search(r"- share: All\. \(.* ≥ ", before)
    assert before.endswith(f"Next: wellposed run {toy}\n")
    wellposed("run", toy)
    after = wellposed("list", toy)
    assert re.search(
        r"last run  quick, \d{4}-\d\d-\d\d: 2 held, 1 contradicted, 0 undecided, 1 not run\n", after
    )
    assert after.endswith(f"Next: wellposed verify {toy}\n")
    Path("results/toy-study/latest.json").write_text("x")
    assert "damaged: run it again" in wellposed("list", toy)


def test_verify_exits_with_2_where_nothing_was_run(wellposed, toy):
    output = wellposed("verify", toy, code=2)
    assert "0 held, 0 contradicted, 0 undecided, 4 not run" in output
    assert output.endswith(f"Next: wellposed run {toy}\n")
    assert output.count("no finished run") == 1
    assert "--results" not in output
    assert "wellposed run" in output


def test_verify_exits_with_0_where_everything_held(wellposed, tmp_path):
    (tmp_path / "fine.py").write_text(
        "from wellposed_studies import Data, Study\n"
        "from wellposed_studies.claims import at_least, exact\n"
        "d = Data(lambda rng, profile: {'n': 1}, task='regression')\n"
        "study = Study(title='Fine', data={'d': d})\n"
        "@study.experiment()\n"
        "def fine(cell): return {'v': 1.0}\n"
        "@study.claim('s', at_least(0), measured='m', oracle='o', source='s')\n"
        "def c(results): return exact(1.0)\n"
    )
    wellposed("run", "./fine.py")
    wellposed("verify", "./fine.py")
    path = tmp_path / "fine.py"
    sound = path.read_text()
    path.write_text(sound.replace("exact(1.0)", "exact(1 / 0)"))
    assert "ZeroDivisionError" in wellposed("verify", "./fine.py", code=1), "nobody tested it"
    path.write_text(sound)
    written = path.stat().st_mtime_ns
    path.write_text(path.read_text().replace("at_least(0)", "at_least(2)"))
    os.utime(path, ns=(written + 1, written + 1))  # of the same size, in the same second
    output = wellposed("verify", "./fine.py", code=1)
    assert "✕ contradicted" in output, "a changed claim is judged anew"
    path.write_text(path.read_text().replace("title", "version=2, title"))
    assert "the study is 2" in wellposed("verify", "./fine.py", code=2)
    assert "would delete 1 cells and 1 runs" in wellposed("clean", "./fine.py", "--dry-run")
    assert len(list(cells_folder(tmp_path / "results", "fine").iterdir())) == 1
    assert "deleted 1 cells and 1 runs" in wellposed("clean", "./fine.py")
    assert not list(cells_folder(tmp_path / "results", "fine").iterdir())


def test_clean_leaves_foreign_studies_alone(wellposed, toy):
    wellposed("run", toy)
    assert "Left alone, since they are not built in: toy-study" in wellposed("clean")


def test_a_users_own_table(wellposed, toy, tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=50), "price": rng.normal(size=50)})
    frame.to_csv(tmp_path / "my.csv", index=False)
    assert "comes back" not in wellposed("run", toy)
    output = wellposed("run", toy, "--data", "my.csv", "--target", "price")
    assert "my.csv: 50 rows, 1 input (a), the target 'price' taken for a quantity" in output
    assert "on my, line" in output
    assert f"with: wellposed run {toy} --profile quick --seed 0\n" in output
    assert "comes back" not in wellposed("run", toy, "--data", "my.csv", "--target", "price")
    output = wellposed("run", toy, "--data", "my.csv", "--target", "prize", code=2)
    assert "Did you mean 'price'?" in output
    output = wellposed("run", toy, "--target", "price", code=2)
    assert "--data, which is missing" in output


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["rnu"], "Did you mean 'run'?"),
        (["run", "bias"], "there is no study 'bias'"),
        (["run", "./nothing.py"], "there is no file"),
        (["run", "--profile", "quik"], "'quik' is not one of"),
        (["run", "--n-jobs", "0"], "expected 1 or more"),
        (["run", "--seed", "-1"], "--seed"),
        (["report", "--to", "htm"], "Did you mean 'html'?"),
    ],
)
def test_wrong_usage_is_answered_in_a_sentence(wellposed, arguments, sentence):
    output = wellposed(*arguments, code=2)
    assert sentence in output
    assert "Traceback" not in output


def test_failed_cells_exit_with_1_and_show_where(wellposed, toy, monkeypatch):
    monkeypatch.setenv("TOY_FAILS", "line-3")
    output = wellposed("run", toy, code=1)
    assert "3 of 200 cells failed" in output
    assert "asked to fail" in output


def test_a_study_that_fails_does_not_keep_the_next_from_running(wellposed, toy):
    with open("broken.py", "w") as file:
        file.write(
            "from wellposed_studies import Data, Study\n"
            "d = Data(lambda rng, profile: {'n': 1}, task='regression')\n"
            "study = Study(title='B', data={'d': d})\n"
            "@study.experiment()\n"
            "def broken(cell): return {'v': 1 / 0}\n"
        )
    output = wellposed("run", "./broken.py", toy, code=1)
    assert "1 of 1 cells failed" in output
    assert "toy-study: 200 cells" in output
    table = pd.DataFrame({"a": range(50), "y": ["no", "yes"] * 25})
    table.to_csv("my.csv", index=False)
    output = wellposed("run", "./broken.py", toy, "--data", "my.csv", "--target", "y", code=2)
    assert output.count("Error: my is a classification table") == 2, "each is told"


def test_a_damaged_pointer_is_written_anew(wellposed, toy, tmp_path):
    wellposed("run", toy)
    (tmp_path / "results" / "toy-study" / "latest.json").write_text("x")
    assert "damaged" in wellposed("verify", toy, code=2)
    assert "200 cells" in wellposed("run", toy)
    wellposed("verify", toy, code=1)


def test_a_study_edited_while_it_runs_does_not_mix_its_versions(wellposed, tmp_path):
    path = tmp_path / "edited.py"
    path.write_text(
        "from pathlib import Path\n"
        "from wellposed_studies import Data, Study\n"
        "d = Data(lambda rng, profile: {'n': 1}, task='regression')\n"
        "study = Study(title='E', data={'d': d}, repetitions=100)\n"
        "@study.experiment()\n"
        "def edited(cell):\n"
        "    if cell.repetition == 3:\n"
        f"        file = Path({str(path)!r})\n"
        "        file.write_text(file.read_text().replace('value = 1', 'value = 2'))\n"
        "    value = 1\n"
        "    return {'v': value}\n"
    )
    output = wellposed("run", "./edited.py", code=1)
    assert re.search(r"StudyError: \S+edited.py was changed while its cells", output)
    parts = cells_folder(tmp_path / "results", "edited").iterdir()
    assert sum(len(pd.read_parquet(part)) for part in parts) == 4, "those of the old text"


def test_without_a_terminal_there_are_lines_for_a_bar(wellposed, toy, monkeypatch):
    assert not re.search("elapsed|of 200 cells", wellposed("run", toy))
    monkeypatch.setattr(watching, "SECONDS_A_LINE", 0.0)
    assert re.search(
        r"toy-study: \d+ of 200 cells, (about|less than) \d+ (min|h) left\n",
        wellposed("run", toy, "--seed", "1"),
    )
    assert " of 200 cells" not in wellposed("run", toy, "--seed", "2", "--quiet")


def test_there_is_a_bar_with_the_time_left_on_a_terminal(toy, tmp_path):
    pty = pytest.importorskip("pty")
    parent, child = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "wellposed_studies", "run", toy],
        cwd=tmp_path,
        env={**os.environ, "TOY_SECONDS": "0.01", "TERM": "xterm", "COLUMNS": "120"},
        stdout=subprocess.DEVNULL,
        stderr=child,
    )
    os.close(child)
    drawn = b""
    while True:
        try:
            piece = os.read(parent, 4096)
        except OSError:
            break
        if not piece:
            break
        drawn += piece
    os.close(parent)
    assert process.wait() == 0
    assert b"200/200" in drawn
    assert b"elapsed" in drawn
    assert b"left" in drawn


def test_ctrl_c_is_told_and_goes_on_later(toy, command, tmp_path):
    process = command("run", toy, TOY_SECONDS="0.05")
    folder = cells_folder(tmp_path / "results", "toy-study")
    while len(list(folder.glob("*.parquet"))) < 2:  # the first of them is counted by now
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate()
    assert process.returncode == 130
    assert re.search(r"interrupted: [1-9]\d* of 200 missing cells were computed and stored", errors)
    assert "Traceback" not in errors


def test_reports_go_through_the_renderer(wellposed, monkeypatch, tmp_path):
    from wellposed_studies import rendering

    calls = []

    def render(*arguments):
        calls.append(arguments)
        arguments[-1]("a", 1, 2)
        return [tmp_path / "a.html"]

    monkeypatch.setattr(rendering, "render", render)
    output = wellposed("report", "toy", "--to", "html", "--engine", "embedded", "--results", "r")
    names, formats, engine, results, *_ = calls[0]
    assert (names, formats, engine, str(results)) == (["toy"], ["html"], "embedded", "r")
    assert output.replace("\n", "").endswith("a.html")
    assert "rendering" not in output, "nobody is watching"
    monkeypatch.setenv("FORCE_COLOR", "1")  # as if on a terminal
    assert "rendering a, 1 of 2" in wellposed("report", "toy")


def test_a_missing_renderer_is_named_with_its_extra(wellposed, monkeypatch):
    monkeypatch.setitem(sys.modules, "wellposed_studies.rendering", None)
    assert "wellposed[reports]" in wellposed("report", code=1)


def test_an_error_of_the_system_is_a_sentence(wellposed, monkeypatch):
    from wellposed_studies import rendering

    def render(*_):
        raise OSError(28, "No space left on device", "/tmp/x\x1b[2J")

    monkeypatch.setattr(rendering, "render", render)
    output = wellposed("report", code=2)
    assert output.startswith("Error: the system says: [Errno 28] No space left on device: ")
    assert "\x1b" not in output
