"""Label stock: sheets for office printers, and the labels of label printers."""

from __future__ import annotations

from dataclasses import dataclass

A4 = (210.0, 297.0)
LETTER = (215.9, 279.4)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A page of equal labels. All in mm; the grid stands in the middle of the page, as the makers cut it."""

    name: str
    page: tuple[float, float]
    label: tuple[float, float]
    columns: int
    rows: int
    gap: tuple[float, float] = (0.0, 0.0)
    """Between columns, between rows."""

    @property
    def count(self) -> int:
        """Labels on a page."""
        return self.columns * self.rows

    def corner(self, place: int) -> tuple[float, float]:
        """Left and top of the label at `place` (0 is top left, then along the row), from the page's top left."""
        row, column = divmod(place % self.count, self.columns)
        pitch = tuple(size + gap for size, gap in zip(self.label, self.gap, strict=True))
        across = self.columns * pitch[0] - self.gap[0]
        down = self.rows * pitch[1] - self.gap[1]
        return (self.page[0] - across) / 2 + column * pitch[0], (self.page[1] - down) / 2 + row * pitch[1]


@dataclass(frozen=True, slots=True)
class Tape:
    """One label of a label printer, in mm, and the printer's dots per inch."""

    name: str
    label: tuple[float, float]
    dpi: int


SHEETS = {
    "l7160": Sheet("A4, 21 labels of 63.5 x 38.1 (Avery L7160)", A4, (63.5, 38.1), 3, 7, (2.5, 0.0)),
    "l7163": Sheet("A4, 14 labels of 99.1 x 38.1 (Avery L7163)", A4, (99.1, 38.1), 2, 7, (2.5, 0.0)),
    "l7651": Sheet("A4, 65 labels of 38.1 x 21.2 (Avery L7651)", A4, (38.1, 21.2), 5, 13, (2.5, 0.0)),
    "5160": Sheet("Letter, 30 labels of 66.7 x 25.4 (Avery 5160)", LETTER, (66.675, 25.4), 3, 10, (3.175, 0.0)),
}
"""Sizes and pitch as printed on the packs; the margins follow from them."""

TAPES = {
    "brother-62x29": Tape("Brother DK-11209", (62.0, 29.0), 300),
    "dymo-89x36": Tape("Dymo 99012", (89.0, 36.0), 300),
    "dymo-57x32": Tape("Dymo 11354", (57.0, 32.0), 300),
    "zebra-50x25": Tape("50 x 25 for direct thermal printers", (50.0, 25.0), 203),
}
