"""The template to download, empty or with users: it can be uploaded unchanged."""

import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import xlsxwriter
from django.utils import translation

from imports.write.rows import STATUS, ProductCells, header_of, sign_in_words
from spreadsheets import csv_writer
from users.models import UserPermission
from users.queries.export import Bought
from users.rules import sign_in

# Rows with lists of choices and with cells formatted as text.
_PREPARED_ROWS = 2000

_CHINESE = "zh-hans"

_PEOPLE = {
    "en": [
        {
            "user_name": "amy.parker", "first_name": "Amy", "last_name": "Parker",
            "display_name": "Amy Parker", "location": "US", "job_title": "Engineer",
            "department": "Development", "phone": "+1 555 0100",
            "contact_email": "amy.parker@example.com", "language": "en",
        },
        {
            "user_name": "david.chen", "first_name": "David", "last_name": "Chen",
            "display_name": "David Chen", "location": "US", "job_title": "Accountant",
            "department": "Finance", "phone": "+1 555 0101",
            "contact_email": "david.chen@example.com", "language": "en",
        },
    ],
    _CHINESE: [
        {
            "user_name": "jianguo.wang", "first_name": "建国", "last_name": "王",
            "display_name": "王建国", "location": "CN", "job_title": "工程师",
            "department": "研发部", "phone": "+86 10 5555 0100",
            "contact_email": "jianguo.wang@example.com", "language": "zh-hans",
        },
        {
            "user_name": "xiaohong.li", "first_name": "小红", "last_name": "李",
            "display_name": "李小红", "location": "CN", "job_title": "会计",
            "department": "财务部", "phone": "+86 10 5555 0101",
            "contact_email": "xiaohong.li@example.com", "language": "zh-hans",
        },
    ],
}  # fmt: skip


def template(
    language: str, domain: str, products: Sequence[str] = (), format: str = "csv"
) -> bytes:
    """
    Make the template in English or Chinese, as 'csv' or 'xlsx', with two examples.

    The first of the products is in the first row, as an example.
    """
    language = _CHINESE if language.lower().startswith("zh") else "en"
    rows = _rows(language, domain, products)
    return (
        _workbook(rows, products, language)
        if format == "xlsx"
        else b"".join(csv_writer.write_csv(rows))
    )


def fill(users: Iterable[Any], bought: Sequence[Bought], language: str) -> Iterator[list[str]]:
    """
    The template with these users in it; imported unchanged, it changes nothing.

    Columns and names are those of the empty template in that language.
    """
    header, words = header_of(language), sign_in_words(language)
    yield list(header.values())
    with translation.override(language):
        permissions = {code: str(label) for code, label in UserPermission.choices}
    products = ProductCells(
        (subscription.id, subscription.name, subscription.part_number) for subscription in bought
    )
    for user in users:
        texts = {
            "products": products.write(map(str, user.held)),
            "permissions": "; ".join(permissions[code] for code in user.permissions),
            STATUS: words[sign_in.BLOCKED if user.is_blocked else sign_in.ALLOWED],
        }
        yield [texts[name] if name in texts else getattr(user, name) for name in header]


def _rows(language: str, domain: str, products: Sequence[str]) -> list[list[str]]:
    header = header_of(language)
    rows = [list(header.values())]
    allowed = {STATUS: sign_in_words(language)[sign_in.ALLOWED]}
    for number, person in enumerate(_PEOPLE[language]):
        given = {"products": products[0]} if products and number == 0 else {}
        whole = person | given | allowed | {"user_name": f"{person['user_name']}@{domain}"}
        rows.append([whole.get(field, "") for field in header])
    return rows


def _workbook(rows: list[list[str]], products: Sequence[str], language: str) -> bytes:
    words = sign_in_words(language)
    choices = {
        "products": list(products),
        "permissions": [str(label) for label in UserPermission.labels],
        "language": ["en", "zh-hans"],
        STATUS: [words[sign_in.ALLOWED], words[sign_in.BLOCKED]],
    }
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True, "strings_to_formulas": False}) as workbook:
        sheet = workbook.add_worksheet()
        heading = workbook.add_format({"bold": True, "bottom": 1})
        # As text, since a spreadsheet changes a telephone number to a number.
        text = workbook.add_format({"num_format": "@"})
        sheet.freeze_panes(1, 0)
        for place, field in enumerate(header_of(language)):
            width = max(14, *(2 + 2 * len(row[place].encode()) // 3 for row in rows))
            sheet.set_column(place, place, width, text)
            sheet.write_string(0, place, rows[0][place], heading)
            for number, row in enumerate(rows[1:], 1):
                if row[place]:
                    sheet.write_string(number, place, row[place], text)
            # A list has up to 255 characters, separated by commas. It only advises, as a cell can
            # have several products.
            options = [one for one in choices.get(field, []) if "," not in one]
            if options and len(",".join(options)) <= 255:
                rule = {"validate": "list", "source": options, "show_error": False}
                sheet.data_validation(1, place, _PREPARED_ROWS, place, rule)
    return file.getvalue()
