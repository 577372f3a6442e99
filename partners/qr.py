from dataclasses import dataclass

import qrcode


@dataclass(frozen=True)
class Code:
    """A QR code as the path of an SVG of `size` by `size`."""

    size: int
    path: str


def draw(text: str, *, border: int = 0) -> Code:
    """Draw the QR code of a text; scanners need a white border of 4, here or on the page."""
    code = qrcode.QRCode(error_correction=qrcode.ERROR_CORRECT_M, border=border)
    code.add_data(text)
    matrix = code.get_matrix()
    dark = (
        f"M{x} {y}h1v1h-1z"
        for y, row in enumerate(matrix)
        for x, is_dark in enumerate(row)
        if is_dark
    )
    return Code(size=len(matrix), path="".join(dark))
