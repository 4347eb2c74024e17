"""Bytes of a text file as text: which encoding they are in."""

from __future__ import annotations

import codecs
import re

from ..errors import DataError

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_FORMATS = (
    (b"PK\x03\x04", "a zip archive or an Excel workbook"),
    (b"\x1f\x8b", "compressed by gzip"),
    (b"BZh", "compressed by bzip2"),
    (b"\xfd7zXZ", "compressed by xz"),
    (b"\x28\xb5\x2f\xfd", "compressed by zstandard"),
    (b"PAR1", "a parquet file"),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook of the old kind"),
    (b"%PDF", "a PDF"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\x93NUMPY", "a numpy array"),
)
#: A character of several bytes in UTF-8.
_MULTIBYTE = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
)


def decode(name: str, raw: bytes) -> tuple[str, list[str]]:
    """The text of a file, and notes on its encoding where it is not UTF-8.

    A byte order mark decides; without one UTF-16 is told by its zero bytes, then UTF-8 is tried,
    and what is not UTF-8 is cp1252, which Excel writes on Windows (latin-1 where it has bytes that
    cp1252 has not).

    Raises
    ------
    DataError
        If it is not text, or UTF-8 with damaged bytes.
    """
    for magic, what in _FORMATS:
        if raw.startswith(magic):
            raise DataError(
                f"{name} is {what}, not text. Unpack it, or save the table as CSV UTF-8 from the "
                "program that wrote it."
            )
    for bom, encoding in _BOMS:
        if raw.startswith(bom):
            return _strict(name, raw[len(bom) :], encoding), _note(encoding)
    if b"\0" in raw[:4096]:
        encoding = _utf16_without_mark(name, raw)
        return _strict(name, raw, encoding), _note(encoding)
    try:
        return raw.decode("utf-8"), []
    except UnicodeDecodeError as error:
        _refuse_damaged_utf8(name, raw, error)
    try:
        return raw.decode("cp1252"), _note("cp1252")
    except UnicodeDecodeError:
        return raw.decode("latin-1"), _note("latin-1")


def _note(encoding: str) -> list[str]:
    if encoding == "utf-8":
        return []
    doubt = ""
    if encoding in ("cp1252", "latin-1"):
        doubt = "; if letters look wrong, save it as CSV UTF-8"
    return [f"the file is not UTF-8 and was read as {encoding}{doubt}"]


def _strict(name: str, raw: bytes, encoding: str) -> str:
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        raise DataError(
            f"{name} begins as {encoding} and has bytes that are none (at byte {error.start}): it "
            "is cut off or damaged. Save it as CSV UTF-8."
        ) from error


def _utf16_without_mark(name: str, raw: bytes) -> str:
    """UTF-16 of mostly Latin text has a zero in every second byte."""
    head = raw[: 4096 // 2 * 2]
    even, odd = head[::2].count(0), head[1::2].count(0)
    half = len(head) / 2
    if odd > 0.4 * half and even < 0.1 * half:
        return "utf-16-le"
    if even > 0.4 * half and odd < 0.1 * half:
        return "utf-16-be"
    raise DataError(
        f"{name} has zero bytes and is not text in an encoding that is known here. Save the table "
        "as CSV UTF-8."
    )


def _refuse_damaged_utf8(name: str, raw: bytes, error: UnicodeDecodeError) -> None:
    """Refuse text most of whose characters beyond ASCII are UTF-8."""
    good = len(_MULTIBYTE.findall(raw))
    rest = _MULTIBYTE.sub(b"", raw)
    bad = len(re.findall(rb"[\x80-\xff]", rest))
    if good > bad:
        line = raw.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{name} is UTF-8 but for byte 0x{raw[error.start]:02x} in line {line}: parts of it "
            "are in another encoding, or it is cut off. Save it as CSV UTF-8."
        )
