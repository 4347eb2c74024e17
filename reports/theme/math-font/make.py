"""Make wellposed-math.woff from TeX Gyre Pagella Math: python make.py texgyrepagella-math.otf

The characters that formulas may use, under another name. Two things differ from the original:

- combining accents have a width. Browsers set the accent of a formula, which Pandoc writes as a
  combining character, as text of its own: without a width it lands to the left of its letter;
- U+203E, which Pandoc writes for a bar, is the combining overline, which stretches.
"""

from __future__ import annotations

import sys
from pathlib import Path

from fontTools.pens.boundsPen import BoundsPen
from fontTools.pens.t2CharStringPen import T2CharStringPen
from fontTools.pens.transformPen import TransformPen
from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont

NAME = "Wellposed Math"
ACCENTS = (0x300, 0x301, 0x302, 0x303, 0x304, 0x305, 0x306, 0x307, 0x308, 0x30A, 0x30C, 0x20D7)
OVERLINE = 0x203E
RANGES = (
    (0x20, 0x17F),  # Latin
    (0x237, 0x237),  # dotless j
    (0x2C6, 0x2DD),  # accents
    (0x300, 0x338),
    (0x391, 0x3F5),  # Greek
    (0x2010, 0x2064),  # dashes, primes, invisible operators
    (0x20D6, 0x20D7),
    (0x2100, 0x214F),  # letterlike, with the italic h
    (0x2190, 0x22FF),  # arrows, operators
    (0x2308, 0x230B),
    (0x2322, 0x2323),
    (0x23B4, 0x23B5),
    (0x23DC, 0x23DF),  # braces
    (0x25A1, 0x25A1),
    (0x27E8, 0x27EB),
    (0x27F5, 0x27FA),
    (0x2A7D, 0x2AB0),
    (0x1D400, 0x1D467),  # bold, italic
    (0x1D49C, 0x1D4CF),  # script
    (0x1D538, 0x1D56B),  # double-struck
    (0x1D6A4, 0x1D71B),  # Greek, bold and italic
    (0x1D7CE, 0x1D7E1),
)


def give_width(font: TTFont, glyph: str) -> None:
    """Move a combining glyph to the right of its origin and let it be as wide as it is drawn."""
    glyphs = font.getGlyphSet()
    bounds = BoundsPen(glyphs)
    glyphs[glyph].draw(bounds)
    left, _, right, _ = bounds.bounds
    if glyphs[glyph].width:
        return
    top = font["CFF "].cff.topDictIndex[0]
    private = top.CharStrings[glyph].private
    pen = T2CharStringPen(right - left - private.nominalWidthX, glyphs)
    glyphs[glyph].draw(TransformPen(pen, (1, 0, 0, 1, -left, 0)))
    top.CharStrings[glyph] = pen.getCharString(private, top.CharStrings[glyph].globalSubrs)
    font["hmtx"][glyph] = (right - left, 0)
    attachments = font["MATH"].table.MathGlyphInfo.MathTopAccentAttachment
    for name, record in zip(attachments.TopAccentCoverage.glyphs, attachments.TopAccentAttachment):
        if name == glyph:
            record.Value -= left


def main(source: str) -> None:
    font = TTFont(source, recalcTimestamp=False)
    options = Options()
    options.hinting = options.glyph_names = False
    options.name_IDs, options.notdef_outline = [0, 13, 14], True
    options.layout_features = ["ssty", "flac", "dtls", "mark", "mkmk"]
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=[u for low, high in RANGES for u in range(low, high + 1)])
    subsetter.subset(font)
    characters = font.getBestCmap()
    for accent in ACCENTS:
        if accent in characters:
            give_width(font, characters[accent])
    for table in font["cmap"].tables:
        if table.isUnicode():
            table.cmap[OVERLINE] = characters[0x305]
    if "GDEF" in font:  # a mark would lose its width again
        marks = {characters[a] for a in ACCENTS if a in characters}
        classes = font["GDEF"].table.GlyphClassDef.classDefs
        font["GDEF"].table.GlyphClassDef.classDefs = {
            **{name: kind for name, kind in classes.items() if name not in marks},
            **dict.fromkeys(marks, 1),
        }
    for kind, text in {1: NAME, 2: "Regular", 4: NAME, 6: NAME.replace(" ", "")}.items():
        font["name"].setName(text, kind, 3, 1, 0x409)
    top = font["CFF "].cff
    top.fontNames = [NAME.replace(" ", "")]
    top.topDictIndex[0].FullName = top.topDictIndex[0].FamilyName = NAME
    font.flavor = "woff"
    font.save(Path(__file__).with_name("wellposed-math.woff"))


if __name__ == "__main__":
    main(sys.argv[1])
