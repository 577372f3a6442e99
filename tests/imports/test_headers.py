"""What the columns of files mean: dialects, several columns for one field, headers among rows."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imports.check.rows import validate
from imports.read import dialects
from imports.read.columns import CHOICES, CUSTOMER, NOT_KEPT, PASSWORD, RESULT, make_header
from imports.read.secrets import looks_secret
from imports.read.table import parse_file
from tests.imports.samples import refusal
from users.rules.facts import Defaults, Facts

FACTS = Facts(frozenset({"case.example"}), {}, {}, (), frozenset())


def read(*lines, **options):
    return parse_file("\n".join(lines).encode(), "people.csv", **options)


def people(*lines, **options):
    """The people of a file, at a customer in the United States."""
    defaults = Defaults(domain="case.example", location="US")
    found, _problems = validate(read(*lines, **options).rows, FACTS, defaults)
    return [person.input for person in found]


def fields(header):
    return [column.field for column in make_header(header.split(",")).columns]


def notices(parsed):
    return [(notice.code, notice.value) for notice in parsed.notices]


# The corpus


@pytest.mark.parametrize("system", dialects.SYSTEMS.values(), ids=lambda system: system.code)
def test_system_is_known_by_each_of_its_marks(system):
    for group in system.marks:
        assert dialects.find_system(group) is not None


@pytest.mark.parametrize("system", dialects.SYSTEMS.values(), ids=lambda system: system.code)
def test_columns_of_systems_have_known_meanings(system):
    meanings = {*dialects.NAMES, "email", "account_name", "name", "middle_name"}
    fields = {meaning.field for meaning in system.columns.values()}

    assert fields <= meanings
    assert system.words.keys() <= fields


def test_every_meaning_has_a_use():
    internal = {"name", "email", "account_name", CUSTOMER, NOT_KEPT, PASSWORD, RESULT}

    assert dialects.NAMES.keys() - internal == CHOICES.keys()


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("Benutzername,Vorname,Nachname,E-Mail,Abteilung,Aktiv",
         "user_name first_name last_name contact_email department sign_in_allowed"),
        ("Nom d’utilisateur,Prénom,Nom de famille,Service,Téléphone,Suspendu",
         "user_name first_name last_name department phone sign_in_blocked"),
        ("Nombre de usuario,Nombre,Apellidos,Departamento,Correo electrónico,Estado",
         "user_name first_name last_name department contact_email status"),
        ("Nome de usuário,Nome completo,Sobrenome,Cargo,País,Ativo",
         "user_name display_name last_name job_title location sign_in_allowed"),
        ("ユーザー名,氏名,部署,メールアドレス,社員番号,退職日",
         "user_name display_name department contact_email employee_number left_on"),
        ("使用者名稱,姓,名,部門,狀態", "user_name last_name first_name department status"),
        ("사용자 이름,성명,부서,이메일,재직 상태",
         "user_name display_name department contact_email status"),
        ("用户名,姓名,工号,在职状态,离职日期",
         "user_name display_name employee_number status left_on"),
        ("姓,名,セイ,メイ", "last_name first_name latin_last_name latin_first_name"),
        ("PRENOM,NOM DE FAMILLE,COURRIEL", "first_name last_name user_name"),
        ("First_Name*,Last-Name (max. 64),E-Mail [work]", "first_name last_name user_name"),
        ("Name,Email (manager),Login", "display_name  user_name"),
    ],
)  # fmt: skip
def test_header_of_each_language_is_known(header, expected):
    assert fields(header) == expected.split(" ")


@pytest.mark.parametrize(
    ("header", "place", "expected"),
    [
        ("Name [displayName],Block sign in (Yes/No) [accountEnabled]", 1, "sign_in_blocked"),
        ("名称 [displayName],阻止登录(是/否) [accountEnabled]", 1, "sign_in_blocked"),
        ("Naam [displayName],Zomaar iets [accountEnabled]", 1, "sign_in_blocked"),
        ("userPrincipalName,displayName,accountEnabled", 2, "sign_in_allowed"),
        ("SamAccountName,DistinguishedName,Enabled", 2, "sign_in_allowed"),
        ("username,firstname,lastname,email,auth,suspended", 5, "sign_in_blocked"),
        ("sourcedId,username,givenName,familyName,enabledUser", 4, "sign_in_allowed"),
        ("Username,Display name,Block credential", 2, "sign_in_blocked"),
        ("姓名,帐号,别名,职务,禁用", 4, "sign_in_blocked"),
    ],
)
def test_reverse_questions_are_told_apart(header, place, expected):
    assert fields(header)[place] == expected


def test_new_status_counts_before_status():
    parsed = read(
        "First Name [Required],Last Name [Required],Email Address [Required],"
        "Status [READ ONLY],New Status [UPLOAD ONLY]",
        "Mara,Quill,mara@case.example,Active,Suspended",
        "Odo,Rusk,odo@case.example,Suspended,",
    )

    assert [row.values["status"] for row in parsed.rows] == ["Suspended", "Suspended"]


def test_codes_of_a_system_become_words():
    parsed = read("SamAccountName,objectClass,userAccountControl", "mara,user,514", "odo,user,512")

    assert [row.values["status"] for row in parsed.rows] == ["disabled", "enabled"]


@pytest.mark.parametrize(
    ("header", "source"),
    [
        ("Name,Email", ""),
        ("User name,First name,Last name,Department", ""),
        ("First name,Last name,Email,Password", ""),
        ("Username,Email,Status", ""),
        ("Name [displayName] Required,User name [userPrincipalName] Required", "entra"),
        ("username,firstname,lastname,email,auth", "moodle"),
    ],
)
def test_source_is_named_only_if_certain(header, source):
    assert read(header, ",".join("x" for _ in header.split(","))).detected.source == source


# Several columns for one field


@pytest.mark.parametrize(
    ("header", "row", "field", "expected"),
    [
        ("User name,Country/Region,Usage location", "mara,Germany,AT", "location", "AT"),
        ("User name,Division,Department", "mara,North,Press", "department", "Press"),
        ("User name,Recovery phone,Mobile phone,Work phone", "mara,1,2,3", "phone", "3"),
        ("User name,Recovery phone,Home phone,Mobile", "mara,1,2,3", "phone", "3"),
        ("User name,Home phone,Work phone", "mara,2,", "phone", "2"),
        ("User name,Usage location,Country", "mara,Atlantis,Germany", "location", "DE"),
        ("User name,Usage location,Country", "mara,,Germany", "location", "DE"),
        ("User name,Work phone,Mobile", "mara,4.9E+10,0555 12", "phone", "0555 12"),
        ("User name,Contact email,Recovery email", "mara,none,m@home.example", "contact_email",
         "m@home.example"),
        ("User name,Email", "mara quill,mara@case.example", "user_name",
         "mara@case.example"),
        ("Work email,Email,Name", "m@x.example,mara@case.example,Mara", "user_name",
         "mara@case.example"),
        ("Work email,Email,Name", "m@x.example,mara@case.example,Mara", "contact_email",
         "m@x.example"),
    ],
)  # fmt: skip
def test_best_column_with_a_good_cell_is_taken(header, row, field, expected):
    assert people(header, row)[0][field] == expected


def test_bad_cell_stays_where_no_column_has_a_good_one():
    row = read("User name,Usage location,Country", "mara,Atlantis,Mu").rows[0]

    assert row.values["location"] == "Atlantis"
    assert row.others("location") == ["Mu"]


def test_notice_says_which_column_is_taken():
    parsed = read("User name,Country,Usage location", "mara,DE,AT")

    (notice,) = parsed.notices
    assert (notice.code, notice.value) == ("column_repeated", "Country")
    assert notice.params["first"] == "Usage location"


@pytest.mark.parametrize(
    ("header", "row", "user_name"),
    [
        ("Name,SamAccountName,Department", "Mara Quill,mquill,Press", "mquill@case.example"),
        ("Name,SamAccountName,UserPrincipalName", "Mara Quill,mquill,mara@case.example",
         "mara@case.example"),
        ("Name,SamAccountName,Mail", "Mara Quill,mquill,mara@case.example", "mara@case.example"),
        ("Name,SamAccountName,Mail", "Mara Quill,mquill,mara@home.example",
         "mquill@case.example"),
        ("Name,SamAccountName,Mail", "Mara Quill,mquill,", "mquill@case.example"),
    ],
)  # fmt: skip
def test_account_name_counts_where_nothing_better_is(header, row, user_name):
    assert people(header, row)[0]["user_name"] == user_name


# Names


@pytest.mark.parametrize(
    ("header", "row", "names"),
    [
        ("Name,Surname,Email", "Mara,Quill,m", ("Mara", "Quill", "Mara Quill")),
        ("Name,Surname,Email", "Mara Quill,Quill,m", ("Mara", "Quill", "Mara Quill")),
        ("Name,Surname,Email", "Mara Ann,Quill,m", ("Mara Ann", "Quill", "Mara Ann Quill")),
        ("Name,Surname,Email", '"Quill, Mara",Quill,m', ("Mara", "Quill", "Quill, Mara")),
        ("Name,First name,Email", "Quill,Mara,m", ("Mara", "Quill", "Mara Quill")),
        ("Name,Vorname,E-Mail", "Quill,Mara,m", ("Mara", "Quill", "Mara Quill")),
        ("Name,First name,Email", "Mara Quill,Mara,m", ("Mara", "Quill", "Mara Quill")),
        ("Nom,Prénom,Courriel", "Quill,Mara,m", ("Mara", "Quill", "Mara Quill")),
        ("Nombre,Apellidos,Correo", "Mara,Quill Sorn,m", ("Mara", "Quill Sorn", "Mara Quill Sorn")),
        ("Name,Email", "Mara Quill,m", ("", "", "Mara Quill")),
        ("Name,First name,Last name,Email", "M. Quill,Mara,Quill,m", ("Mara", "Quill", "M. Quill")),
        ("Name,First name,Last name,Email", "Quill,Mara,Quill,m", ("Mara", "Quill", "Mara Quill")),
        ("Name,Surname,Display name,Email", "Mara,Quill,M. Quill,m", ("Mara", "Quill", "M. Quill")),
        ("Name,Surname,Email", "Mara,,m", ("Mara", "", "Mara")),
        ("Name,Surname,Email", "Mara Quill,,m", ("", "", "Mara Quill")),
        ("Name,姓,Email", "王建国,王,m", ("建国", "王", "王建国")),
        ("First name,Middle name,Last name,Email", "Mara,Ann,Quill,m",
         ("Mara", "Quill", "Mara Ann Quill")),
        ("First name,Middle name,Last name,Display name,Email", "Mara,Ann,Quill,M. Quill,m",
         ("Mara", "Quill", "M. Quill")),
    ],
)  # fmt: skip
def test_name_is_read_as_what_it_is(header, row, names):
    (person,) = people(header, row)

    found = tuple(person[field] for field in ("first_name", "last_name", "display_name"))
    assert found == names


def test_rows_of_one_file_may_differ_in_their_names():
    rows = ("Mara,Quill,m", "Odo,Rusk,o", "Pia Sorn,Sorn,p", "Qi,,q")

    names = [person["display_name"] for person in people("Name,Surname,Email", *rows)]

    assert names == ["Mara Quill", "Odo Rusk", "Pia Sorn", "Qi"]


def test_middle_names_are_noticed():
    parsed = read("First name,Middle name,Last name", "Mara,Ann,Quill")

    assert notices(parsed) == [("column_middle_name", "Middle name")]


@pytest.mark.parametrize("header", ["姓,名,family_name,first_name", "family_name,first_name,姓,名"])
def test_names_in_latin_letters_are_told_apart(header):
    cells = {"姓": "山元", "名": "ひかる", "family_name": "yamamoto", "first_name": "hikaru"}

    row = read(header, ",".join(cells[name] for name in header.split(","))).rows[0]

    assert (row.values["last_name"], row.values["first_name"]) == ("山元", "ひかる")
    assert row.values["latin_last_name"] == "yamamoto"
    assert row.values["latin_first_name"] == "hikaru"


def test_names_in_latin_letters_fill_rows_without_others():
    rows = read(
        "姓,名,姓（ローマ字）,名（ローマ字）", "山元,ひかる,yamamoto,hikaru", ",,quill,mara"
    ).rows

    assert (rows[1].values["first_name"], rows[1].values["last_name"]) == ("mara", "quill")


# Headers above and among the rows


@pytest.mark.parametrize(
    "above",
    [
        ["# list of new people, semicolon"],
        ["// exported", "# Name, Email"],
        ["Staff, autumn", ""],
        ["#"] * 30,
    ],
)
def test_lines_above_the_header_are_skipped(above):
    parsed = read(*above, "Benutzername;Vorname;Nachname", "mara;Mara;Quill")

    assert [row.values["user_name"] for row in parsed.rows] == ["mara"]


@pytest.mark.parametrize(
    "again",
    [
        "username,firstname,lastname,department",
        "Username,First Name,Last Name,Department",
        "Benutzername,Vorname,Nachname,Abteilung",
        "用户名,名,姓,部门",
    ],
)
def test_repeated_header_is_skipped_with_notice(again):
    parsed = read(
        "username,firstname,lastname,department", "mara,Mara,Quill,Press", again, "odo,Odo,Rusk,IT"
    )

    assert [row.values["user_name"] for row in parsed.rows] == ["mara", "odo"]
    (notice,) = [one for one in parsed.notices if one.code == "header_repeated"]
    assert notice.params["lines"] == "3"


def test_rows_below_another_header_are_read_by_it():
    parsed = read(
        "username,firstname,lastname,department",
        "mara,Mara,Quill,Press",
        "Nachname,Vorname,Benutzername,Kennwort,Telefon",
        "Rusk,Odo,odo,Zz9!aaaa,555",
    )

    assert parsed.rows[1].values == {
        "last_name": "Rusk", "first_name": "Odo", "user_name": "odo", "phone": "555",
    }  # fmt: skip
    codes = [notice.code for notice in parsed.notices]
    assert codes == ["header_changed", "password_ignored", "header_repeated"]


@pytest.mark.parametrize(
    "row",
    [
        "name,Name,Name,Press",
        "user,User,Name,Team",
        "name@case.example,First,Name,Department",
        "title,Title,Position,",
        "mara,Name,Surname Smith,Press",
    ],
)
def test_person_called_like_a_header_stays(row):
    parsed = read("username,firstname,lastname,department", row, "odo,Odo,Rusk,IT")

    assert len(parsed.rows) == 2


def test_header_can_be_pointed_at():
    lines = ("Who,What", "mara,Mara Quill", "odo,Odo Rusk")
    chosen = {0: ("who", "user_name"), 1: ("what", "display_name")}

    parsed = read(*lines, header_line=1, chosen=chosen)

    assert [row.values["user_name"] for row in parsed.rows] == ["mara", "odo"]


def test_file_without_header_loses_no_person():
    lines = ("mara@case.example,Mara Quill,Press", "odo@case.example,Odo Rusk,Press")
    chosen = {0: ("", "user_name"), 1: ("", "display_name"), 2: ("", "department")}
    assert refusal("\n".join(lines).encode())[0] == "no_header"

    parsed = read(*lines, header_line=0, chosen=chosen)

    assert [row.line for row in parsed.rows] == [1, 2]
    assert parsed.rows[0].values["display_name"] == "Mara Quill"


def test_line_without_names_of_people_is_no_header_even_if_named():
    with pytest.raises(Exception, match="No header found"):
        read("Who,What", "mara,Mara Quill", header_line=1)


def test_like_columns_have_their_own_fields():
    chosen = {
        0: ("name", "first_name"), 1: ("name", "last_name"), 3: ("email", "contact_email"),
    }  # fmt: skip

    (person,) = people(
        "Name,Name,E-mail,Email", "Mara,Quill,mara@case.example,m@home.example", chosen=chosen
    )

    assert (person["first_name"], person["last_name"]) == ("Mara", "Quill")
    assert person["user_name"] == "mara@case.example"
    assert person["contact_email"] == "m@home.example"


def test_choice_for_another_header_does_not_count():
    parsed = read("User name,Phone,Hobby", "mara,,Chess", chosen={2: ("abt", "department")})

    assert set(parsed.rows[0].values) == {"user_name", "phone"}


# Passwords

SECRET = "Zz9!aaaa"


@pytest.mark.parametrize(
    "header",
    [
        "TempPassword", "Kennwort", "Mot de passe", "samPassword", "Contraseña", "Senha", "密码",
        "密碼", "パスワード", "비밀번호", "PIN", "pwd", "Student_Web_Password", "userPassword",
        "Info", "Notes", "", "Initial [passwordProfile]",
    ],
)  # fmt: skip
@pytest.mark.parametrize("meanings", [{}, {"kennwort": "department", "pin": "department"}])
def test_passwords_are_neither_shown_nor_kept(header, meanings):
    parsed = read(
        f"Name,Email,{header}",
        f"Mara Quill,mara@case.example,{SECRET}",
        "Odo,odo@case.example,Summer2024",
        meanings=meanings,
    )

    assert SECRET not in repr(parsed)
    assert "Summer2024" not in repr(parsed)


@pytest.mark.parametrize("separator", [",", ";", "|", "\t"])
@pytest.mark.parametrize("header_line", [None, 0, 1])
def test_passwords_of_a_file_without_header_are_hidden(separator, header_line):
    lines = [separator.join(["mara@case.example", "Mara Quill", SECRET])] * 2
    chosen = {0: ("", "user_name"), 1: ("", "display_name")} if header_line == 0 else {}

    try:
        shown = repr(read(*lines, header_line=header_line, chosen=chosen))
    except Exception as error:
        shown = f"{error} {error.top} {error.params}"

    assert SECRET not in shown


@pytest.mark.parametrize(
    "text",
    [
        "Mara Quill", "mara@case.example", "+49 555 0100", "2026-11-30", "30.11.2026", "Development",
        "R&D", "HR+Finance", "/Staff/Teachers", "EMP0012", "s1234567", "Grade10", "IT-Support",
        "3fa85f64-5717-4562-b3fc-2c963f66afa6", "https://case.example/a?b=1", "Name*", "12:30",
        "CN=Mara,OU=Press", "王建国", "Müller-Lüdenscheidt", "SMTP:mara@case.example", "O’Dell",
        "CASE\\mara.quill2", "case.example\\mquill", "O365_BUSINESS_PREMIUM",
    ],
)  # fmt: skip
def test_words_addresses_and_numbers_are_no_secrets(text):
    assert not looks_secret(text)


LOWER, UPPER = "abcdefghijkmnpqrstuvwxyz", "ABCDEFGHJKLMNPQRSTUVWXYZ"
passwords = st.tuples(
    st.text(st.sampled_from(LOWER), min_size=2, max_size=5),
    st.text(st.sampled_from(UPPER), min_size=1, max_size=4),
    st.text(st.sampled_from("23456789"), min_size=2, max_size=4),
    st.text(st.sampled_from("!#$%*?"), min_size=0, max_size=2),
    st.randoms(use_true_random=False),
).map(lambda parts: "".join(parts[4].sample("".join(parts[:4]), len("".join(parts[:4])))))
headers = st.one_of(
    st.just(""),
    st.sampled_from(["Password", "Kennwort", "Info", "Notes", "Extra 1", "密码", "Code", "???"]),
    st.text(max_size=8).filter(lambda text: not set(text) & set(',"\r\n\0')),
)


@given(
    header=headers,
    secrets=st.lists(passwords.filter(lambda text: len(text) >= 8), min_size=1, max_size=4),
    has_header=st.booleans(),
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_secret_is_ever_shown(header, secrets, has_header):
    field = dialects.find_meaning(header).field
    if field in CHOICES or field in {"name", "email", "account_name"}:
        return
    lines = [f"p{n}@case.example,Pia Sorn,{text}" for n, text in enumerate(secrets)]
    lines = [f"Email,Name,{header}", *lines] if has_header else lines

    try:
        shown = repr(read(*lines))
    except Exception as error:
        shown = f"{error} {error.params} {error.top}"

    assert not [text for text in secrets if text in shown]
