"""An active user name is unique within a customer, in every spelling and under concurrency."""

from threading import Barrier, Thread

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client

from batches.errors import UsersError
from batches.models import Line
from batches.operations.control import start_batch
from batches.operations.plan import PlannedLine, create_batch, save_lines
from partners import tenancy
from tests import PATIENCE, factories
from users.acts.add import TEXTS, add_user
from users.acts.delete import plan_deletes
from users.acts.profile import edit_user
from users.acts.rename import rename_restored
from users.acts.restore import plan_restores
from users.models import CustomerUser

THREADS = 16

# The same name to a careless comparison: KELVIN SIGN, long s, full width, Cyrillic, dotless i, a
# combining mark, blanks that are not seen, and a lower case that is two letters.
LOOKALIKES = [
    "\u212aim.smith",
    "kim.\u017fmith",
    "\uff4bim.smith",
    "k\u0456m.smith",
    "k\u0131m.smith",
    "ki\u0301m.smith",
    "kim\u200b.smith",
    "kim.smith\u00ad",
    "kim\u2024smith",
    "k\u0130m.smith",
]


def race(customer, act) -> list:
    """What the act returned or raised in each thread; all begin at the same moment."""
    ready, seen = Barrier(THREADS), []

    def run(number):
        try:
            with tenancy.tenant(customer.partner_id):
                ready.wait(PATIENCE)
                seen.append(act(number))
        except Exception as error:
            seen.append(error)
        finally:
            connection.close()

    threads = [Thread(target=run, args=[number]) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert len(seen) == THREADS
    return seen


@transaction.atomic
def names_at(customer) -> list[str]:
    found = CustomerUser.objects.filter(customer=customer, deleted_at=None)
    return sorted(found.values_list("user_name", flat=True))


def post(member, number, **typed):
    client = Client(raise_request_exception=False)
    client.force_login(member)
    return client.post(
        "/customers/contoso/users/add/",
        {
            "token": f"00000000-0000-7000-8000-{number:012}",
            "display_name": f"Kim {number}",
            "user_name": "kim.smith",
            "domain": "contoso.example",
            "location": "US",
            "kind": "user",
        }
        | typed,
    ).status_code


@pytest.mark.django_db(transaction=True)
def test_sixteen_concurrent_additions_give_name_to_one(inside, contoso, alice):
    spelled = ["kim.smith", "KIM.SMITH", "Kim.Smith", "kIM.sMITH"]

    answers = race(contoso, lambda n: post(alice, n, user_name=spelled[n % 4]))

    # The others get the error of a taken name; no request is a server error.
    assert sorted(answers) == [302] + [422] * (THREADS - 1)
    assert names_at(contoso) == ["kim.smith@contoso.example"]


@pytest.mark.django_db(transaction=True)
def test_concurrent_acts_give_name_to_one(inside, contoso, alice):
    wanted = "kim.smith@contoso.example"
    with transaction.atomic():
        others = [factories.user(contoso, f"Other {n}") for n in range(4)]
        gone = factories.user(contoso, "Kim", user_name=wanted)
        start_batch(batch=plan_deletes(customer=contoso, users=[gone.pk], by=alice), by=alice)
    person = {"user_name": wanted, "display_name": "Kim", "permissions": []}

    def act(number):
        if number % 4 == 0:
            return add_user(customer=contoso, person=person, by=alice)
        if number % 4 == 1:
            return restore()
        if number % 4 == 2:
            return run_import()
        user = others[number // 4]
        profile = dict.fromkeys(TEXTS, "") | person
        return edit_user(user=user, person=profile, version=1, by=alice)

    def restore():
        batch = plan_restores(customer=contoso, users=[gone.pk], by=alice)
        return start_batch(batch=batch, by=alice)

    @transaction.atomic
    def run_import():
        batch = create_batch(customer=contoso, kind="import", by=alice)
        line = PlannedLine(tenancy.uuid7(), person)
        save_lines(batch=batch, lines=[line])
        return start_batch(batch=batch, by=alice)

    seen = race(contoso, act)

    unexpected = [
        one for one in seen if isinstance(one, Exception) and not isinstance(one, UsersError)
    ]
    assert unexpected == []
    assert names_at(contoso).count(wanted) == 1
    with transaction.atomic():
        waiting = Line.objects.filter(batch__customer=contoso, state=Line.State.TRYING)
        assert waiting.count() == 0


@pytest.mark.parametrize("name", LOOKALIKES)
def test_lookalike_name_is_refused(inside, contoso, as_alice, alice, name):
    factories.user(contoso, "Kim", user_name="kim.smith@contoso.example")

    response = as_alice.post(
        "/customers/contoso/users/add/",
        {
            "token": str(tenancy.uuid7()),
            "display_name": "Kim",
            "user_name": name,
            "domain": "contoso.example",
            "location": "US",
            "kind": "user",
        },
    )

    assert response.status_code == 422
    assert "user_name" in response.context["form"].errors
    assert names_at(contoso) == ["kim.smith@contoso.example"]


@pytest.mark.parametrize("name", LOOKALIKES)
def test_restore_refuses_lookalike_name(inside, contoso, alice, name):
    gone = factories.user(contoso, "Kim", user_name="kim.smith@contoso.example")
    start_batch(batch=plan_deletes(customer=contoso, users=[gone.pk], by=alice), by=alice)
    factories.user(contoso, "Another Kim", user_name="kim.smith@contoso.example")
    plan = plan_restores(customer=contoso, users=[gone.pk], by=alice)

    refused = rename_restored(batch=plan, number=1, local_part=name, by=alice)

    assert refused == ["not_ascii"]


def test_database_refuses_second_active_user_name(inside, contoso):
    factories.user(contoso, "Kim", user_name="kim.smith@contoso.example")

    with pytest.raises(IntegrityError, match="user_name_once"), transaction.atomic():
        factories.user(contoso, "Kim", user_name="kim.smith@contoso.example")


@pytest.mark.django_db
def test_the_database_itself_refuses_capitals(contoso):
    with pytest.raises(IntegrityError, match="user_name_lower"), transaction.atomic():
        factories.user(contoso, "Kim", user_name="Kim.Smith@contoso.example")
