"""What the tests of the studies share."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from wellposed_studies.loading.data import Selection
from wellposed_studies.storing.results import Results

TOY = Path(__file__).parent / "toy_study.py"


@pytest.fixture
def toy() -> str:
    """Path of the toy study."""
    return str(TOY)


@pytest.fixture
def quick(toy: str) -> Selection:
    """The toy study's quick profile."""
    return Selection(toy, "quick", 0)


@pytest.fixture
def contents() -> Callable[[Results], dict[str, bytes]]:
    """The bytes of all tables, arrays and verdicts of a run; not its timings and manifest."""

    def read(results: Results) -> dict[str, bytes]:
        files = [*results.folder.rglob("*/*.parquet"), results.folder / "verdicts.parquet"]
        return {str(f.relative_to(results.folder)): f.read_bytes() for f in files}

    return read


@pytest.fixture
def command(tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """Start ``wellposed`` in a process of its own, in an empty folder."""

    def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "wellposed_studies", *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start
