"""What a run was made with: versions, threads, CPU, commit, command."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from dataclasses import asdict
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

from ..running.plan import Plan

PACKAGES = (
    "wellposed",
    "numpy",
    "scipy",
    "pandas",
    "pyarrow",
    "scikit-learn",
    "torch",
    "skorch",
    "joblib",
    "threadpoolctl",
)


@lru_cache
def environment() -> dict[str, Any]:
    """What results may depend on besides the study.

    Returns
    -------
    dict
        ``python, platform, cpu, processors, threads_per_cell, packages, commit``; a commit ends in
        ``+changes`` where files differ from it, and is None outside a clone.
    """
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu": _cpu(),
        "processors": os.cpu_count(),
        "threads_per_cell": 1,
        "packages": {name: _version(name) for name in PACKAGES},
        "commit": _commit(Path(__file__).resolve().parents[1]),
    }


def command_line() -> list[str]:
    """The command, without the folder of the program."""
    if not sys.argv:
        return []
    program = Path(sys.argv[0]).name
    return ["wellposed" if program == "__main__.py" else program, *sys.argv[1:]]


def describe_run(plan: Plan, started: str, n_jobs: int) -> dict[str, Any]:
    """The manifest of a run at its start.

    Parameters
    ----------
    plan : Plan
    started : str
        Time in UTC.
    n_jobs : int
        Number of processes.
    """
    own = plan.selection.own
    study = plan.source.study
    return {
        "study": plan.source.name,
        "title": study.title,
        "version": study.version,
        "code": plan.source.code,
        "profile": plan.selection.profile,
        "seed": plan.selection.seed,
        "own_table": None if own is None else asdict(own),
        "data": plan.data,
        "experiments": plan.experiments,
        "cells": len(plan.cells),
        "plan": plan.digest,
        "command": command_line(),
        "n_jobs": n_jobs,
        "started": started,
        **environment(),
    }


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _commit(folder: Path) -> str | None:
    """The commit that `folder` is at, if git tracks this file in it."""

    def git(*arguments: str) -> str | None:
        try:
            done = subprocess.run(
                ["git", "-C", str(folder), *arguments],
                capture_output=True,
                text=True,
                timeout=10,
                check=True,
            )
        except (OSError, subprocess.SubprocessError):
            return None
        return done.stdout.strip()

    if git("ls-files", "--error-unmatch", "__init__.py") is None:
        return None
    changes = git("status", "--porcelain", "--untracked-files=no")
    head = git("rev-parse", "HEAD")
    return f"{head}+changes" if head and changes else head
