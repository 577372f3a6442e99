import io
import zlib

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from imports.read.table import Parsed, parse_file
from spreadsheets import csv_writer
from spreadsheets.errors import UnreadableFile
from tests.imports.samples import refusal


def read(text, **options):
    return parse_file(text.encode() if isinstance(text, str) else text, "people.csv", **options)


def table(parsed):
    return [(row.line, row.values) for row in parsed.rows]


AMY = {"display_name": "Amy", "user_name": "amy@contoso.com"}
BOB = {"display_name": "Bob", "user_name": "bob@contoso.com"}


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
def test_every_delimiter_and_line_end_is_read(delimiter, end):
    text = end.join(["Display name,Email", "Amy,amy@contoso.com", "Bob,bob@contoso.com", ""])

    parsed = read(text.replace(",", delimiter))

    assert parsed.detected.delimiter == delimiter
    assert table(parsed) == [(2, AMY), (3, BOB)]


def test_line_ends_may_be_mixed():
    text = "Display name,Email\rAmy,amy@contoso.com\r\nBob,bob@contoso.com\n"

    assert table(read(text)) == [(2, AMY), (3, BOB)]


def test_lines_are_counted_as_an_editor_counts_them():
    text = 'Display name,Email,Department\n"Amy\nParker",amy@contoso.com,"R\n\n&D"\n\n , ,\nBob,bob@contoso.com,\n'

    parsed = read(text)

    assert [row.line for row in parsed.rows] == [2, 8]
    assert parsed.rows[0].values["display_name"] == "Amy\nParker"


def test_quoted_delimiter_is_text():
    text = 'Name;Email\n"Parker; Amy";amy@contoso.com\n'

    assert read(text).rows[0].values["display_name"] == "Parker; Amy"


def test_excels_hint_of_the_delimiter_is_followed():
    parsed = read("sep=;\r\nDisplay name;Email\r\nAmy;amy@contoso.com\r\n")

    assert parsed.detected.delimiter == ";"
    assert table(parsed) == [(3, AMY)]
    assert parsed.notices == ()


def test_a_chosen_delimiter_is_used():
    assert table(read("Display name|Email\nAmy|amy@contoso.com", delimiter="|")) == [(2, AMY)]
    assert refusal(b"Name|Email\n", delimiter="x")[0] == "delimiter_not_offered"
    assert refusal(b"Name|Email\nAmy|a", delimiter=";")[0] == "no_header"


def test_a_quote_behind_a_blank_is_a_quote():
    assert read('Name, Email\n"Parker, Amy", "amy@contoso.com"').rows[0].values == {
        "display_name": "Parker, Amy",
        "user_name": "amy@contoso.com",
    }


def test_a_nickname_in_quotes_is_no_error():
    assert (
        read('Name,Email\n"Tom" Smith,tom@contoso.com\n').rows[0].values["display_name"]
        == "Tom Smith"
    )


def test_a_single_column_is_enough():
    assert read("Email\namy@contoso.com\n").rows[0].values == {"user_name": "amy@contoso.com"}


def test_text_above_header_is_skipped_with_notice():
    parsed = read("Northwind staff, autumn\n\nDisplay name,Email\nAmy,amy@contoso.com\n")

    assert table(parsed) == [(4, AMY)]
    assert [(notice.code, notice.line) for notice in parsed.notices] == [("lines_before_header", 3)]


def test_short_row_is_padded_and_long_row_marked():
    parsed = read(
        "Name,Email,Department\nAmy,amy@contoso.com\nParker, Amy,amy@contoso.com,x\nBob,b@c,x, ,\n"
    )

    assert [row.extra for row in parsed.rows] == [False, True, False]
    assert parsed.rows[0].values["department"] == ""


def test_a_file_may_be_read_from_a_stream():
    assert table(parse_file(io.BytesIO(b"Display name,Email\nAmy,amy@contoso.com"), "x")) == [
        (2, AMY)
    ]


HEADERS = {
    "partner_center": "First name,Last name,Display name,Email,Status update",
    "microsoft_365": "Username,First name,Last name,Display name,Job title,Department,Office number,"
    "Office phone,Mobile phone,Fax,Alternate email address,Address,City,State or province,"
    "ZIP or postal code,Country or region",
    "entra": "Name [displayName] Required,User name [userPrincipalName] Required,"
    "Initial password [passwordProfile] Required,Block sign in (Yes/No) [accountEnabled] Required,"
    "First name [givenName],Last name [surname]",
    "google": "First Name [Required],Last Name [Required],Email Address [Required],"
    "Password [Required],Password Hash Function [UPLOAD ONLY],Org Unit Path [Required],"
    "Recovery Email,Work Phone,Employee Title,Department",
    "portal": "User name,Last name,First name,Display name,Usage location,Licenses,Permissions,"
    "Job title,Contact address",
    # Of no system for certain.
    "list": "User name,Display name,Licenses",
}


@pytest.mark.parametrize(("source", "header"), HEADERS.items())
def test_files_for_other_systems_are_known(source, header):
    parsed = read(f"{header}\n{','.join('x' for _ in header.split(','))}\n")

    assert parsed.detected.source == (source if source != "list" else "")
    assert "user_name" in parsed.rows[0].values
    assert not any(notice.code == "column_unknown" for notice in parsed.notices)


def test_entra_file_is_imported_unchanged():
    text = (
        "version:v1.0\n"
        + HEADERS["entra"]
        + "\nExample: Chris Green,chris@contoso.com,myPassword1234,No,Chris,Green\n"
        + "Amy Parker,amy@contoso.com,secret,No,Amy,Parker\n"
    )

    parsed = read(text)

    assert table(parsed) == [
        (
            4,
            {
                "display_name": "Amy Parker",
                "user_name": "amy@contoso.com",
                "first_name": "Amy",
                "last_name": "Parker",
                "sign_in_blocked": "No",
            },
        )
    ]
    assert {notice.code for notice in parsed.notices} == {"example_skipped", "password_ignored"}


def test_microsoft_365_file_falls_back_to_second_phone():
    header = HEADERS["microsoft_365"].split(",")
    cells = {"Username": "amy@contoso.com", "Mobile phone": "555", "Country or region": "China"}
    other = cells | {"Office phone": "444"}
    lines = [",".join(row.get(name, "") for name in header) for row in (cells, other)]

    parsed = read("\n".join([",".join(header), *lines]))

    assert [row.values["phone"] for row in parsed.rows] == ["555", "444"]
    assert parsed.rows[0].values["location"] == "China"
    assert ("column_repeated", "Mobile phone") in [(one.code, one.value) for one in parsed.notices]


@pytest.mark.parametrize(
    ("header", "language", "fields"),
    [
        ("姓,名,显示名称,用户名,域", "zh-hans", "last_name first_name display_name user_name domain"),
        ("使用位置,许可证,权限,用户名", "zh-hans", "location products permissions user_name"),
        ("用户名,部门,职务,电话,联系邮箱,语言", "zh-hans",
         "user_name department job_title phone contact_email language"),
        ("用户名,名字,姓氏,显示名称,移动电话,备用电子邮件地址,国家或地区", "zh-hans",
         "user_name first_name last_name display_name phone contact_email location"),
        ("使用者名稱,顯示名稱,授權,電話", "zh-hant", "user_name display_name products phone"),
        ("氏名,メールアドレス,部署", "ja", "display_name user_name department"),
        ("USER_NAME;first-name;Last  Name*", "en", "user_name first_name last_name"),
        ("user_name,display_name,contact_email", "en", "user_name display_name contact_email"),
        ("Ｕｓｅｒ　ｎａｍｅ,Name", "en", "user_name display_name"),
        ("User name (required),Display name [Required]", "en", "user_name display_name"),
        ("User name,Email,Name", "en", "user_name contact_email display_name"),
    ],
)  # fmt: skip
def test_headers_are_known_by_their_usual_names(header, language, fields):
    detected = read(f"{header}\nx\n").detected

    assert detected.language == language
    assert [column.field for column in detected.columns] == fields.split()


def test_unknown_column_is_notice():
    parsed = read("Name,Email,Shoe size,\nAmy,amy@contoso.com,38,\n")

    assert [(one.code, one.value, one.severity) for one in parsed.notices] == [
        ("column_unknown", "Shoe size", "notice")
    ]
    assert [column.field for column in parsed.detected.columns] == [
        "display_name",
        "user_name",
        "",
        "",
    ]


def test_a_password_column_is_ignored_with_a_notice():
    parsed = read("Name,Email,Password\nAmy,amy@contoso.com,hunter2\n")

    assert [notice.code for notice in parsed.notices] == ["password_ignored"]
    assert "hunter2" not in repr(parsed)


def test_columns_of_result_file_are_ignored():
    parsed = read("Line,Name,Email,Error\n7,Amy,amy@contoso.com,There is no user name.\n")

    assert parsed.notices == ()
    assert set(parsed.rows[0].values) == {"display_name", "user_name"}


@pytest.mark.parametrize(
    ("data", "code", "params"),
    [
        (b"", "empty", {}),
        (b"\xef\xbb\xbf", "empty", {}),
        (b" \r\n,,\r\n", "empty", {}),
        (b"Name,Email\r\n", "no_rows", {}),
        (b"Name,Email\r\n,\r\n", "no_rows", {}),
        (b"Amy,Parker\namy,bob\n", "no_header", {"line": 1, "found": "Amy,Parker"}),
        (b"\n\nShoe,Size\n1,2", "no_header", {"line": 3, "found": "Shoe,Size"}),
        (b'Name,Email\n"Amy,amy@contoso.com\nBob,b@contoso.com\n', "unclosed_quote", {"line": 2}),
        (b'Name,Email\nAmy,a@b\n\n"Bob,b\n"Cid",c\n', "unclosed_quote", {"line": 4}),
        (b'Name,Email\nAmy,"a', "unclosed_quote", {"line": 2}),
        (b'Name,Email\nAmy,"' + b"x\n" * 70000, "unclosed_quote", {"line": 2}),
        (b"Name,Email\nAmy," + b"x" * 4097, "cell_too_long", {"line": 2, "limit": 4096}),
        (b"Name,Email\nAmy," + b"x" * 200_000, "cell_too_long", {"line": 2, "limit": 4096}),
        (b'Name,Email\nAmy,"' + b"x\n" * 4000 + b'"', "cell_too_long", {"line": 2, "limit": 4096}),
        (b"Name,Email" + b",x" * 63 + b"\nAmy", "too_many_columns", {"line": 1, "found": 65, "limit": 64}),
        (b"Name,Email\nAmy" + b"," * 300_000, "too_many_columns", {"line": 2, "found": 300_001, "limit": 64}),
        (b"Name,Email\n" + b"a,b\n" * 100_001, "too_many_rows", {"limit": 100_000}),
        (b"\n" * 2_000_001, "empty", {}),
        (b"Name,Email" + b"\n" * 2_000_001, "too_many_rows", {"limit": 100_000}),
        (b"x" * (50 * 1024 * 1024 + 1), "too_big", {"limit": 50}),
        (b"%PDF-1.7 ...", "not_a_table", {"kind": "PDF"}),
        (b"<html><table>", "not_a_table", {"kind": "HTML"}),
        (b"\xef\xbb\xbf  <?xml version='1.0'?>", "not_a_table", {"kind": "XML"}),
        (b"PK\x05\x06" + b"\0" * 18, "not_a_table", {"kind": "ZIP"}),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "old_excel", {}),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"),
            "encrypted",
            {},
        ),
        (b"Name,Email\n" + bytes(range(128, 256)) * 10, "unknown_encoding", {}),
    ],
)  # fmt: skip
def test_unreadable_file_is_refused_with_reason(data, code, params):
    assert refusal(data) == (code, params)


def test_a_stream_is_not_read_beyond_the_limit():
    class Endless(io.RawIOBase):
        given = 0

        def read(self, size=-1):
            self.given += size
            return b"x" * size

    stream = Endless()

    with pytest.raises(UnreadableFile):
        parse_file(stream, "x")
    assert stream.given <= 50 * 1024 * 1024 + 1


@pytest.mark.parametrize(
    "name",
    [
        "=cmd|' /C calc'!A0",
        "+1",
        "-1",
        "@SUM(A1)",
        "\uff1dSUM(A1)",
        "'=x",
        "''+y",
        "a;=b",
        "O'Brien",
        "'quoted'",
        "a; 'b",
    ],
)
def test_neutralized_cell_is_restored(name):
    data = b"".join(csv_writer.write_csv([["Name", "Email"], [name, "amy@contoso.com"]]))

    assert read(data).rows[0].values["display_name"] == name


CELL = st.text(st.characters(exclude_categories=["Cs"]), max_size=40).map(str.strip)


@given(st.lists(st.tuples(CELL, CELL), min_size=1, max_size=20))
@example([("'=x", "; '=y"), ('"', ","), ("\r\n", "\x0b")])
@settings(deadline=None)
def test_what_is_exported_is_read_back(people):
    rows = [("a" + name, "b" + mail) for name, mail in people] + people
    data = b"".join(csv_writer.write_csv([("Display name", "User name"), *rows]))

    parsed = read(data)

    def kept(cell):
        return (
            csv_writer.neutralize(cell) and csv_writer.restore(csv_writer.neutralize(cell)).strip()
        )

    expected = [{"display_name": kept(name), "user_name": kept(mail)} for name, mail in rows]
    assert [row.values for row in parsed.rows] == [row for row in expected if any(row.values())]


def rows_or_refusal(data):
    if refusal(data):
        return
    parsed = parse_file(data, "people.csv")
    assert isinstance(parsed, Parsed)
    assert parsed.rows
    assert all(row.line >= 1 for row in parsed.rows)


@given(st.binary(max_size=400))
@settings(max_examples=300, deadline=None)
def test_any_bytes_give_rows_or_a_refusal(data):
    rows_or_refusal(data)


@given(
    st.binary(max_size=200),
    st.sampled_from(["utf-8", "utf-16", "gb18030", "big5", "shift_jis", "cp1252"]),
)
@settings(max_examples=300, deadline=None)
def test_random_bytes_give_rows_or_refusal(data, encoding):
    rows_or_refusal("User name,Display name\r\n".encode(encoding) + data)


@given(st.text(st.sampled_from("\",;\t|\r\n \0'=ab@王\ufeff\u202e"), max_size=200))
@settings(max_examples=300, deadline=None)
def test_random_text_gives_rows_or_refusal(text):
    rows_or_refusal(f"User name,Display name\r\n{text}".encode())


@given(st.binary(max_size=300))
@settings(max_examples=100, deadline=None)
def test_anything_that_begins_like_a_workbook_is_refused(data):
    assert refusal(b"PK\x03\x04" + data) is not None


def test_packed_rubbish_is_no_table():
    assert refusal(b"\x1f\x8b" + zlib.compress(b"Name,Email\n"))[0] == "not_a_table"


def test_hundred_thousand_rows_keep_row_numbers():
    text = "Display name,User name\n" + "".join(f"P {n},u{n}@contoso.com\n" for n in range(100_000))

    rows = read(text).rows

    assert len(rows) == 100_000
    assert (rows[-1].line, rows[-1].values["user_name"]) == (100_001, "u99999@contoso.com")
