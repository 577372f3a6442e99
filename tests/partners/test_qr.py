import re

import qrcode

from partners import qr


def test_path_draws_the_dark_squares_inside_the_border():
    code = qrcode.QRCode(error_correction=qrcode.ERROR_CORRECT_M, border=0)
    code.add_data("http://localhost:8000/my/")
    matrix = code.get_matrix()

    drawn = qr.draw("http://localhost:8000/my/", border=4)

    dark = {tuple(map(int, spot)) for spot in re.findall(r"M(\d+) (\d+)h1v1h-1z", drawn.path)}
    assert drawn.size == len(matrix) + 8
    assert dark == {
        (x + 4, y + 4) for y, row in enumerate(matrix) for x, is_dark in enumerate(row) if is_dark
    }
