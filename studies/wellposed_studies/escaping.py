"""Text from outside as text: one function for each language that it is written into.

File names, column names, classes, titles of studies and error messages may hold anything.
`markdown` and `code` are for reports: Pandoc makes HTML and Typst of what they return, and
`reports/theme/theme.lua` keeps it literal there. `mathtext` is for figures, `shell` for commands
that can be pasted, `terminal` for what is printed. All of them show what cannot be seen, such as a
control character or a byte that is no UTF-8, as an escape.
"""

from __future__ import annotations

import codecs
import re
import shlex
import unicodedata
from collections.abc import Iterable

#: Invisible characters that writing systems and emoji need: joiners, tags, Arabic number signs.
_NEEDED = re.compile(
    "[\u200c\u200d\U000e0020-\U000e007f\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2]"
)

#: Words that no reader of Markdown takes for anything else, and that are no longer than words are.
_PLAIN = re.compile(r"[A-Za-z0-9]{2,24}(?:[,;:]? [A-Za-z0-9]{1,24}|-[A-Za-z]{1,8})*\.?")

_NAMED = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}

#: What is printed in place of a character where the output's encoding does not have it.
_ASCII = {
    "≥": ">=",
    "≤": "<=",
    "−": "-",
    "–": "-",
    "×": "x",
    "²": "^2",
    "σ": "sigma",
    "α": "alpha",
    "…": "...",
    "●": "+",
    "✕": "x",
    "○": "o",
    "‘": "'",
    "’": "'",
    "“": '"',
    "”": '"',
}


def visible(text: object) -> str:
    r"""Text on one line in which everything can be seen.

    Control characters, invisible ones that change how a line is laid out, line separators and the
    bytes of a file name that are no UTF-8 become escapes; all else stays as it is.

    Examples
    --------
    >>> print(visible("a\nb\x1b[31m \udcff"))
    a\nb\x1b[31m \xff
    """
    return "".join(_shown(c) for c in str(text))


def terminal(text: object) -> str:
    r"""Text for a terminal, which may have several lines: nothing in it moves the cursor.

    Examples
    --------
    >>> print(terminal("first\nsecond\a"))
    first
    second\x07
    """
    return "\n".join(visible(line) for line in str(text).split("\n"))


def markdown(text: object) -> str:
    """Text as Markdown that Pandoc reads as this text and nothing else, wherever it stands.

    Examples
    --------
    >>> markdown("diabetes")
    'diabetes'
    >>> markdown("a*b")
    '[a&#42;b]{.given}'
    """
    seen = visible(text)
    return seen if _PLAIN.fullmatch(seen) else f"[{_entities(seen)}]{{.given}}"


def code(text: object) -> str:
    """Text as Markdown, in the type of code; also with backticks and pipes, also in a table.

    Examples
    --------
    >>> code("wellposed run")
    '[wellposed run]{.given-code}'
    """
    return f"[{_entities(visible(text))}]{{.given-code}}"


def mathtext(text: object, length: int = 40) -> str:
    r"""Text for a figure, in which a dollar is a dollar; cut in its middle if it is longer.

    Examples
    --------
    >>> print(mathtext("price_$ vs cost_$"))
    price_\$ vs cost_\$
    """
    seen = visible(text)
    if len(seen) > length:
        seen = f"{seen[: length // 2]}…{seen[len(seen) - length // 2 + 1 :]}"
    if seen.startswith("_"):  # which would keep it out of a legend
        seen = f"\u200b{seen}"
    return seen.replace("$", r"\$")


def shell(arguments: Iterable[object]) -> str:
    r"""A command that can be pasted into a shell, on one line.

    Examples
    --------
    >>> print(shell(["wellposed", "run", "--data", "it's $5.csv"]))
    wellposed run --data 'it'"'"'s $5.csv'
    >>> print(shell(["a\nb"]))
    $'a\nb'
    """
    return " ".join(_word(str(argument)) for argument in arguments)


def printable(error: UnicodeError) -> tuple[str | bytes, int]:
    """What to print where the output's encoding lacks a character; see `codecs.register_error`."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    shown = (_ASCII.get(c) or _shown(c, escape=True) for c in missing)
    return "".join(shown), error.end


codecs.register_error("wellposed.printable", printable)


def _word(argument: str) -> str:
    """An argument, quoted as $'...' by bytes where it has what cannot be seen."""
    if argument == visible(argument):
        return shlex.quote(argument)
    quoted = {"\n": r"\n", "\t": r"\t", "\r": r"\r", "'": r"\'", "\\": r"\\"}
    parts = [
        quoted.get(c) or (c if c == _shown(c) else "".join(rf"\x{b:02x}" for b in _bytes(c)))
        for c in argument
    ]
    return f"$'{''.join(parts)}'"


def _bytes(character: str) -> bytes:
    return character.encode("utf-8", "surrogateescape" if _byte(character) else "surrogatepass")


def _byte(character: str) -> bool:
    """Whether a character stands for a byte of a file name that is no UTF-8."""
    return "\udc80" <= character <= "\udcff"


def _shown(character: str, escape: bool = False) -> str:
    if character in _NAMED:
        return _NAMED[character]
    hidden = unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"}
    if not escape and (not hidden or _NEEDED.match(character)):
        return character
    code = ord(character)
    if _byte(character):
        return rf"\x{code - 0xDC00:02x}"
    if code < 0x100:
        return rf"\x{code:02x}"
    return rf"\u{code:04x}" if code < 0x10000 else rf"\U{code:08x}"


def _entities(text: str) -> str:
    """Text in which a reader of Markdown finds letters, digits and single spaces only."""
    spaced = re.sub(r"(?<=[^ ]) (?=[^ ])", "\0", text)
    return "".join(
        " " if c == "\0" else c if c.isalnum() or c > "\x7f" else f"&#{ord(c)};" for c in spaced
    )
