import pytest

from spreadsheets.number_format import plain_text, read_format


@pytest.mark.parametrize(
    ("code", "value", "shown"),
    [
        ("00000", 123, "00123"),
        ("0000000000", 555010001.0, "0555010001"),
        ("0000-000", 1234567, "1234-567"),
        (r"000\-00\-0000", 12345678, "012-34-5678"),
        ("00 00 00 00 00", 612345678, "06 12 34 56 78"),
        ('"+"0', 495550100012, "+495550100012"),
        (r"\+0", 4.0, "+4"),
        ('"E"0000', 17, "E0017"),
        ('0" kg"', 5, "5 kg"),
        ("[Red]0000", 7, "0007"),
        ("000000;@", 5, "000005"),
        ("00000", -12, "-00012"),
        ("00000;(00000)", -12, "(00012)"),
        ("00000", 12.6, "00013"),
        ("###-####", 5551234, "555-1234"),
        (r"[<=9999999]###\-####;\(###\)\ ###\-####", 5551234567, "(555) 123-4567"),
        (r"[<=9999999]###\-####;\(###\)\ ###\-####", 5551234, "555-1234"),
        ('_-* #,##0_-;-* #,##0_-;_-* "-"_-;_-@_-', 0, "-"),
        ("0%", 0.5, "50%"),
        ("0.00%", 0.125, "12.5%"),
        ('"ID-"@', "abc", "ID-abc"),
        ('@"@contoso.com"', "amy", "amy@contoso.com"),
        ("00000;00000;00000;@", "00x", None),
    ],
)
def test_a_value_is_shown_by_its_format(code, value, shown):
    assert read_format(200, code, is_1904=False).show(value) == shown


@pytest.mark.parametrize(
    "code",
    [
        "General", "@", "0", "0.00", "#,##0", "#,##0.00", "$#,##0", "[$€-407] 0", "0.00E+00",
        "# ?/?", ";;;", "yyyy-mm-dd", "dd.mm.yyyy", "[h]:mm", 'yyyy"年"m"月"d"日"', "00:00:00 AM/PM",
        "", '"', "[", "_", "0" * 300,
    ],
)  # fmt: skip
def test_amounts_and_dates_stay_plain(code):
    assert read_format(200, code, is_1904=False) is None


@pytest.mark.parametrize(("is_1904", "shown"), [(False, "2026-11-22"), (True, "2030-11-23")])
def test_east_asian_dates_are_dates(is_1904, shown):
    assert read_format(31, "", is_1904=is_1904).show(46348.0) == shown


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.1 + 0.2, "0.3"), (13800138000.0, "13800138000"), (1.5, "1.5"), (1e22, "1e+22")],
)
def test_a_plain_number_has_fifteen_digits(value, text):
    assert plain_text(value) == text
