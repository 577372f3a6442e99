from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from customers.models import Scope
from partners import tenancy
from partners.roles import Role
from tests import factories
from users import operations
from users.models import Batch, Line


def reset(customer, by, number=1):
    users = [factories.user(customer, f"U {n}") for n in range(number)]
    return operations.plan_resets(customer=customer, users=[user.pk for user in users], by=by)


def show(client, name="users:all_batches", *arguments, **query):
    answer = client.get(reverse(name, args=arguments), query_params=query)
    assert answer.status_code == 200
    return answer.content.decode()


def test_it_lists_batches_with_what_they_do_or_did(as_alice, alice, contoso):
    reset(contoso, alice, 2)
    operations.start_batch(batch=reset(contoso, alice), by=alice)

    page = show(as_alice)

    assert "Reset 2 passwords" in page
    assert "1 password reset" in page
    assert "Contoso" in page


def test_it_is_filtered_by_state(as_alice, alice, contoso):
    reset(contoso, alice, 2)
    operations.start_batch(batch=reset(contoso, alice), by=alice)

    assert "1 password reset" not in show(as_alice, show="waiting")
    assert "Reset 2 passwords" not in show(as_alice, show="done")


def test_it_is_filtered_by_who_began_it(as_alice, alice, helen, contoso):
    reset(contoso, alice, 2)
    reset(contoso, helen, 3)

    mine = show(as_alice, by="me")

    assert "Reset 2 passwords" in mine
    assert "Reset 3 passwords" not in mine


def test_a_customer_has_a_list_of_its_own(as_alice, alice, contoso):
    reset(contoso, alice, 2)
    reset(factories.customer("fabrikam", "Fabrikam"), alice, 3)

    page = show(as_alice, "users:customer_batches", "contoso")

    assert "Reset 2 passwords" in page
    assert "Reset 3 passwords" not in page


def test_a_limited_member_sees_the_batches_of_his_customers(client, northwind, alice, contoso):
    fabrikam = factories.customer("fabrikam", "Fabrikam")
    reset(contoso, alice, 2)
    reset(fabrikam, alice, 3)
    lim = factories.member(northwind, "lim", role=Role.HELPDESK_AGENT, is_limited=True)
    Scope.objects.create(member=lim, customer=fabrikam)
    client.force_login(lim)

    page = show(client)

    assert "Reset 3 passwords" in page
    assert "Reset 2 passwords" not in page


def test_a_rival_sees_none_of_them(client, mallory, rival, alice, contoso):
    reset(contoso, alice, 2)
    client.force_login(mallory)
    with tenancy.tenant(rival.pk):
        page = show(client)

    assert "Contoso" not in page
    assert "No batches" in page


def test_a_running_one_shows_its_progress(as_alice, alice, contoso):
    batch = reset(contoso, alice, 4)
    Batch.objects.update(state="running")
    Line.objects.filter(batch=batch, number=1).update(state="done")

    assert '<progress value="1" max="4"' in show(as_alice)


def test_it_is_paged_by_place(as_alice, alice, contoso):
    batches = [reset(contoso, alice) for _ in range(55)]
    for number, batch in enumerate(batches):
        Batch.objects.filter(pk=batch.pk).update(source_name=f"no-{number:02}")

    first = show(as_alice)
    second = show(as_alice, after=batches[5].pk)
    back = show(as_alice, before=batches[4].pk)

    assert "no-54" in first
    assert "no-05" in first
    assert "no-04" not in first
    assert "no-04" in second
    assert "no-00" in second
    assert "no-05" not in second
    assert "no-54" in back
    assert "no-05" in back


def test_it_asks_as_many_queries_for_fifty_as_for_one(as_alice, alice, contoso):
    reset(contoso, alice)
    show(as_alice)
    with CaptureQueriesContext(connection) as one:
        show(as_alice)
    for number in range(49):
        reset(factories.customer(f"c{number}", f"C {number}"), alice)

    with CaptureQueriesContext(connection) as fifty:
        show(as_alice)

    assert len(one) == len(fifty)


def test_an_address_that_means_nothing_is_the_first_page(as_alice, alice, contoso):
    reset(contoso, alice, 2)

    assert "Reset 2 passwords" in show(as_alice, after="x'--", show="<b>")
