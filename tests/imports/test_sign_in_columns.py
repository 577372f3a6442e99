"""Columns that say who is blocked and who has left."""

import csv
import io
from datetime import date, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from audit.models import Event
from batches.models import Batch, Line
from batches.operations.control import start_batch
from imports.check.repair import How, Kind
from imports.check.sign_in import read_sign_in
from imports.operations.full_list import TooManyMissing
from imports.operations.repair import repair_all, repair_line
from imports.queries import SignIn, count_sign_in
from licensing.models import Assignment
from tests import factories
from tests.imports.test_import import plan, show, start
from tests.imports.test_import_modes import check, give, run
from users.acts.block import plan_blocks
from users.acts.reset import plan_resets
from users.acts.undo import plan_undo
from users.models import CustomerUser

TODAY = date(2026, 11, 30)
ENTRA = (
    "version:v1.0,,,,\n"
    "Name [displayName] Required,User name [userPrincipalName] Required,"
    "Initial password [passwordProfile] Required,Block sign in (Yes/No) [accountEnabled] Required,"
    "Usage location [usageLocation]\n"
    "Mara Quill,mara@contoso.example,Zz9!aaaa,No,US\n"
    "Odo Rusk,odo@contoso.example,Zz9!bbbb,Yes,US\n"
)
GOOGLE = (
    "First Name [Required],Last Name [Required],Email Address [Required],Password [Required],"
    "Org Unit Path [Required],Status [READ ONLY],New Status [UPLOAD ONLY]\n"
    "Mara,Quill,mara@contoso.example,****,/,Active,\n"
    "Odo,Rusk,odo@contoso.example,****,/,Suspended,\n"
    "Pia,Sorn,pia@contoso.example,****,/,,Suspended\n"
)
HEADER = "User name,Display name,Licenses,Status\n"


def state(field, text):
    found = read_sign_in({field: [text]}, TODAY)
    return found and found[0]


@pytest.mark.parametrize(
    ("expected", "words"),
    [
        ("blocked", "suspended|Disabled|locked|inactive|archived|deactivated|not active|DEPROVISIONED"),
        ("blocked", "gesperrt|deaktiviert|inaktiv|désactivé|bloqué|suspendido|desativado|bloqueado"),
        ("blocked", "停用|已禁用|冻结|无效|停權|無効|停止中|利用停止|정지|비활성"),
        ("blocked", "514|546|66050|514.0|0x202|Suspended (fees)|suspended since May"),
        ("left", "terminated|left|Resigned|retired|former employee|deceased|tobedeleted|graduated"),
        ("left", "ausgeschieden|gekündigt|verstorben|démissionné|parti|jubilado|baja|desligado"),
        ("left", "离职|已离职|退休|毕业|離職|退職|退社済み|卒業|퇴사|퇴직"),
        ("left", "Terminated (2024)|Left - moved abroad|离职（2024-03）"),
        ("allowed", "active|Enabled|on leave|full-time|probation|invited|current|Active - full time"),
        ("allowed", "aktiv|in Elternzeit|Probezeit|actif|en congé|activo|ativo|alta|férias"),
        ("allowed", "在职|启用|休假|试用期|正常|在籍|有効|休職中|재직|휴직|512|66048|544"),
        ("unknown", "Wombat|active?!no|not|Yes|no longer here|7"),
    ],
)  # fmt: skip
def test_words_of_a_status(expected, words):
    assert {word: state("status", word) for word in words.split("|")} == dict.fromkeys(
        words.split("|"), expected
    )


@pytest.mark.parametrize(
    ("field", "blocked", "allowed", "unknown"),
    [
        (
            "sign_in_blocked",
            "Yes|true|1|x|ja|oui|sí|sim|是|はい|예|✓|WAHR|blocked|suspended|gesperrt|○",
            "No|false|0|nein|non|não|否|いいえ|아니요|not blocked|allowed|FALSCH|✗",
            "enabled|active|disabled|maybe",
        ),
        (
            "sign_in_allowed",
            "No|false|0|nein|否|blocked|disabled|inactive|514|停用",
            "Yes|true|1|x|ja|是|active|enabled|allowed|512|启用",
            "maybe",
        ),
    ],
)
def test_yes_and_no(field, blocked, allowed, unknown):
    for expected, words in (("blocked", blocked), ("allowed", allowed), ("unknown", unknown)):
        assert {word: state(field, word) for word in words.split("|")} == dict.fromkeys(
            words.split("|"), expected
        )


@pytest.mark.parametrize(
    ("expected", "days"),
    [
        ("left", "2026-11-29|2026/1/5|29.11.2026|11/29/2026|29/11/2026|2024年3月31日|20240331|1 Mar 2024"),
        ("left", "March 31, 2024|31. März 2024|31 de marzo de 2024|2024-03|2026-11-29 17:00|45382"),
        ("left", "2024-03-31T00:00:00Z|1711843200|133563168000000000|2024년 3월 31일|yes|离职"),
        (None, "2026-11-30|2027-01-01|31.12.2099|9999-12-31|never|unbefristet|至今|0000-00-00|-|0"),
        (None, "9223372036854775807|2026-12|no"),
        ("unknown", "soon|05/06/26 x|01/12/2026|2026-13-45"),
    ],
)  # fmt: skip
def test_days_of_leaving(expected, days):
    assert {day: state("left_on", day) for day in days.split("|")} == dict.fromkeys(
        days.split("|"), expected
    )


def test_the_most_serious_cell_counts():
    texts = {"status": ["Active", "Suspended"], "sign_in_allowed": ["Yes"]}

    assert read_sign_in(texts, TODAY) == ("blocked", "Suspended")
    assert read_sign_in(texts | {"left_on": ["2026-01-01"]}, TODAY) == ("left", "2026-01-01")
    assert read_sign_in({"status": ["", ""]}, TODAY) is None


@pytest.fixture
def planned(as_alice, contoso, office):
    def make(text, **fields):
        return plan(as_alice, text.encode(), **fields)

    return make


def users():
    return {
        user.user_name.partition("@")[0]: (user.is_blocked, user.password_state)
        for user in CustomerUser.objects.filter(deleted_at=None)
    }


def names(batch):
    rows = Line.objects.filter(batch=batch).exclude(act="leave").order_by("number")
    return [
        (row.input["user_name"].partition("@")[0], row.state, [one["code"] for one in row.problems])
        for row in rows
    ]


def decide(batch, by, code, choice, key=""):
    kind = Kind(code, "is_blocked", key)
    how = How.SKIP if choice == "skip" else How.SET
    done = repair_all(batch=batch, kind=kind, how=how, value=choice, by=by)
    batch.refresh_from_db()
    return done


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("text", "blocked"), [(ENTRA, {"odo"}), (GOOGLE, {"odo", "pia"})], ids=["entra", "google"]
)
def test_blocked_people_come_in_blocked(as_alice, planned, office, text, blocked):
    batch = planned(text, products=[str(office.pk)])

    page = show(as_alice, batch)
    number = len(blocked)
    assert (
        f"{number} user{'s' * (number > 1)} come{'s' * (number == 1)} in with sign-in blocked"
        in page
    )
    assert "According to the file, sign-in is blocked." in page
    assert batch.plan["seats"][0]["wanted"] == 1
    start(as_alice, batch)
    assert users() == {"mara": (False, "temporary")} | dict.fromkeys(blocked, (True, "none"))
    assert Assignment.objects.get().user.user_name == "mara@contoso.example"
    assert batch.lines.filter(sealed__isnull=False).count() == 1
    added = Event.objects.filter(action="user.added", after__has_key="is_blocked")
    assert added.count() == number


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("choice", "expected", "licenses"),
    [
        ("allowed", (False, "temporary"), 2),
        ("blocked", (True, "none"), 1),
        ("licensed", (True, "none"), 2),
        ("skip", None, 1),
    ],
)
def test_a_choice_for_all_blocked(as_alice, alice, planned, office, choice, expected, licenses):
    batch = planned(ENTRA, products=[str(office.pk)])

    assert decide(batch, alice, "sign_in_blocked", choice).changed == 1

    assert "sign-in is blocked. These users" not in show(as_alice, batch)
    start(as_alice, batch)
    assert users().get("odo") == expected
    assert Assignment.objects.count() == licenses


@pytest.mark.django_db
def test_an_unknown_word_is_blocked_until_a_member_decides(as_alice, alice, planned):
    batch = planned(f"{HEADER}mara,Mara Quill,,Wombat\nodo,Odo Rusk,,Numbat\n")
    assert names(batch) == [
        ("mara", "planned", ["sign_in_unknown"]),
        ("odo", "planned", ["sign_in_unknown"]),
    ]
    assert "“Wombat” isn’t a known status." in show(as_alice, batch)

    decide(batch, alice, "sign_in_unknown", "allowed", "Wombat")

    assert names(batch)[0] == ("mara", "planned", [])
    start(as_alice, batch)
    assert users() == {"mara": (False, "temporary"), "odo": (True, "none")}


@pytest.mark.django_db
def test_people_who_have_left_are_skipped(as_alice, alice, planned):
    tomorrow = timezone.localdate() + timedelta(days=1)
    text = (
        "User name,Display name,Status,Termination date\n"
        f"mara,Mara Quill,Active,{tomorrow}\nodo,Odo Rusk,Terminated,\npia,Pia Sorn,,2020-01-31\n"
    )
    batch = planned(text)
    assert names(batch) == [
        ("mara", "planned", []),
        ("odo", "left_out", ["has_left"]),
        ("pia", "left_out", ["has_left"]),
    ]
    assert "According to the file, these people have left." in show(as_alice, batch)

    start(as_alice, batch)

    assert users() == {"mara": (False, "temporary")}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("choice", "expected"), [("blocked", (True, "none")), ("allowed", (False, "temporary"))]
)
def test_people_who_have_left_are_added_by_choice(as_alice, alice, planned, choice, expected):
    batch = planned(f"{HEADER}odo,Odo Rusk,,Terminated\n")

    decide(batch, alice, "has_left", choice)

    assert names(batch) == [("odo", "planned", [])]
    start(as_alice, batch)
    assert users() == {"odo": expected}


@pytest.mark.django_db
def test_an_included_leaver_is_blocked(as_alice, alice, planned):
    batch = planned(f"{HEADER}odo,Odo Rusk,,Terminated\n")

    repair_all(batch=batch, kind=Kind("has_left", "is_blocked"), how=How.ACCEPT, by=alice)

    assert names(batch) == [("odo", "planned", ["sign_in_blocked"])]
    start(as_alice, batch)
    assert users() == {"odo": (True, "none")}


@pytest.mark.django_db
def test_licenses_of_one_blocked_row_are_chosen(as_alice, alice, planned, office):
    batch = planned(f"{HEADER}odo,Odo Rusk,Office E3,Blocked\n")
    product = {"subscription": str(office.pk), "disabled_plans": []}

    repair_line(batch=batch, number=1, changes={"products": [product]}, by=alice)

    start(as_alice, batch)
    assert users() == {"odo": (True, "none")}
    assert Assignment.objects.count() == 1


@pytest.mark.django_db
def test_a_blocked_user_gets_a_password_by_a_reset(as_alice, alice, contoso, planned):
    start(as_alice, planned(ENTRA))
    odo = CustomerUser.objects.get(user_name="odo@contoso.example")

    unblock = plan_blocks(customer=contoso, users=[odo.pk], block=False, by=alice)
    assert "1 user has no password. Reset the password" in show(as_alice, unblock)
    start_batch(batch=unblock, by=alice)
    start_batch(batch=plan_resets(customer=contoso, users=[odo.pk], by=alice), by=alice)

    assert users()["odo"] == (False, "temporary")


@pytest.mark.django_db
def test_the_sheet_says_why_there_is_no_password(as_alice, alice, planned):
    batch = planned(ENTRA)
    start(as_alice, batch)

    page = as_alice.post(reverse("handover:sheet", args=["contoso", batch.pk])).content.decode()

    assert "Added with sign-in blocked, so there’s no password." in page


@pytest.mark.django_db
def test_an_import_of_blocked_people_has_no_sheet(as_alice, planned):
    batch = planned(f"{HEADER}odo,Odo Rusk,,Blocked\n")

    page = start(as_alice, batch).content.decode()

    assert "1 user added" in page
    assert "Hand over the passwords" not in page
    batch.refresh_from_db()
    assert batch.sheet_expires_at is None


# Existing users


@pytest.fixture
def ann(contoso, inside):
    return factories.user(contoso, "Ann Lee", user_name="ann@contoso.example", location="US")


@pytest.fixture
def bo(contoso, inside):
    return factories.user(
        contoso, "Bo Yi", user_name="bo@contoso.example", location="US", is_blocked=True
    )


@pytest.mark.django_db
@pytest.mark.parametrize("purpose", ["update", "both", "full_list"])
def test_a_file_blocks_and_unblocks(as_alice, contoso, alice, ann, bo, purpose):
    text = "User name,Display name,Status\nann,Ann Lee,Suspended\nbo,Bo Yi,Active\n"

    batch = check(contoso, alice, text, purpose)

    page = show(as_alice, batch)
    assert "Sign-in: Allowed → Blocked" in page
    assert "Sign-in: Blocked → Allowed" in page
    assert count_sign_in(batch) == SignIn(0, 1, 1)
    assert "Sign-in of 1 existing user is blocked." in page
    run(batch, alice)
    assert (users()["ann"][0], users()["bo"][0]) == (True, False)
    recorded = {
        event.action: event.subject_id for event in Event.objects.filter(action__contains="blocked")
    }
    assert recorded == {"user.blocked": ann.pk, "user.unblocked": bo.pk}
    assert not Event.objects.filter(action="user.edited").exists()

    undo = plan_undo(batch=Batch.objects.get(pk=batch.pk), by=alice)
    run(undo, alice)
    assert (users()["ann"][0], users()["bo"][0]) == (False, True)


@pytest.mark.django_db
def test_a_file_that_says_the_same_changes_nothing(contoso, alice, ann, bo):
    text = "User name,Status\nann,Active\nbo,Suspended\n"

    batch = check(contoso, alice, text, "update")

    assert (batch.total, batch.plan["unchanged"]) == (0, 2)


@pytest.mark.django_db
def test_an_empty_or_unknown_status_changes_nothing(contoso, alice, ann, bo):
    text = "User name,Status,Department\nann,Wombat,IT\nbo,,IT\n"

    run(check(contoso, alice, text, "update"), alice)

    assert (users()["ann"][0], users()["bo"][0]) == (False, True)


@pytest.mark.django_db
@pytest.mark.parametrize("licenses", ["add", "exact"])
def test_blocked_users_keep_licenses_and_get_none(contoso, alice, ann, bo, office, licenses):
    visio = factories.subscription(contoso, "Visio", seats=2)
    give(contoso, ann, visio)
    text = "User name,Licenses,Status\nann,Office E3,Suspended\n"

    batch = check(contoso, alice, text, "update", licenses=licenses)

    assert names(batch) == [("ann", "planned", ["licenses_withheld"])]
    run(batch, alice)
    assert [one.subscription_id for one in Assignment.objects.all()] == [visio.pk]


@pytest.mark.django_db
def test_users_who_have_left_are_blocked_by_an_update(contoso, alice, ann):
    batch = check(contoso, alice, "User name,Status\nann,Terminated\n", "update")

    assert names(batch) == [("ann", "planned", ["left_is_blocked"])]
    run(batch, alice)
    assert users()["ann"][0] is True


@pytest.mark.django_db
def test_users_who_have_left_are_deleted_by_a_full_list(as_alice, contoso, alice, ann, bo):
    text = "User name,Display name,Status\nann,Ann Lee,Terminated\nbo,Bo Yi,Suspended\n"

    batch = check(contoso, alice, text, "full_list", max_missing=50)

    assert names(batch) == [("ann", "left_out", ["user_has_left"])]
    page = show(as_alice, batch)
    assert "According to the file, these users have left. They’re deleted" in page
    assert "1 of 2 users isn’t in the file, or has left, and will be deleted" in page
    run(batch, alice)
    assert set(users()) == {"bo"}


@pytest.mark.django_db
def test_too_many_who_have_left_stop_a_full_list(contoso, alice, ann, bo):
    text = "User name,Display name,Status\nann,Ann Lee,Terminated\nbo,Bo Yi,Suspended\n"

    batch = check(contoso, alice, text, "full_list")

    with pytest.raises(TooManyMissing):
        start_batch(batch=batch, by=alice)


@pytest.mark.django_db
@pytest.mark.parametrize(("choice", "is_blocked"), [("blocked", True), ("allowed", False)])
def test_who_has_left_stays_in_a_full_list_by_choice(contoso, alice, ann, bo, choice, is_blocked):
    text = "User name,Display name,Status\nann,Ann Lee,Terminated\nbo,Bo Yi,Suspended\n"
    batch = check(contoso, alice, text, "full_list", max_missing=50)

    decide(batch, alice, "user_has_left", choice)

    run(batch, alice)
    assert users()["ann"][0] is is_blocked


@pytest.mark.django_db
def test_the_last_administrator_is_not_blocked(contoso, alice, ann):
    CustomerUser.objects.filter(pk=ann.pk).update(permissions=["global_administrator"])

    (line,) = run(check(contoso, alice, "User name,Status\nann,Suspended\n", "update"), alice)

    assert (line.state, line.result["code"]) == ("failed", "last_administrator")


# Our own files


def cells_of(answer):
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text)))


@pytest.mark.django_db
@pytest.mark.parametrize("language", ["en", "zh-hans"])
@pytest.mark.parametrize("purpose", ["update", "full_list"])
def test_the_template_with_users_changes_nothing(
    as_alice, contoso, alice, ann, bo, office, language, purpose
):
    give(contoso, bo, office)
    address = reverse("imports:export_to_import", args=["contoso", language, "csv"])
    rows = cells_of(as_alice.post(address, {"all": "1", "query": ""}))
    assert {row[-1] for row in rows[1:]} == (
        {"Allowed", "Blocked"} if language == "en" else {"可登录", "已阻止"}
    )

    text = "".join(",".join(f'"{cell}"' for cell in row) + "\n" for row in rows)
    batch = check(contoso, alice, text, purpose)

    assert (batch.total, batch.plan["unchanged"]) == (0, 2)


@pytest.mark.django_db
def test_the_export_of_users_is_imported_with_its_blocked_users(as_alice, contoso, ann, bo):
    address = reverse("users:export", args=["contoso", "csv"])
    rows = cells_of(as_alice.post(address, {"all": "1", "query": ""}))
    text = "".join(",".join(f'"{cell}"' for cell in row) + "\n" for row in rows)
    text = text.replace("ann@", "ann2@").replace("bo@", "bo2@")

    start(as_alice, plan(as_alice, text.encode()))

    assert users()["ann2"] == (False, "temporary")
    assert users()["bo2"] == (True, "none")


@pytest.mark.django_db
def test_rows_with_errors_keep_what_they_say_of_sign_in(as_alice, alice, contoso, planned):
    text = (
        "User name,Display name,Licenses,Block credential\n"
        "mara q,Mara Quill,Office E3,True\nodo r,Odo Rusk,,False\n"
    )
    batch = planned(text)

    rows = cells_of(as_alice.post(reverse("imports:failed_rows", args=["contoso", batch.pk, "csv"])))

    place = rows[0].index("Sign-in")
    assert [row[place] for row in rows[1:]] == ["Blocked", ""]
    assert rows[1][rows[0].index("Licenses")] == "Office E3"
    fixed = "".join(",".join(f'"{cell}"' for cell in row[:-1]) + "\n" for row in rows)
    fixed = fixed.replace("mara q", "mara.q").replace("odo r", "odo.r")
    start(as_alice, plan(as_alice, fixed.encode()))
    assert users() == {"mara.q": (True, "none"), "odo.r": (False, "temporary")}
