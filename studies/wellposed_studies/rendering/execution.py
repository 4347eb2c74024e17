"""Execute a report's cells once, in order, in a fresh kernel of this very Python."""

from __future__ import annotations

import html
import json
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError

from ..fonts import Fallback
from .document import Document, Text
from .errors import RenderError
from .surroundings import environment, sockets_folder

SETUP = """
from matplotlib_inline.backend_inline import set_matplotlib_formats
set_matplotlib_formats("svg", metadata={"Date": None})
import warnings  # said once for all, see `FONTS`
warnings.filterwarnings("ignore", "Glyph .* missing from font")
"""
#: What tells which fonts a text needs, in the kernel: only there matplotlib is sure to be as it is
#: meant to be.
FONTS = """
import dataclasses, json, sys
from wellposed_studies import fonts
sys.stdout.write(json.dumps(dataclasses.asdict(fonts.fallback({text!r}))))
"""
_ANSI = re.compile(r"\x1b\[[0-9;]*m")


class _ThisPython(KernelSpecManager):
    """Whatever kernels are installed elsewhere, a report runs in the Python that renders it."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        argv += ["--HistoryManager.enabled=False", "--IPKernelApp.log_level=40"]
        return KernelSpec(argv=argv, language="python")


def execute(
    document: Document, folder: Path, results: Path
) -> tuple[list[list[dict[str, Any]]], Fallback]:
    """Run every cell and inline expression of a report.

    Parameters
    ----------
    document : Document
    folder : Path
        The kernel's working directory.
    results : Path
        Where the finished tables are; cells find it as `WELLPOSED_RESULTS`.

    Returns
    -------
    outputs : list of list of dict
        One list of Jupyter outputs a part of the document (empty for text).
    fonts : Fallback
        The fonts that what was shown needs.

    Raises
    ------
    RenderError
        When a cell raises, with the line and the end of the traceback, or the kernel dies.
    """
    if all(isinstance(part, Text) for part in document.parts):
        return [[] for _ in document.parts], Fallback()
    notebook = nbformat.v4.new_notebook()
    outputs: list[list[dict[str, Any]]] = []
    with tempfile.TemporaryDirectory() as scratch, sockets_folder(Path(scratch)) as sockets:
        manager = AsyncKernelManager(
            kernel_spec_manager=_ThisPython(), connection_file=f"{scratch}/kernel.json"
        )
        if sockets is not None:  # nothing on the network; else this machine's own address
            manager.transport, manager.ip = "ipc", f"{sockets}/kernel"
        client = NotebookClient(notebook, km=manager, timeout=None, coalesce_streams=True)
        variables = environment(Path(scratch), results)
        with client.setup_kernel(cleanup_kc=True, env=variables, cwd=str(folder)):
            _run(client, SETUP)
            for part in document.parts:
                if isinstance(part, Text):
                    outputs.append([])
                    continue
                try:
                    outputs.append(_run(client, part.source))
                except CellExecutionError as error:
                    raise _failure(document, part.line, error) from None
                except DeadKernelError as error:
                    raise RenderError(
                        "the kernel died while this cell ran (out of memory?)",
                        document.path,
                        part.line,
                    ) from error
            fonts = _fonts(client, outputs)
    return outputs, fonts


def _fonts(client: NotebookClient, outputs: list[list[dict[str, Any]]]) -> Fallback:
    """The fonts that what the cells showed as text needs."""
    shown = [output for part in outputs for output in part]
    texts = [o.get("text", "") + o.get("data", {}).get("text/markdown", "") for o in shown]
    text = "".join(sorted(set(html.unescape("".join(texts)))))
    try:
        said = _run(client, FONTS.format(text=text))
    except CellExecutionError:  # no matplotlib: then there are no figures either
        return Fallback()
    found = json.loads(next(o["text"] for o in said if o.get("name") == "stdout"))
    return Fallback(tuple(found["families"]), tuple(found["files"]), found["missing"])


def _run(client: NotebookClient, source: str) -> list[dict[str, Any]]:
    cell = nbformat.v4.new_code_cell(source)
    client.nb.cells.append(cell)
    client.execute_cell(cell, len(client.nb.cells) - 1)
    return cell.outputs


def _failure(document: Document, line: int, error: CellExecutionError) -> RenderError:
    trace = _ANSI.sub("", error.traceback).rstrip().splitlines()
    inside = re.findall(
        r"^(?:\s*Cell In\[\d+\]|\s*File <ipython).*?line (\d+)", "\n".join(trace), re.M
    )
    at = line + int(inside[-1]) - 1 if inside else line
    tail = "\n    ".join(trace[-8:])
    return RenderError(f"the cell failed; nothing was written\n    {tail}", document.path, at)
