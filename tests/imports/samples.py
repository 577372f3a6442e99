"""Files and facts that several tests use."""

import io
import zipfile

import xlsxwriter

from imports.read.table import parse_file
from licensing.rules import SubscriptionFacts
from spreadsheets.errors import UnreadableFile
from users.rules import names
from users.rules.facts import Facts

OFFICE = SubscriptionFacts("sub-office", "office", "Office 365 E3", "O365-E3", 3)
VISIO = SubscriptionFacts(
    "sub-visio", "visio", "Visio Plan 2", "VISIO-2", 10, not_sold_in=frozenset({"RU"})
)
COPILOT = SubscriptionFacts(
    "sub-copilot", "copilot", "Copilot", "COP-1", 5, requires=frozenset({"office"})
)
BASIC = SubscriptionFacts(
    "sub-basic", "basic", "Office 365 E1", "O365-E1", 5, excludes=frozenset({"office"})
)
OLD = SubscriptionFacts("sub-old", "old", "Project, Standard", "PRJ-S", 5, state="suspended")

FACTS = Facts(
    domains=frozenset({"contoso.com"}),
    taken={"amy.parker@contoso.com": "Amy Parker"},
    deleted={"old.timer@contoso.com": "Old Timer"},
    subscriptions=(OFFICE, VISIO, COPILOT, BASIC, OLD),
    grantable=frozenset({"helpdesk_administrator", "user_administrator"}),
)


def workbook(rows, name="Sheet1", **others):
    """Make an .xlsx file of rows, and of more worksheets by name."""
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True, "strings_to_formulas": False}) as book:
        for title, cells in {name: rows, **others}.items():
            sheet = book.add_worksheet(title)
            for number, row in enumerate(cells):
                for place, cell in enumerate(row):
                    sheet.write(number, place, cell)
    return file.getvalue()


def repack(data, change):
    """Write an .xlsx file anew with its parts changed: a function of name and bytes."""
    file = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(data)) as old,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for entry in old.infolist():
            content = change(entry.filename, old.read(entry))
            if content is not None:
                new.writestr(entry.filename, content)
    return file.getvalue()


def refusal(data, name="people.csv", **options):
    """Why a file is refused: the code and its values; None if it can be read."""
    try:
        parse_file(data, name, **options)
    except UnreadableFile as error:
        refused = error
    else:
        return None
    assert refused.message
    # What stands in the file may look like a gap that was not filled.
    quoted = str(refused.params.get("found") or "\0")
    assert "%(" not in refused.message.replace(quoted, "")
    return refused.code, refused.params


def is_user_name(text: str) -> bool:
    """Whether the text is a complete user name, regardless of its domain."""
    local, _at, domain = text.partition("@")
    is_whole = bool(domain) and "@" not in domain and len(text) <= names.USER_NAME_LIMIT
    return is_whole and names.check_local_part(local) is None
