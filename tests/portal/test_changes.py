"""Changes of events are shown in words, not in codes."""

import pytest
from django.utils import translation

from audit.models import Event
from portal import changes


def describe(action, **values):
    """The changes of an event with these values, as one text each."""
    return [str(change) for change in changes.of_event(Event(action=action, after=values))]


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ({"way": "printed"}, "Way: On paper"),
        ({"kind": "user_link"}, "Kind: One-time link to the user"),
        ({"kind": "reset"}, "Kind: Reset passwords"),
        ({"location": "NZ"}, "Usage location: New Zealand"),
        (
            {"permissions": ["user_administrator", "license_administrator"]},
            "Permissions: User administrator, License administrator",
        ),
        ({"held": [{"subscription": "a", "disabled_plans": []}] * 2}, "Assigned licenses: 2"),
        ({"subscriptions": ["01a20503-8c4c-7ae0-94e4-6f0e2154c5b0"]}, "Subscriptions: 1"),
        ({"not_sold_in": ["NZ", "FR"]}, "Not sold in: New Zealand, France"),
        ({"is_blocked": True}, "Sign-in blocked: Yes"),
    ],
)
def test_value_is_shown_in_words(values, shown):
    with translation.override("en"):
        assert describe("user.edited", **values) == [shown]


def test_values_are_in_language_of_reader():
    with translation.override("zh-hans"):
        permissions = ["user_administrator", "license_administrator"]
        assert describe("user.edited", permissions=permissions) == [
            "权限：用户管理员、许可证管理员"
        ]
