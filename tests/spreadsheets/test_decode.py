import codecs

import pytest
from django.utils import translation

from imports.read.table import parse_file
from spreadsheets.decode import ENCODINGS
from tests.imports.samples import refusal
from users.rules.problems import describe

CHINESE = (
    "姓名,用户名,部门\r\n王芳,wang.fang@contoso.com,研发部\r\n李娜,li.na@contoso.com,财务部\r\n"
)
TAIWAN = (
    "姓名,使用者名稱,部門\r\n陳怡君,yichun@contoso.com,財務部\r\n林志明,lin@contoso.com,業務部\r\n"
)
JAPAN = "氏名,メールアドレス,部署\r\n佐藤健,sato@contoso.com,営業部\r\n鈴木さくら,suzuki@contoso.com,総務\r\n"
ENGLISH = "Name,Email\r\n{}\r\n"


def read(data, **options):
    return parse_file(data, "people.csv", **options)


def first_names(parsed):
    return [row.values["display_name"] for row in parsed.rows]


@pytest.mark.parametrize(
    ("text", "codec", "encoding"),
    [
        (CHINESE, "utf-8", "utf-8"),
        (CHINESE, "utf-8-sig", "utf-8"),
        (CHINESE, "utf-16", "utf-16"),
        (CHINESE, "utf-16-le", "utf-16"),
        (CHINESE, "utf-16-be", "utf-16"),
        (CHINESE, "utf-32", "utf-32"),
        (CHINESE, "gb18030", "gb18030"),
        (CHINESE, "gbk", "gb18030"),
        (TAIWAN, "big5", "big5"),
        (TAIWAN, "cp950", "big5"),
        (JAPAN, "shift_jis", "shift_jis"),
        (JAPAN, "cp932", "shift_jis"),
    ],
)
def test_the_encoding_is_found_out(text, codec, encoding):
    parsed = read(text.encode(codec))

    assert parsed.detected.encoding == encoding
    assert first_names(parsed) == [line.split(",")[0] for line in text.splitlines()[1:]]


@pytest.mark.parametrize(
    ("people", "encoding"),
    [
        ("王芳 李娜 张伟", "gb18030"),
        ("陳怡君 林志明 黃淑芬", "big5"),
        ("佐藤健 鈴木花子 山本ヒロシ", "shift_jis"),
        ("José,François,Jürgen,Åsa,Søren", "cp1252"),
        ("Łukasz Wiśniewski,Zdeněk Dvořák,Gábor Szűcs", "cp1250"),
        ("Иван Петров,Мария Кузнецова", "cp1251"),
        ("Γιώργος Παπαδόπουλος,Ελένη Νικολάου", "cp1253"),
        ("Ayşe Yılmaz,Doğan Işık", "cp1254"),
        ("דוד כהן,משה לוי", "cp1255"),
        ("محمد علي,فاطمة حسن", "cp1256"),
        ("Jānis Bērziņš,Ģirts Ķēniņš", "cp1257"),
    ],
)
def test_names_decide_encoding_below_english_header(people, encoding):
    people = (
        people.replace(" ", ",").split(",")
        if encoding in ("gb18030", "big5", "shift_jis")
        else people.split(",")
    )
    lines = "\r\n".join(f"{name},u{place}@contoso.com" for place, name in enumerate(people))

    parsed = read(ENGLISH.format(lines).encode(encoding))

    assert parsed.detected.encoding == encoding
    assert first_names(parsed) == people


def test_guessed_encoding_is_reported():
    notices = [notice.code for notice in read(CHINESE.encode("gbk")).notices]

    assert notices == ["encoding_guessed"]
    assert read(CHINESE.encode()).notices == ()


def test_guessed_encoding_is_in_language_of_reader():
    (notice,) = read(CHINESE.encode("gbk")).notices

    with translation.override("zh-hans"):
        assert "简体中文" in describe(notice)


def test_the_mark_of_gb18030_is_known():
    assert (
        read("\ufeff".encode("gb18030") + CHINESE.encode("gb18030")).detected.encoding == "gb18030"
    )


def test_the_chosen_encoding_is_used():
    assert first_names(
        read("Name,Email\r\n김민준,kim@contoso.com".encode("cp949"), encoding="cp949")
    ) == ["김민준"]


@pytest.mark.parametrize("encoding", [value for value, _ in ENCODINGS])
def test_every_encoding_that_is_offered_is_read(encoding):
    data = "Name,Email\r\nAmy,amy@contoso.com\r\n".encode(encoding)

    assert first_names(read(data, encoding=encoding)) == ["Amy"]


def test_wrong_encoding_is_refused_with_line():
    data = b"Name,Email\r\nAmy,amy@contoso.com\r\nJos\xe9,jose@contoso.com\r\n"

    assert refusal(data, encoding="utf-8") == ("wrong_encoding", {"encoding": "UTF-8", "line": 3})


@pytest.mark.parametrize("encoding", ["utf-7", "idna", "zip_codec", "nonsense", "rot13"])
def test_an_encoding_that_is_not_offered_is_refused(encoding):
    assert refusal(b"Name,Email\n", encoding=encoding)[0] == "encoding_not_offered"


def test_broken_byte_in_utf_8_is_refused():
    lines = [f"王芳{number},u{number}@contoso.com" for number in range(50)]
    data = "\n".join(["Name,Email", *lines]).encode()
    broken = data.replace("王芳30".encode(), b"\xe7\x8e30")

    assert refusal(broken) == ("wrong_encoding", {"encoding": "UTF-8", "line": 32})


def test_truncated_utf_16_file_is_refused():
    assert refusal(CHINESE.encode("utf-16")[:-1])[0] == "wrong_encoding"


def test_a_lone_surrogate_is_refused():
    data = (
        codecs.BOM_UTF16_LE
        + "Name,Email\nA".encode("utf-16-le")
        + b"\x00\xd8"
        + "x,a@b".encode("utf-16-le")
    )

    assert refusal(data)[0] == "wrong_encoding"


def test_character_at_edge_of_sample_is_ignored():
    lines = "\n".join(f"王芳{'x' * (number % 7)},u{number}@contoso.com" for number in range(8000))
    parsed = read(f"Name,Email\n{lines}".encode("gbk"))

    assert parsed.detected.encoding == "gb18030"
    assert len(parsed.rows) == 8000


PLAIN = "User name,Display name\r\n" + "amy@contoso.com,Amy Parker\r\n" * 5000


@pytest.mark.parametrize(
    ("names", "encoding"),
    [
        ("José Núñez", "cp1252"),
        ("Łukasz Wiśniewski Zażółć", "cp1250"),
        ("Иван Петров", "cp1251"),
        ("王芳 研发部 张伟", "gb18030"),
    ],
)
def test_first_foreign_letter_may_come_late(names, encoding):
    parsed = read(PLAIN.encode() + f"last@contoso.com,{names}\r\n".encode(encoding))

    assert parsed.detected.encoding == encoding
    assert parsed.rows[-1].values["display_name"] == names


def test_late_broken_byte_is_refused_with_line():
    chinese = "wang@contoso.com,王芳研发部\r\n" * 50

    broken = PLAIN.encode() + b"x,\xe7\x8e\r\n" + chinese.encode()
    cut = "姓名,用户名\r\n".encode("gbk") + "王芳,wang\r\n".encode("gbk") * 9000 + b"\xff\xff\r\n"
    wide = codecs.BOM_UTF16_LE + "Name,Email\r\n上上,a\r\n".encode("utf-16-le") + b"\x00\xd8x\x00"

    assert refusal(broken) == ("wrong_encoding", {"encoding": "UTF-8", "line": 5002})
    assert refusal(cut)[0] == "wrong_encoding"
    assert refusal(cut)[1]["line"] == 9002
    assert refusal(wide) == ("wrong_encoding", {"encoding": "UTF-16", "line": 3})
