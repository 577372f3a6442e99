import pytest

from audit.models import Event
from partners.models import Member

FIELDS = {
    "name": "Alice Munro",
    "language": "zh-hans",
    "time_zone": "Asia/Shanghai",
    "theme": "dark",
    "has_shortcuts": "",
}


def test_the_profile_is_saved_and_on_record(as_alice, alice, inside):
    answer = as_alice.post("/profile/", FIELDS)

    assert (answer.status_code, answer["Location"]) == (302, "/profile/")
    saved = Member.objects.get(pk=alice.pk)
    assert (saved.name, saved.language, saved.theme) == ("Alice Munro", "zh-hans", "dark")
    assert (saved.time_zone, saved.has_shortcuts) == ("Asia/Shanghai", False)
    (event,) = Event.objects.filter(action="member.profile_changed")
    assert event.after["name"] == "Alice Munro"


def test_device_settings_are_stored_empty(as_alice, alice):
    as_alice.post("/profile/", FIELDS | {"language": "auto", "theme": "auto"})

    saved = Member.objects.get(pk=alice.pk)
    assert (saved.language, saved.theme) == ("", "")


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", ""), ("language", "tlh"), ("time_zone", "Mars/Base"), ("theme", "pink")],
)
def test_a_bad_value_is_refused_with_everything_kept(as_alice, alice, field, value):
    answer = as_alice.post("/profile/", FIELDS | {field: value})

    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    assert answer.context["form"]["theme"].value() == (value if field == "theme" else "dark")
    assert Member.objects.get(pk=alice.pk).name == "Alice"


@pytest.mark.parametrize("field", ["role", "email", "is_limited", "partner"])
def test_rights_are_not_among_it(as_alice, alice, field):
    before = getattr(alice, field)

    as_alice.post("/profile/", FIELDS | {field: "1"})

    assert getattr(Member.objects.get(pk=alice.pk), field) == before


def test_the_chosen_display_reaches_the_page(as_alice, alice):
    as_alice.post("/profile/", FIELDS)

    text = as_alice.get("/profile/").content.decode()

    assert '<html lang="zh-Hans" data-theme="dark" data-keys="off">' in text


def test_the_language_is_remembered_in_cookie_and_profile(as_alice, alice, inside):
    answer = as_alice.post("/language/", {"language": "zh-hans", "next": "/customers/?q=x"})

    assert (answer.status_code, answer["Location"]) == (302, "/customers/?q=x")
    assert answer.cookies["django_language"].value == "zh-hans"
    assert Member.objects.get(pk=alice.pk).language == "zh-hans"
    (event,) = Event.objects.filter(action="member.profile_changed")
    assert event.after == {"language": "zh-hans"}


def test_strangers_choose_a_language_too(client, db):
    client.post("/language/", {"language": "zh-hans", "next": "/accounts/login/"})

    assert '<html lang="zh-Hans"' in client.get("/accounts/login/").content.decode()


@pytest.mark.parametrize(
    "wanted", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "", "\\\\evil"]
)
def test_it_leads_nowhere_else(as_alice, wanted):
    answer = as_alice.post("/language/", {"language": "en", "next": wanted})

    assert answer["Location"] == "/"


def test_an_unknown_language_changes_nothing(as_alice, alice):
    answer = as_alice.post("/language/", {"language": "tlh", "next": "/"})

    assert answer.status_code == 302
    assert "django_language" not in answer.cookies
    assert Member.objects.get(pk=alice.pk).language == ""


def test_a_language_is_not_chosen_by_a_link(as_alice):
    assert as_alice.get("/language/?language=zh-hans").status_code == 405


@pytest.mark.parametrize(
    "wanted",
    [
        "nowhere",
        "1",
        "portal:profile",
        "javascript:alert(1)",
        "//evil.example/",
        "/\\evil.example/",
        "https://evil.example/",
        "http:///evil.example",
        "\0",
    ],
)
def test_the_language_leads_nowhere_else(client, db, wanted):
    response = client.post("/language/", {"language": "en", "next": wanted})

    assert response.status_code == 302
    assert response["Location"] == "/"
