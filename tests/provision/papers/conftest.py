"""Eyes for papers: what a phone reads, and what stands on a page."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pypdfium2  # type: ignore[import-untyped]
import zxingcpp
from PIL import Image


def codes_of(picture: Image.Image) -> list[str]:
    """The texts of all QR codes in a picture, from the top left on."""
    found = zxingcpp.read_barcodes(picture.convert("L"), formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode))
    found.sort(key=lambda code: (code.position.top_left.y // 20, code.position.top_left.x))
    return [code.text for code in found]


def pages_of(pdf: bytes, dpi: int = 200) -> Iterator[tuple[str, Image.Image]]:
    """Each page's text and picture."""
    document = pypdfium2.PdfDocument(io.BytesIO(pdf))
    for page in document:
        yield page.get_textpage().get_text_bounded(), page.render(scale=dpi / 72).to_pil()
    document.close()


def text_of(pdf: bytes) -> str:
    return " ".join(" ".join(text for text, _ in pages_of(pdf, 36)).split())
