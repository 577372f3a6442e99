"""
Properties of every file: it is read or refused, and every problem has a sentence.

Of a failure hypothesis prints the file and a line that repeats it; in CI the files are always
the same.
"""

import csv
import io
import json
import os
import re
import zipfile

import pytest
from django.utils import translation
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from customers.locations import LOCATIONS
from imports.check.plan import make_plan
from imports.check.rows import find_lookups, validate
from imports.read.columns import template_names
from imports.read.table import Parsed, Row, parse_file
from imports.write import rows as export
from imports.write.template import template
from licensing.rules import SubscriptionFacts
from partners.names import has_invisible
from spreadsheets import csv_writer
from spreadsheets.csv_reader import DELIMITERS
from spreadsheets.decode import ENCODINGS
from spreadsheets.errors import UnreadableFile
from spreadsheets.xlsx_writer import write_xlsx
from tests.imports.samples import is_user_name, repack, workbook
from users.models import UserPermission
from users.rules import vocabulary
from users.rules.facts import Defaults, Facts
from users.rules.person import LIMITS
from users.rules.problems import ERROR, Problem, describe, leaves_out


def examples(number):
    """A number of examples without a deadline, as the machine may be busy."""
    return settings(
        max_examples=number,
        deadline=None,
        derandomize="CI" in os.environ,
        print_blob=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


TRIGGERS = tuple("=+-@\t\r\n\0＝＋－＠")
SEPARATORS = [value for value, _label in DELIMITERS]

# What stands in cells of honest files, of careless ones and of hostile ones.
NASTY = [
    "", " ", "amy", "amy@contoso.com", "Amy Parker", "王建国", "José Núñez", "contoso.com", "CN",
    "China", "Atlantis", "Office 365 E3", "O365-E3; Visio Plan 2", "Toaster", "User administrator",
    "Emperor", "global_administrator", "en", "zh-Hans", "Klingon", "1.38E+10", "+86 10 5555",
    "=1+1", "'=1+1", "=cmd|' /C calc'!A0", "@SUM(A1)", "-1", "＝1", "a;=b", "a\t=b",
    "O'Brien", "'; DROP TABLE users_customeruser; --", "<script>alert(1)</script>", "{{ 7*7 }}",
    "{% debug %}", "%(name)s", "%s%n", "${jndi:x}", "../../etc/passwd", "a\0b", "\0", "\ufeff",
    "\u202eexe.yma", "a\u200bb", "\u212aelvin", "аmy", "ａｍｙ", "İstanbul", "ß", "\U0001f600",
    "e\u0301", "x" * 65, "x" * 300, "王" * 130, "a\nb", "a\r\nb", '"', '""', '"a', 'a"b', ",", ";",
    "a@b@c", "@", ".a", "a..b", "amy.@contoso.com", "\x7f", "\x85", "\u2028", "\x1a",
]  # fmt: skip
HEADERS = [
    ["User name", "Display name", "Usage location", "Licenses", "Permissions", "Language"],
    ["First name", "Last name", "Display name", "Email", "Status update"],
    ["First Name [Required]", "Last Name [Required]", "Email Address [Required]"],
    ["Name [displayName] Required", "User name [userPrincipalName] Required"],
    ["Username", "First name", "Last name", "Office phone", "Mobile phone", "Country or region"],
    ["用户名", "姓", "名", "显示名称", "使用位置", "许可证", "权限"],
    ["使用者名稱", "顯示名稱", "部門"],
    ["氏名", "メールアドレス", "部署"],
    ["User name", "Domain", "Display name", "Password", "Shoe size", "Error"],
    ["Email"],
    list(template_names("en").values()),
    list(template_names("zh-hans").values()),
]

cells = st.one_of(st.sampled_from(NASTY), st.text(max_size=8))
tables = st.lists(st.lists(cells, max_size=8), max_size=6)


@st.composite
def texts(draw):
    """A file of people as text, more or less well made."""
    header = draw(st.sampled_from(HEADERS))
    delimiter = draw(st.sampled_from(SEPARATORS))
    end = draw(st.sampled_from(["\r\n", "\n", "\r"]))
    quoting = draw(st.sampled_from(["all", "needed", "never"]))

    def written(cell):
        needed = any(sign in cell for sign in (delimiter, '"', "\r", "\n"))
        if quoting == "never" or quoting == "needed" and not needed:
            return cell
        return '"' + cell.replace('"', '""') + '"'

    lines = [delimiter.join(map(written, row)) for row in [header, *draw(tables)]]
    before = draw(st.sampled_from(["", "", "", f"sep={delimiter}", "version:v1.0", "Staff\n", '"']))
    return end.join([*filter(None, [before]), *lines, draw(st.sampled_from(["", "", '"', "\x1a"]))])


CODECS = [
    "utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "gb18030", "big5",
    "shift_jis", "cp949", "cp1250", "cp1251", "cp1252", "cp1256",
]  # fmt: skip


@st.composite
def files(draw):
    """A file of people as bytes, some of them broken."""
    text, codec = draw(texts()), draw(st.sampled_from(CODECS))
    errors = "surrogatepass" if codec.startswith("utf") else "replace"
    data = bytearray(text.encode(codec, errors))
    for place, piece in draw(
        st.lists(st.tuples(st.integers(0, 2000), st.binary(max_size=3)), max_size=2)
    ):
        data[place % (len(data) + 1) : place % (len(data) + 1)] = piece
    return bytes(data)


choices = st.fixed_dictionaries(
    {
        "encoding": st.sampled_from([None, None, None, *(value for value, _ in ENCODINGS)]),
        "delimiter": st.sampled_from([None, None, None, *SEPARATORS]),
    }
)


def is_sentence(text, code):
    # A problem without a sentence is shown as its code, after a colon.
    return len(text) > 5 and text[-1] in ".。" and not re.search(f"[:：] ?{code}[.。]", text)


def in_both_languages(say):
    """What a member reads in English and in Chinese."""
    for language in ("en", "zh-hans"):
        with translation.override(language):
            yield str(say())


def read(data, **options) -> Parsed | None:
    """Read a file; None where it is refused, in a sentence."""
    try:
        parsed = parse_file(data, "people.csv", **options)
    except UnreadableFile as error:
        refused = error
    else:
        assert 1 <= len(parsed.rows) <= 100_000
        return parsed
    said = in_both_languages(lambda: refused.message)
    assert all(is_sentence(text, refused.code) for text in said)
    json.dumps(refused.params)
    return None


subscriptions = st.builds(
    SubscriptionFacts,
    id=st.just(""),
    product=st.sampled_from(["office", "visio", "copilot"]),
    name=st.sampled_from(["Office 365 E3", "Visio Plan 2", "A, with; signs", "%(name)s"]),
    part_number=st.sampled_from(["O365-E3", "VISIO-2", "X"]),
    free=st.integers(0, 3),
    state=st.sampled_from(["active", "active", "grace", "suspended"]),
    not_sold_in=st.frozensets(st.sampled_from(["CN", "RU"])),
    requires=st.frozensets(st.sampled_from(["office", "other"]), max_size=1),
    excludes=st.frozensets(st.sampled_from(["visio", "other"]), max_size=1),
)
domains = st.sampled_from(["contoso.com", "example.cn", "xn--fiqs8s.example"])
user_names = st.builds(
    "{}@{}".format, st.sampled_from(["amy", "amy.parker", "jianguo.wang"]), domains
)
people_of = st.dictionaries(user_names, st.sampled_from(["Amy Parker", "王建国"]), max_size=3)


@st.composite
def worlds(draw):
    """What is true before an import, and what was chosen for the whole file."""
    bought = draw(st.lists(subscriptions, max_size=3))
    bought = tuple(
        SubscriptionFacts(
            **{**{slot: getattr(one, slot) for slot in one.__dataclass_fields__}, "id": f"s{n}"}
        )
        for n, one in enumerate(bought)
    )
    facts = Facts(
        domains=draw(st.frozensets(domains)),
        taken=draw(people_of),
        deleted=draw(people_of),
        subscriptions=bought,
        grantable=draw(st.frozensets(st.sampled_from(UserPermission.values))),
    )
    chosen = st.sampled_from([*(one.id for one in bought), "gone"])
    defaults = Defaults(
        domain=draw(st.one_of(st.just(""), domains)),
        location=draw(st.sampled_from(["", "CN", "US", "XX"])),
        products=[
            {"subscription": id, "disabled_plans": []}
            for id in draw(st.lists(chosen, max_size=2, unique=True))
        ],
        permissions=draw(st.lists(st.sampled_from(UserPermission.values), max_size=1)),
        language=draw(st.sampled_from(["", "en", "zh-hans"])),
    )
    return facts, defaults


def is_storable(value):
    """Whether Postgres takes it: no NUL and no lone surrogate, in JSON or in a text."""
    if isinstance(value, dict):
        return all(map(is_storable, [*value, *value.values()]))
    if isinstance(value, list | tuple):
        return all(map(is_storable, value))
    return not isinstance(value, str) or not re.search("[\0\ud800-\udfff]", value)


def check_plan(rows, world):
    """Plan an import of the rows and look at everything that was promised of a plan."""
    facts, defaults = world
    assert all(name.isascii() for name in find_lookups(rows, defaults, facts.domains).user_names)
    people, problems = validate(rows, facts, defaults)
    plan = make_plan(people, problems, facts)

    assert [line.line for line in plan.lines] == [row.line for row in rows]
    states = [line.state for line in plan.lines]
    assert plan.counts == {state: states.count(state) for state in plan.counts}
    assert sum(plan.counts.values()) + plan.unchanged == len(rows)
    running = [line.input["user_name"] for line in plan.lines if line.state in {"ready", "warned"}]
    assert len(set(running)) == len(running)
    suggested = [one.suggestion for one in problems if one.column == "user_name" and one.suggestion]
    assert len(set(suggested)) == len(suggested)
    assert not {*suggested} & {*facts.taken, *facts.deleted, *running}
    for problem in problems:
        check_problem(problem)
    for line in plan.lines:
        severities = {problem.severity for problem in line.problems}
        expected = "failed" if ERROR in severities else "warned" if severities else "ready"
        if leaves_out(line.problems):
            expected = "skipped"
        assert line.state == expected
        if line.state not in {"failed", "skipped"}:
            check_person(line.input, facts)
    check_seats(plan, facts)
    return plan


def check_problem(problem):
    assert is_storable(problem.as_json())
    assert Problem.from_json(json.loads(json.dumps(problem.as_json()))) == problem
    assert all(
        is_sentence(text, problem.code) for text in in_both_languages(lambda: describe(problem))
    )


def check_person(person, facts):
    """What is imported keeps the rules of the form and fits into the columns."""
    assert is_storable(person)
    assert is_user_name(person["user_name"])
    assert person["user_name"] == person["user_name"].lower()
    assert person["user_name"].partition("@")[2] in facts.domains
    assert person["user_name"] not in facts.taken
    assert person["display_name"]
    assert all(len(person[field]) <= limit for field, limit in LIMITS.items())
    assert not any(has_invisible(person[field]) for field in LIMITS)
    assert person["location"] in {"", *LOCATIONS}
    assert person["language"] in {"", "en", "zh-hans"}
    assert set(person["permissions"]) <= set(facts.grantable)
    bought = {one.id for one in facts.subscriptions if one.state != "suspended"}
    assert {product["subscription"] for product in person["products"]} <= bought


def check_seats(plan, facts):
    """No more people are promised a seat than seats are free, in the file's order."""
    free = {one.id: one.free for one in facts.subscriptions}
    named = {one.id: one.name for one in facts.subscriptions}
    wanted = dict.fromkeys(free, 0)
    for line in plan.lines:
        if line.state in {"failed", "skipped"}:
            continue
        short = [one.value for one in line.problems if one.code == "seat_short"]
        for product in line.input["products"]:
            id = product["subscription"]
            wanted[id] += 1
            if wanted[id] > free[id]:
                short.remove(named[id])
        assert short == []
    assert {one.subscription: one.wanted for one in plan.seats} == {
        id: count for id, count in wanted.items() if count
    }
    for seats in plan.seats:
        assert seats.wanted - seats.short <= seats.free
        assert seats.left == seats.free - (seats.wanted - seats.short)


@given(st.binary(max_size=300))
@examples(200)
def test_any_bytes_are_read_or_refused(data):
    read(data)


@given(files(), choices, worlds())
@examples(400)
def test_every_file_is_refused_or_planned_completely(data, options, world):
    parsed = read(data, **options)

    if parsed:
        check_plan(parsed.rows, world)


rows = st.lists(
    st.dictionaries(st.sampled_from(list(template_names("en"))), cells.map(str.strip), max_size=9),
    max_size=6,
).map(lambda values: [Row(2 + number, row) for number, row in enumerate(values)])


@given(rows, worlds())
@examples(300)
def test_any_rows_are_planned(rows, world):
    check_plan(rows, world)


words = st.text("abcdefgäßé王建国한 '-", min_size=1, max_size=9).map(lambda word: f"x{word}x")
secret_texts = st.text("Zz9!#%", min_size=6, max_size=12).map(lambda text: f"Q{text}7")
secret_headers = st.sampled_from(
    ["Password", "Kennwort", "Mot de passe", "TempPassword", "密码", "初期パスワード", "samPassword",
     "PIN", "Initial pwd [optional]"]
)  # fmt: skip
listed = st.tuples(st.sampled_from(["", "amy", "bo", "cy", "cy "]), words, words, secret_texts)


@given(st.lists(listed, min_size=1, max_size=12), secret_headers, st.sampled_from(SEPARATORS))
@examples(150)
def test_no_row_of_a_file_is_lost_and_no_secret_shown(people, header, delimiter):
    written = io.StringIO()
    table = csv.writer(written, delimiter=delimiter)
    table.writerow(["User name", "First name", "Last name", header])
    table.writerows(people)
    parsed = parse_file(written.getvalue().encode(), "people.csv")
    facts = Facts(("contoso.com",), {}, {}, (), frozenset())

    made, problems = validate(parsed.rows, facts, Defaults(domain="contoso.com"))
    plan = make_plan(made, problems, facts)

    assert sum(plan.counts.values()) + plan.unchanged == len(people)
    running = [line.input["user_name"] for line in plan.lines if line.state in {"ready", "warned"}]
    assert len(running) == len(set(running)) <= len(people)
    shown = repr((parsed, plan, problems))
    assert not [secret for *_others, secret in people if secret in shown]


wishes = st.lists(
    st.lists(st.sampled_from(["First", "Second", "Third"]), max_size=3), min_size=1, max_size=12
)


@given(wishes, st.lists(st.integers(0, 4), min_size=3, max_size=3))
@examples(100)
def test_no_more_seats_are_promised_than_are_free(wishes, free):
    named = zip(["First", "Second", "Third"], free, strict=True)
    bought = tuple(SubscriptionFacts(name, name, name, f"{name}-1", seats) for name, seats in named)
    facts = Facts(frozenset({"contoso.com"}), {}, {}, bought, frozenset())
    rows = [
        Row(2 + n, {"user_name": f"u{n}", "display_name": "U", "products": "; ".join(wish)})
        for n, wish in enumerate(wishes)
    ]

    plan = check_plan(rows, (facts, Defaults(location="CN")))

    assert plan.counts["failed"] == 0
    for one in bought:
        wanted = sum(one.name in wish for wish in wishes)
        short = sum(
            (problem.code, problem.value) == ("seat_short", one.name)
            for line in plan.lines
            for problem in line.problems
        )
        assert short == max(wanted - one.free, 0)


PEOPLE = workbook(
    [
        ["User name", "Display name", "Usage location", "Phone"],
        ["amy", "Amy Parker", "CN", 13800138000],
        ["bob", "Bob", "Atlantis", "=1+1"],
    ],
    Notes=[["Nothing", "here"]],
)
PARTS = zipfile.ZipFile(io.BytesIO(PEOPLE)).namelist()
# What breaks readers of XML, put anywhere.
XML = [
    b"<", b">", b"&", b"&#0;", b"&#xD800;", b"&x;", b"]]>", b"<![CDATA[", b"<!--", b"-->", b"<?x?>",
    b"<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>", b"\0", b"\xff", b'"', b"'", b"/>",
    b'r="A1048576"', b' t="s"', b' t="d"', b' t="e"', b"<v>99999999</v>", b"<v>-1</v>", b"1e999",
    b"</row>", b"<row>", b'<c r="A1">', b"</sheetData>", b"_x0000_", b"<f>1</f>",
]  # fmt: skip


@given(
    st.sampled_from(PARTS),
    st.lists(
        st.tuples(
            st.floats(0, 1),
            st.integers(0, 30),
            st.one_of(st.sampled_from(XML), st.binary(max_size=4)),
        ),
        min_size=1,
        max_size=3,
    ),
    worlds(),
)
@examples(300)
def test_a_workbook_changed_anywhere_is_refused_or_planned(part, changes, world):
    def change(name, content):
        if name != part:
            return content
        changed = bytearray(content)
        for share, length, piece in changes:
            place = int(share * len(changed))
            changed[place : place + length] = piece
        return bytes(changed)

    parsed = read(repack(PEOPLE, change))

    if parsed:
        check_plan(parsed.rows, world)


@given(tables, st.sampled_from(HEADERS), worlds())
@examples(60)
def test_every_workbook_is_refused_or_planned(table, header, world):
    table = [[cell.encode("utf-8", "replace").decode() for cell in row] for row in table]

    parsed = read(workbook([header, *table]))

    if parsed:
        check_plan(parsed.rows, world)


def in_a_spreadsheet(data, separator):
    """The cells that a spreadsheet makes of a file, where the country's separator is this one."""
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), delimiter=separator))


@given(tables)
@example([["=1"], [" =1"], ["\t+1"], ["a;=1"], ["a\t@x"], ["a\n-1"], ["＝1"], ["\0=1"], ["'=1"]])
@example(
    [['"=1'], ['";=1'], ["a;'=1"], ["\u3000=1"], ["a; =1"], ["\x0b=1"], ["\x1f=1"], ["\ufeff=1"]]
)
@examples(300)
def test_nothing_that_is_exported_runs_in_a_spreadsheet(table):
    data = b"".join(csv_writer.write_csv(table))

    assert not any(cell.startswith(TRIGGERS) for row in in_a_spreadsheet(data, ",") for cell in row)
    for separator in (",", ";", "\t"):
        for row in in_a_spreadsheet(data, separator):
            # Some take what follows a blank for the beginning.
            assert not any(cell.strip().startswith(TRIGGERS) for cell in row)
    # Nor where quotation marks count for nothing, as in a cell that is pasted.
    for piece in re.split("[;\t\r\n]", data.decode("utf-8-sig")):
        assert not piece.removeprefix('"').lstrip(" ").startswith(TRIGGERS)


def kept(cell):
    """A cell as it comes back: without what no spreadsheet keeps."""
    return cell.encode("utf-8", "replace").decode().replace("\0", "").strip()


@given(st.lists(st.tuples(cells, cells, cells), min_size=1, max_size=5))
@examples(300)
def test_exported_file_is_read_back_unchanged(people):
    fields = ["user_name", "display_name", "department"]
    people = [tuple(kept(cell) for cell in person) for person in people]
    assume(any(any(person) for person in people))
    header = [template_names("en")[field] for field in fields]

    parsed = read(b"".join(csv_writer.write_csv([header, *people])))

    expected = [dict(zip(fields, person, strict=True)) for person in people if any(person)]
    assert [row.values for row in parsed.rows] == expected


@given(st.lists(st.tuples(cells, cells, cells), min_size=1, max_size=5))
@example([("=1+1", "'=1+1", "\uff1dx"), ("@a", "a;=b", "_x0041_"), ("<f>1</f>", "]]>", "&lt;")])
@examples(150)
def test_exported_workbook_has_texts_only(people):
    fields = ["user_name", "display_name", "department"]
    header = [template_names("en")[field] for field in fields]

    data = b"".join(write_xlsx([header, *people]))

    with zipfile.ZipFile(io.BytesIO(data)) as package:
        sheet = package.read("xl/worksheets/sheet1.xml").decode()
    assert re.findall(r"<f[ />]", sheet) == []
    assert set(re.findall(r"<c [^>]*>", sheet)) == set(re.findall(r'<c [^>]*t="inlineStr">', sheet))

    def shown(cell):
        # What XML has no sign for.
        cell = re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]", "", cell)
        return cell.replace("\r\n", "\n").replace("\r", "\n").strip()

    people = [{f: shown(cell) for f, cell in zip(fields, row, strict=True)} for row in people]
    parsed = read(data)
    rows = [] if parsed is None else [row.values for row in parsed.rows]
    assert [{field: shown(cell) for field, cell in row.items()} for row in rows] == [
        row for row in people if any(row.values())
    ]


@given(rows.filter(bool), worlds(), st.sampled_from(["en", "zh-hans"]))
@examples(150)
def test_failed_rows_keep_remaining_problems(rows, world, language):
    facts, defaults = world
    products = {one.id: one.name for one in facts.subscriptions}

    def failed(rows):
        plan = make_plan(*validate(rows, facts, defaults), facts)
        lines = [(line.input, line.problems) for line in plan.lines if line.state == "failed"]
        with translation.override(language):
            return b"".join(csv_writer.write_csv(export.failed_rows(lines, products, language)))

    files = [failed(rows)]
    for _round in range(3):
        again = read(files[-1])
        if again is None:
            return
        assert again.notices == ()
        assert again.detected.language == language
        check_plan(again.rows, world)
        files.append(failed(again.rows))
    # What cannot be seen is taken out, so that other problems show; then nothing changes.
    assert files[-1] == files[-2]


@pytest.mark.parametrize("format", ["csv", "xlsx"])
@pytest.mark.parametrize("language", ["en", "zh-hans"])
@given(
    domain=domains,
    products=st.lists(
        st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20).filter(
            lambda name: (
                vocabulary.plain(name) and ";" not in name and "；" not in name and "|" not in name
            )
        ),
        max_size=3,
    ),
)
@examples(15)
def test_template_of_every_customer_can_be_imported(format, language, domain, products):
    bought = tuple(
        SubscriptionFacts(f"s{n}", f"p{n}", name, f"part-{n}-number", 5)
        for n, name in enumerate(products)
    )
    facts = Facts(frozenset({domain}), {}, {}, bought, frozenset())

    parsed = read(template(language, domain, products, format))
    plan = make_plan(*validate(parsed.rows, facts, Defaults()), facts)

    assert parsed.notices == ()
    assert (parsed.detected.language, parsed.detected.source) == (language, "portal")
    codes = {problem.code for line in plan.lines for problem in line.problems}
    # Two products of one name are ambiguous.
    assert codes <= {"product_ambiguous"}
    assert plan.lines[1].state == "ready"
