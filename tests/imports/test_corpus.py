"""Files as they come: broken, odd and hostile ones, each read or refused with line and reason."""

import codecs
import io
import json
import random
import re
import struct
import subprocess
import sys
import zipfile
from datetime import date
from pathlib import Path

import pytest
import xlsxwriter

from imports.check.plan import make_plan
from imports.check.rows import validate
from imports.read.table import parse_file
from tests.imports.samples import FACTS, refusal, repack, workbook
from users.rules.facts import Defaults
from users.rules.problems import describe

HEADER = "User name,Display name,Department\r\n"
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def plan(data, name="people.csv", **options):
    """Parse a file and plan its import, with a location for all."""
    parsed = parse_file(data if isinstance(data, bytes) else data.encode(), name, **options)
    return make_plan(*validate(parsed.rows, FACTS, Defaults(location="CN")), FACTS)


def codes(made):
    return [problem.code for line in made.lines for problem in line.problems]


def row(**cells):
    """The one row of a file with these cells, as it was planned."""
    cells = {"user_name": "wang@contoso.com", "display_name": "Wang"} | cells
    header = [name.replace("_", " ") for name in cells]
    quoted = ",".join('"' + cell.replace('"', '""') + '"' for cell in cells.values())
    (line,) = plan(",".join(header) + "\r\n" + quoted + "\r\n").lines
    return line


PAYLOADS = [
    "'); DROP TABLE users_customeruser; --",
    "' OR '1'='1",
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ settings.SECRET_KEY }}",
    "{% include 'x' %}",
    "${jndi:ldap://x/a}",
    "%(name)s %s %n",
    "{0.__class__}",
    "$(touch /tmp/x)",
    "../../../etc/passwd",
    "\\x00\\u0000",
    "=cmd|' /C calc'!A0",
    '@SUM(1+1)*cmd|"/C calc"!A0',
    "+1+1",
    "-2+3",
    "Robert'); SELECT pg_sleep(9)--",
]


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_payload_is_a_text_like_any_other(payload):
    line = row(display_name=payload, department=payload, job_title=payload)

    assert line.state == "ready"
    assert line.input["display_name"] == payload
    assert line.input["department"] == payload


@pytest.mark.parametrize("payload", PAYLOADS)
@pytest.mark.parametrize(
    "field", ["user_name", "usage_location", "licenses", "permissions", "contact_address"]
)
def test_payload_in_name_is_reported_with_row_number(field, payload):
    line = row(**{field: payload})

    assert line.state == "failed"
    assert line.line == 2
    assert all(describe(problem).endswith(".") for problem in line.problems)


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("аmy@contoso.com", "user_name_not_ascii"),  # a Cyrillic a
        ("аррӏе@contoso.com", "user_name_not_ascii"),
        ("\u212aate@contoso.com", "user_name_not_ascii"),  # the KELVIN SIGN
        ("ſam@contoso.com", "user_name_not_ascii"),
        ("ａｍｙ@contoso.com", "user_name_not_ascii"),
        ("a\u200bmy@contoso.com", "user_name_not_ascii"),
        ("\u202eyma@contoso.com", "user_name_not_ascii"),
        ("amy\0@contoso.com", "user_name_bad_character"),
        ("amy@cоntoso.com", "domain_unknown"),
        ("amy@contoso.com.evil.example", "domain_unknown"),
        ("amy@evil.example@contoso.com", "user_name_two_ats"),
        ("amy@contoso.com\r\nBcc: x", "domain_unknown"),
        ("a" * 65 + "@contoso.com", "user_name_too_long"),
    ],
)
def test_lookalike_user_name_is_reported(typed, code):
    line = row(user_name=typed)

    assert (line.state, [problem.code for problem in line.problems]) == ("failed", [code])


@pytest.mark.parametrize("hidden", ["\u202e", "\u2066", "\u200b", "\ufeff", "\x07", "\0", "\x9f"])
def test_invisible_characters_are_removed_with_warning(hidden):
    line = row(display_name=f"Amy{hidden} Parker")

    assert (line.state, line.input["display_name"]) == ("warned", "Amy Parker")
    assert [problem.code for problem in line.problems] == ["invisible_removed"]


@pytest.mark.parametrize(
    "mark",
    [codecs.BOM_UTF8, codecs.BOM_UTF8 * 2, codecs.BOM_UTF8 + b'"sep=,"\r\n'],
)
def test_marks_before_header_are_ignored(mark):
    assert plan(mark + (HEADER + "wang,Wang,\r\n").encode()).counts["ready"] == 1


@pytest.mark.parametrize(
    ("codec", "names"),
    [
        ("utf-8-sig", "王建国"), ("utf-16", "王建国"), ("utf-16-le", "王建国"),
        ("utf-16-be", "王建国"), ("utf-32", "王建国"), ("gb18030", "王建国 研发部"),
        ("big5", "陳怡君 財務部"), ("shift_jis", "鈴木さくら 営業部"), ("cp1250", "Łukasz Żak"),
        ("cp1251", "Иван Петров"), ("cp1252", "José Núñez"), ("cp1253", "Ελένη Νικολάου Γιώργος"),
        ("cp1254", "Ayşe Yılmaz Doğan"), ("cp1255", "דוד כהן"), ("cp1256", "محمد علي"),
        ("cp1257", "Jānis Bērziņš"),
    ],
)  # fmt: skip
def test_names_arrive_as_they_were_written(codec, names):
    text = HEADER + f"one,{names},\r\n" * 3

    assert {line.input["display_name"] for line in plan(text.encode(codec)).lines} == {names}


def test_undecodable_byte_is_refused_or_noticed():
    surrogate = HEADER.encode() + b"wang,A\xed\xa0\x80x,\r\n"

    refused = refusal(surrogate)

    assert refused or [one.code for one in parse_file(surrogate, "x").notices] == [
        "encoding_guessed"
    ]


@pytest.mark.parametrize("sign", ["\x0b", "\x0c", "\x1c", "\x85", "\u2028"])
def test_only_line_ends_end_a_line(sign):
    text = HEADER + f"wang,Wa{sign}ng,\r\nli,Li,\n" + "zhao,Zhao,\r" + "sun,Sun,"

    assert [line.line for line in plan(text).lines] == [2, 3, 4, 5]


def test_the_user_name_twice_and_columns_twice():
    made = plan("User name,User name,Display name\r\nwang,,Wang\r\n,wang,Wang\r\nwang,li,Li\r\n")

    assert [line.state for line in made.lines] == ["ready", "failed", "failed"]
    assert codes(made) == ["same_person", "user_name_repeated"]


ROWS = b"wang@contoso.com,Wang,\r\n"


@pytest.mark.parametrize(
    ("data", "refused"),
    [
        (HEADER.encode() + b"a,Amy," + b"x" * (1 << 20), ("cell_too_long", {"line": 2, "limit": 4096})),
        (HEADER.encode() + ROWS + b'b,"Bob,\r\n' + ROWS * 9, ("unclosed_quote", {"line": 3})),
        (HEADER.strip().encode() + b",x" * 62 + b"\r\n", ("too_many_columns", {"line": 1, "found": 65, "limit": 64})),
        (HEADER.encode() + ROWS * 100_001, ("too_many_rows", {"limit": 100_000})),
        (HEADER.encode(), ("no_rows", {})),
        (b"\0" * 5000, ("empty", {})),
        (HEADER.encode().replace(b",", b"\0"), None),
        (b"MZ\x90\0" + bytes(range(256)) * 9, None),
        (b"SQLite format 3\0" + bytes(range(256)), None),
        (b"GIF89a" + bytes(range(256)), None),
        (b"\x7fELF\2\1\1" + bytes(200), None),
        (b"+/v8-User name,Display name", None),
        (b"BEGIN:VCARD\r\nFN:Amy\r\nEND:VCARD\r\n", None),
        (b'{"users": [{"name": "amy"}]}', None),
        (b"dn: cn=amy,dc=contoso\r\ncn: amy\r\n", None),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(4096), ("old_excel", {})),
    ],
)  # fmt: skip
def test_other_file_types_are_refused_with_reason(data, refused):
    found = refusal(data)

    assert found == refused if refused else found is not None


def test_lines_without_people_count_as_lines():
    """Else a file of nobodies would be read to its end however long it is."""
    assert refusal(HEADER.encode() + b",,,y,z\r\n" * 150_000)[0] == "too_many_rows"
    assert plan(HEADER.encode() + b",,,,\r\n" * 500_000 + ROWS).counts["ready"] == 1


# Workbooks


def sheet_of(*cells, shared=(), before=b"", after=b"", parts=None):
    """A workbook with these cells as XML, and these shared texts."""
    xml = (
        f'<?xml version="1.0"?><worksheet xmlns="{MAIN}"><sheetData>'.encode()
        + b"".join(cells)
        + b"</sheetData></worksheet>"
    )
    texts = "".join(f"<si><t>{text}</t></si>" for text in shared)
    strings = f'<?xml version="1.0"?><sst xmlns="{MAIN}">'.encode() + before + texts.encode()
    strings += after + b"</sst>"
    changed = {"xl/worksheets/sheet1.xml": xml, "xl/sharedStrings.xml": strings} | (parts or {})
    base = workbook([["User name", "Display name"], ["wang", "Wang"]])
    return repack(base, lambda name, content: changed.get(name, content))


def cell(place, value, kind="s"):
    return f'<c r="{place}" t="{kind}"><v>{value}</v></c>'.encode()


HEAD = b'<row r="1">' + cell("A1", 0) + cell("B1", 1) + b"</row>"


def test_cells_are_read_as_spreadsheet_shows_them():
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True}) as book:
        sheet = book.add_worksheet("People")
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        sheet.write_row(0, 0, ["User name", "Display name", "Department", "Phone"])
        sheet.write_row(1, 0, [10001, "Wang", 3.0, 8613800138000])
        sheet.write_formula(2, 0, '=LOWER("LI")', None, "li")
        sheet.write_row(2, 1, ["Li"])
        sheet.write_formula(3, 0, '=WEBSERVICE("http://127.0.0.1:9/")', None, "zhao")
        sheet.merge_range(3, 1, 3, 2, "Zhao")
        sheet.write_row(4, 0, ["sun", "Sun"])
        sheet.write_datetime(4, 3, date(2026, 11, 22), day)
        sheet.write_number(5, 3, 60, day)
        sheet.write_row(5, 0, ["zhou", "Zhou"])
        sheet.write_row(6, 0, [True, "Wu"])
        sheet.write_row(7, 0, ["=1+1", "Zheng"])
        book.add_worksheet("Old").hide()

    made = plan(file.getvalue(), "people.xlsx")

    read = [(line.input["user_name"], line.input["display_name"]) for line in made.lines]
    assert read == [
        ("10001@contoso.com", "Wang"), ("li@contoso.com", "Li"), ("zhao@contoso.com", "Zhao"),
        ("sun@contoso.com", "Sun"), ("zhou@contoso.com", "Zhou"), ("true@contoso.com", "Wu"),
        # A formula without a value, as a program leaves it that cannot reckon.
        ("0@contoso.com", "Zheng"),
    ]  # fmt: skip
    assert made.lines[0].input["phone"] == "8613800138000"
    assert made.lines[0].input["department"] == "3"
    assert made.lines[3].input["phone"] == "2026-11-22"


def test_a_hidden_worksheet_is_not_read():
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True}) as book:
        book.add_worksheet("Notes").write(0, 0, "Nothing")
        hidden = book.add_worksheet("People")
        hidden.write_row(0, 0, ["User name", "Display name"])
        hidden.write_row(1, 0, ["wang", "Wang"])
        hidden.hide()

    assert refusal(file.getvalue())[0] == "no_header"


def test_nothing_is_fetched_for_a_workbook(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("TOP SECRET")
    doctype = f'<!DOCTYPE x [<!ENTITY x SYSTEM "file://{secret}">]>'.encode()
    xml = (
        b'<?xml version="1.0"?>' + doctype + f'<worksheet xmlns="{MAIN}"><sheetData>'.encode()
        + HEAD + b'<row r="2"><c r="A2" t="inlineStr"><is><t>wang&x;</t></is></c></row>'
        + b"</sheetData></worksheet>"
    )  # fmt: skip
    links = b'<Relationships><Relationship Id="rId9" Type="x/externalLink" Target="file:///etc/passwd" TargetMode="External"/></Relationships>'
    data = sheet_of(
        shared=["User name", "Display name"],
        parts={"xl/worksheets/sheet1.xml": xml, "xl/worksheets/_rels/sheet1.xml.rels": links},
    )

    refused = refusal(data)

    if refused is None:
        assert "SECRET" not in repr(parse_file(data, "people.xlsx"))


@pytest.mark.parametrize(
    "name", ["../../etc/cron.d/x", "/etc/passwd", "xl/../../x", "C:\\x", "a\0b"]
)
def test_a_path_out_of_the_package_writes_nothing(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = io.BytesIO(workbook([["User name", "Display name"], ["wang", "Wang"]]))
    with zipfile.ZipFile(file, "a") as package:
        package.writestr(name, "x")

    assert refusal(file.getvalue()) is None
    assert list(tmp_path.iterdir()) == []


def test_packages_of_other_kinds_are_named():
    base = workbook([["User name", "Display name"], ["wang", "Wang"]])
    binary = io.BytesIO()
    with zipfile.ZipFile(binary, "w") as package:
        package.writestr("xl/workbook.bin", b"\x83\x01\x00")
        package.writestr("[Content_Types].xml", "")
    ods = io.BytesIO()
    with zipfile.ZipFile(ods, "w") as package:
        package.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
    locked = bytearray(base)
    for match in re.finditer(b"PK\x01\x02", base):
        locked[match.start() + 8] |= 1

    assert refusal(binary.getvalue())[0] == "binary_excel"
    assert refusal(ods.getvalue()) == ("not_a_table", {"kind": "ZIP"})
    assert refusal(bytes(locked))[0] == "encrypted"
    assert refusal(base[:-30])[0] == "damaged"
    assert refusal(b"PK\3\4" + struct.pack("<H", 20) * 60)[0] == "damaged"


def letters(number):
    # Not so regular that its packing gives it away.
    return "".join(random.Random(1).choices("abcdefghijklmnopqrstuvwxyz0123456789", k=number))


LONG = letters(20_000)
TWENTY = b"".join(b'<row r="%d">' % n + cell(f"A{n}", 2) + b"</row>" for n in range(2, 12_000))


@pytest.mark.parametrize(
    "data",
    [
        lambda: sheet_of(HEAD, TWENTY, shared=["User name", "Display name", LONG]),
        # Cut into short ones, as it seems.
        lambda: sheet_of(
            HEAD, TWENTY, shared=["User name", "Display name", "<!--<si>-->".join([LONG[:500]] * 40)]
        ),
        lambda: sheet_of(
            HEAD, TWENTY,
            shared=["User name", "Display name", "</t><t x='<si>'>".join([LONG[:500]] * 40)],
        ),
        lambda: sheet_of(
            HEAD, TWENTY, shared=["User name", "Display name", "<![CDATA[<si>]]>".join([LONG[:500]] * 40)]
        ),
        lambda: sheet_of(
            HEAD, TWENTY, shared=["User name", "Display name", LONG], before=b'<a b="<si"/>'
        ),
        # Cells in another spelling.
        lambda: sheet_of(
            HEAD, TWENTY.replace(b"<v>2", b"<v ><!-- -->2"), shared=["User name", "Display name", LONG]
        ),
        lambda: sheet_of(
            HEAD, TWENTY.replace(b"<v>2</v>", b"<!--<v>0</v></c>--><v>2</v>"),
            shared=["User name", "Display name", LONG],
        ),
        lambda: sheet_of(
            HEAD, TWENTY.replace(b"<v>", b"<v>&#48;&#48;"), shared=["User name", "Display name", LONG]
        ),
    ],
)  # fmt: skip
def test_shared_text_in_every_cell_is_refused(data):
    """240 MB of texts in 40 kB: each cell that shows a shared text gets a copy."""
    assert refusal(data()) == ("unpacks_too_big", {})


def test_one_long_text_is_accepted():
    cells = b"".join(
        b'<row r="%d">' % n + cell(f"A{n}", 3) + b'<c r="B%d" s="0"/></row>' % n
        for n in range(3, 20_000)
    )
    second = b'<row r="2">' + cell("A2", 3) + cell("C2", 2) + b"</row>"
    data = sheet_of(HEAD, second, cells, shared=["User name", "Display name", LONG[:4000], "wang"])

    assert len(parse_file(data, "people.xlsx").rows) == 19_998


BOMBS = {
    "four hundred to one": "sheet_of(HEAD, b' ' * 80_000_000)",
    "a shared text": "sheet_of(HEAD, TWENTY, shared=['User name', 'Display name', LONG])",
    "entities": "sheet_of(HEAD, parts={'xl/worksheets/sheet1.xml': LAUGHS})",
    "a cell far out": "sheet_of(HEAD, b'<row r=\"1048576\">' + cell('XFD1048576', 0) + b'</row>')",
    "fifty megabytes of rows": "HEADER.encode() + ROWS * 2_100_000",
    "fifty megabytes in a line": "HEADER.encode() + b'x' * 52_000_000",
    "fifty megabytes of separators": "HEADER.encode() + b',' * 52_000_000",
    "fifty megabytes of zeros": "bytes(52_000_000)",
    "fifty megabytes of quotation marks": "HEADER.encode() + b'\"' * 52_000_000",
    "more than fifty megabytes": "HEADER.encode() + ROWS * 2_300_000",
}
LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "' + b"ha" * 500 + b'">'
    + b"".join(
        f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">'.encode() for n in range(9)
    )
    + b"]><worksheet><sheetData><row r='1'><c r='A1' t='inlineStr'><is><t>&j;</t></is></c></row>"
    + b"</sheetData></worksheet>"
)  # fmt: skip

CHILD = """
import json, resource, sys
import django
django.setup()
from imports.read.table import UnreadableFile
from tests.imports.test_corpus import *

def resident(name):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(name))

data = eval(sys.argv[1])
try:
    parse_file(workbook([["User name", "Display name"], ["wang", "Wang"]]), "warm.xlsx")
    with open("/proc/self/clear_refs", "w") as highest:
        highest.write("5")
    before, clock = resident("VmRSS"), resource.getrusage(resource.RUSAGE_SELF)
    parse_file(data, "people")
    code = "read"
except UnreadableFile as error:
    code = error.code
after = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps([code, resident("VmHWM") - before, after.ru_utime - clock.ru_utime]))
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux tells")
@pytest.mark.parametrize("bomb", BOMBS)
def test_zip_bomb_is_refused_without_unpacking(bomb):
    """Measured in a process of its own: above the file's own bytes less than 50 MB are taken."""
    run = subprocess.run(
        [sys.executable, "-c", CHILD, BOMBS[bomb]], capture_output=True, text=True, check=False
    )

    assert run.returncode == 0, run.stderr
    code, kilobytes, seconds = json.loads(run.stdout)
    print(f"{bomb}: {code}, {kilobytes / 1024:.0f} MB, {seconds:.2f} s")
    assert code not in ("read", "damaged") or bomb == "entities"
    # Fifty are promised; without the look at the bytes it would be nearly that.
    assert kilobytes < 40 * 1024
