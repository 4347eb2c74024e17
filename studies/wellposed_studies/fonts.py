"""Fonts for names in scripts that the reports' own fonts do not have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

#: The figures' font, which comes with matplotlib.
FONT = "DejaVu Sans"

#: Drawn by no font: joiners and the like, which only say how their neighbours are drawn.
_UNDRAWN = frozenset("\u200b\u200c\u200d\ufe0e\ufe0f")


@dataclass(frozen=True)
class Fallback:
    """What is needed to draw a text.

    Attributes
    ----------
    families : tuple of str
        Names of installed fonts to be used beside `FONT`, for matplotlib.
    files : tuple of str
        Their files and that of `FONT`, for Typst, whose own font has less.
    missing : str
        Characters that no installed font has, each once; they are drawn as boxes.
    """

    families: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    missing: str = ""


@lru_cache
def fallback(text: str) -> Fallback:
    """The installed fonts that have what `FONT` lacks of a text, as few as can be.

    Examples
    --------
    >>> fallback("price ≥ 5 €").families
    ()
    """
    if text.isascii():
        return Fallback()
    wanted = {ord(c) for c in text if not c.isspace()} - {ord(c) for c in _UNDRAWN}
    wanted -= _characters(own_file())
    families, files = [], [own_file()]
    while wanted:
        found = max(_installed(), key=lambda font: len(wanted & _characters(font[1])), default=None)
        if found is None or not wanted & _characters(found[1]):
            break
        families.append(found[0])
        files.append(found[1])
        wanted -= _characters(found[1])
    return Fallback(tuple(families), tuple(files), "".join(chr(c) for c in sorted(wanted)))


def own_file() -> str:
    """The file of `FONT`."""
    import matplotlib

    return str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf")


@lru_cache
def _installed() -> list[tuple[str, str]]:
    """Name and file of every upright font of ordinary weight, the same order on each machine."""
    from matplotlib.font_manager import fontManager, weight_dict

    def weight(given: int | str) -> int:
        return given if isinstance(given, int) else int(weight_dict.get(given, 400))

    fonts = {
        (font.name, font.fname)
        for font in fontManager.ttflist
        if font.style == "normal"
        and 350 <= weight(font.weight) <= 550
        and font.name != FONT
        and not font.name.startswith("Last Resort")  # boxes for everything
    }
    return sorted(fonts)


@cache
def _characters(file: str) -> frozenset[int]:
    """The characters that a font has; none if it cannot be read."""
    from matplotlib.ft2font import FT2Font

    try:
        return frozenset(FT2Font(file).get_charmap())
    except (OSError, RuntimeError):
        return frozenset()


def warn_of(missing: str, what: str) -> Iterator[str]:
    """A sentence on characters that will be boxes, if there are any."""
    if missing:
        shown = " ".join(missing[:10]) + (" ..." if len(missing) > 10 else "")
        yield (
            f"no installed font has the characters {shown} of {what}; figures and PDF may show "
            "boxes in their place. Install a font that has them, for example Noto's."
        )
