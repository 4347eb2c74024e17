"""The embedded engine: the same `.qmd` files without Quarto.

Cells run once in a kernel (nbclient); Pandoc with one Lua filter makes HTML and Typst; Typst
makes the PDF. Everything happens in a scratch copy of the project and nothing is fetched.
"""

from __future__ import annotations

import base64
import json
import logging
import re
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from ..fonts import Fallback, warn_of
from ..storing.layout import OUTPUT, rendered_file
from .document import Cell, Document, Inline, read_document
from .errors import RenderError
from .surroundings import pandoc_environment

logger = logging.getLogger(__name__)
_HERE = Path(__file__).parent
#: Folder of a scratch project with fonts for names in other scripts.
FONTS = "fonts"
_READER = "markdown-native_divs-native_spans"


def render_embedded(
    source: Path, project: Path, formats: tuple[str, ...], results: Path
) -> dict[str, Path]:
    """Render one report, the file `source`, inside `project`, a scratch copy of its folder.

    Returns
    -------
    dict
        Format to the file written below `project`.

    Raises
    ------
    RenderError
        For anything outside the subset (by file and line), a failing cell, a broken citation.
    """
    from .execution import execute  # the kernel's libraries take a second to import

    document, name = read_document(source), source.stem
    outputs, fonts = execute(document, project, results)
    _lay_out(fonts, project, document)
    config = yaml.safe_load((project / "_quarto.yml").read_text(encoding="utf-8"))
    for folder in (f"{name}_files", OUTPUT):
        (project / folder).mkdir()
    parts = []
    for i, (part, produced) in enumerate(zip(document.parts, outputs, strict=True)):
        if isinstance(part, Cell):
            stem = project / f"{name}_files" / f"figure-{i}"
            parts.append(_cell(document.path, part, produced, stem))
        elif isinstance(part, Inline):
            parts.append(_inline(document.path, part, produced))
        else:
            parts.append(part.markdown)
    markdown = project / f"{name}.md"
    markdown.write_text("".join(parts), encoding="utf-8")
    make = {"html": _html, "pdf": _pdf}
    return {fmt: make[fmt](project, document, markdown, config) for fmt in formats}


def _cell(path: Path, cell: Cell, outputs: list[dict[str, Any]], stem: Path) -> str:
    """Return the Markdown of a cell: its source if echoed, then what it showed."""
    options = cell.options
    if not options.get("include", True):
        return ""
    blocks = [_fenced(cell.source, "python")] if options.get("echo", False) else []
    images: list[str] = []
    for output in outputs if options.get("output", True) else []:
        kind, content = _shown(path, cell, output)
        if kind == "image":
            suffix, data = content
            image = stem.with_name(f"{stem.name}-{len(images) + 1}.{suffix}")
            image.write_bytes(data)
            images.append(f"{stem.parent.name}/{image.name}")
        else:
            blocks.append(content)
    label = options.get("label", "")
    if label.startswith("fig-") or images:
        blocks.append(_figure(path, cell, images))
    elif label.startswith("tbl-"):
        blocks.append(f"::: {{#{label}}}\n{blocks.pop()}\n\n{options['tbl-cap']}\n:::")
    body = "\n\n".join(blocks)
    return f"\n::: {{.cell line={cell.line}}}\n{body}\n:::\n\n" if blocks else ""


def _shown(path: Path, cell: Cell, output: dict[str, Any]) -> tuple[str, Any]:
    """Return what one Jupyter output shows: ("image", (suffix, bytes)) or ("text", Markdown)."""
    if output["output_type"] == "stream":
        if output["name"] == "stderr":
            logger.warning("%s:%d: %s", path.name, cell.line, output["text"].strip())
            return "text", ""
        asis = cell.options.get("output") == "asis"
        return "text", output["text"] if asis else _fenced(output["text"], "output")
    data = output["data"]
    if "text/markdown" in data:
        return "text", data["text/markdown"]
    if "image/svg+xml" in data:
        return "image", ("svg", data["image/svg+xml"].encode())
    if "image/png" in data:
        return "image", ("png", base64.b64decode(data["image/png"]))
    if "text/html" in data:
        raise RenderError(
            "the cell shows HTML (a bare DataFrame?), which has no place in a PDF: "
            "show Markdown(frame.to_markdown(index=False)) instead",
            path,
            cell.line,
        )
    if data.get("text/plain", "").startswith(("<", "[<", "Text(", "(<", "{'")):
        raise RenderError(
            f"the cell's last value would be printed: {data['text/plain'][:60]!r}; "
            "end the line with a semicolon",
            path,
            cell.line,
        )
    return "text", _fenced(data.get("text/plain", ""), "output")


def _figure(path: Path, cell: Cell, images: list[str]) -> str:
    options = cell.options
    label, alts = options.get("label", ""), options.get("fig-alt", "")
    alts = alts if isinstance(alts, list) else [alts]
    captions = options.get("fig-subcap", [options.get("fig-cap", "")])
    if not label.startswith("fig-") or len(images) != len(captions):
        raise RenderError(
            f"the cell shows {len(images)} figures, its options describe "
            f"{len(captions) if label.startswith('fig-') else 0}: give it label, fig-cap, fig-alt "
            "(and one fig-subcap and fig-alt a sub-figure)",
            path,
            cell.line,
        )
    rows = [
        f"![{caption}]({image}){{#{label + (f'-{i}' if 'fig-subcap' in options else '')} "
        f"fig-alt={json.dumps(alt, ensure_ascii=False)}}}"
        for i, (caption, image, alt) in enumerate(zip(captions, images, alts, strict=True), 1)
    ]
    if "fig-subcap" not in options:
        return rows[0]
    body = "\n\n".join([*rows, options["fig-cap"]])
    return f"::: {{#{label} layout-ncol={options.get('layout-ncol', 1)}}}\n{body}\n:::"


def _inline(path: Path, inline: Inline, outputs: list[dict[str, Any]]) -> str:
    data = outputs[-1].get("data", {}) if outputs else {}
    plain = data.get("text/plain", "")
    if "text/markdown" not in data and not re.fullmatch(r"-?[\d.]+(e[+-]?\d+)?", plain):
        raise RenderError(
            f'`{inline.source}` shows {plain or "nothing"}; expected a number or Markdown(f"...")',
            path,
            inline.line,
        )
    return data.get("text/markdown", plain)


def _fenced(text: str, language: str) -> str:
    ticks = "`" * max(3, 1 + max(map(len, re.findall(r"`+", text)), default=0))
    return f"{ticks} {language}\n{text.rstrip()}\n{ticks}"


def _html(project: Path, document: Document, markdown: Path, config: dict[str, Any]) -> Path:
    options = config["format"]["html"]
    output = rendered_file(project, markdown.stem, "html")
    arguments = ["--embed-resources", "--mathml", "--section-divs", "--reference-location=section"]
    arguments += ["--toc", f"--toc-depth={config['toc-depth']}"] if _toc(document, config) else []
    arguments += [f"--css={options['css']}", f"--wrap={options['wrap']}"]
    arguments += [f"--include-before-body={options['include-before-body']}"]
    arguments += [f"--include-after-body={options['include-after-body']}"]
    _pandoc(document, markdown, config, "html5", output, arguments)
    return output


def _pdf(project: Path, document: Document, markdown: Path, config: dict[str, Any]) -> Path:
    import typst

    template = project / "embedded.typst"
    template.write_text((_HERE / "page.typ").read_text(encoding="utf-8"), encoding="utf-8")
    for partial in config["format"]["typst"]["template-partials"]:
        (project / Path(partial).name).write_bytes((project / partial).read_bytes())
    typ = project / f"{markdown.stem}.typ"
    arguments = [f"--template={template.name}", "--variable=section-numbering=1.1"]
    arguments += [f"--variable=toc-depth={config['toc-depth']}"]
    arguments += ["--variable=toc=true"] if _toc(document, config) else []
    _pandoc(document, markdown, config, "typst", typ, arguments)
    output = rendered_file(project, markdown.stem, "pdf")
    fonts = [project / FONTS]
    try:
        typst.compile(typ, output=output, root=project, ignore_system_fonts=True, font_paths=fonts)
    except typst.TypstError as error:
        raise RenderError(f"the PDF could not be typeset: {error}", document.path) from error
    return output


def _lay_out(fonts: Fallback, project: Path, document: Document) -> None:
    """Copy what fonts a report needs besides Typst's own to where Typst looks for them."""
    for sentence in warn_of(fonts.missing, "what the report shows"):
        logger.warning("%s: %s", document.path.name, sentence)
    (project / FONTS).mkdir()
    for i, file in enumerate(fonts.files):
        (project / FONTS / f"{i}-{Path(file).name}").write_bytes(Path(file).read_bytes())


def pandoc_version() -> str:
    """Return the version of the Pandoc that pypandoc brings."""
    import pypandoc

    return str(pypandoc.get_pandoc_version())


def _toc(document: Document, config: dict[str, Any]) -> bool:
    return bool(document.metadata.get("toc", config["toc"]))


def _pandoc(
    document: Document,
    markdown: Path,
    config: dict[str, Any],
    writer: str,
    output: Path,
    arguments: list[str],
) -> None:
    import pypandoc

    project = markdown.parent
    metadata = {key: config[key] for key in ("lang", "bibliography", "link-citations", "toc-title")}
    metadata |= document.metadata | {
        "engine": f"the embedded engine of wellposed {version('wellposed')} "
        f"(nbclient {version('nbclient')}, typst {version('typst')})",
    }
    (project / "metadata.json").write_text(json.dumps(metadata, default=str), encoding="utf-8")
    command = [pypandoc.get_pandoc_path(), markdown.name, f"--from={_READER}", f"--to={writer}"]
    command += ["--standalone", "--metadata-file=metadata.json", "--fail-if-warnings"]
    command += [f"--lua-filter={_HERE / 'subset.lua'}", "--citeproc", "--syntax-highlighting=none"]
    command += [f"--lua-filter={entry['path']}" for entry in config["filters"]]
    command += ["--data-dir=."]  # not the user's
    done = subprocess.run(
        [*command, *arguments, f"--output={output.relative_to(project)}"],
        cwd=project,
        env=pandoc_environment(project.parent),
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    if done.returncode:
        raise _refusal(document, done.stderr)


def _refusal(document: Document, stderr: str) -> RenderError:
    """Turn Pandoc's or the filter's complaint into one with file and line."""
    found = re.search(r"REFUSED\t(\d*)\t(.*)\t(.*)", stderr)
    if not found:
        missing = re.search(r"citation (\S+) not found", stderr)
        needle = f"@{missing[1]}" if missing else ""
        message = f"@{missing[1]} is not in the bibliography" if missing else stderr.strip()
        return RenderError(message, document.path, _line(document.path, needle))
    line, needle, message = found.groups()
    return RenderError(message, document.path, int(line) if line else _line(document.path, needle))


def _line(path: Path, needle: str) -> int | None:
    rows = path.read_text(encoding="utf-8").splitlines()
    return next((i for i, row in enumerate(rows, 1) if needle and needle in row), None)
