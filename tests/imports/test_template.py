import io
import zipfile

import pytest

from imports.check.rows import validate
from imports.read.table import parse_file
from imports.write.template import template
from tests.imports.samples import FACTS
from users.rules.facts import Defaults


@pytest.mark.parametrize("format", ["csv", "xlsx"])
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_template_imports_unchanged(language, format):
    data = template(language, "contoso.com", ["Visio Plan 2", "Office 365 E3"], format)

    parsed = parse_file(data, f"template.{format}")
    people, problems = validate(parsed.rows, FACTS, Defaults())

    assert parsed.notices == ()
    assert parsed.detected.language == language
    assert parsed.detected.source == "portal"
    # Amy Parker is there already; that is a problem of these facts, not of the template.
    assert [one.code for one in problems] in ([], ["user_name_exists"])
    assert len(people) == 2
    assert all(person.input["user_name"].endswith("@contoso.com") for person in people)
    assert people[0].input["products"] == [{"subscription": "sub-visio", "disabled_plans": []}]
    assert people[1].input["products"] == []
    assert people[0].input["phone"].startswith("+")


def test_the_csv_template_opens_in_excel():
    data = template("zh-Hans", "contoso.com")

    assert data.startswith(b"\xef\xbb\xbf")
    header = data.decode("utf-8-sig").splitlines()[0]
    assert header.startswith('"用户名","姓","名","显示名称"')
    assert "\"'+86" in data.decode()


def test_the_workbook_has_lists_to_choose_from():
    data = template("en", "contoso.com", ["Office 365 E3", "A, with a comma"], "xlsx")

    with zipfile.ZipFile(io.BytesIO(data)) as package:
        sheet = package.read("xl/worksheets/sheet1.xml").decode()
    assert sheet.count("<dataValidation ") == 4
    assert "Office 365 E3" in sheet
    assert "with a comma" not in sheet


def test_many_products_make_no_list():
    data = template("en", "contoso.com", [f"Product {n}" for n in range(100)], "xlsx")

    assert len(parse_file(data, "x").rows) == 2
