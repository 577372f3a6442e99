from django.urls import reverse

from tests import factories
from users import operations


def page(client, batch, **query):
    return client.get(
        reverse("users:batch", args=[batch.customer.slug, batch.pk]), query_params=query
    )


def reset_of(contoso, alice, n):
    users = [factories.user(contoso, f"Ann {number:03}") for number in range(n)]
    return operations.plan_resets(customer=contoso, users=[user.pk for user in users], by=alice)


def test_a_plan_shows_its_lines_and_the_button(contoso, alice, as_alice):
    batch = reset_of(contoso, alice, 3)

    answer = page(as_alice, batch)

    assert answer.status_code == 200
    assert "Reset 3 passwords" in answer.content.decode()
    assert "Ann 002" in answer.content.decode()


def test_starting_runs_it_and_shows_the_result(contoso, alice, as_alice):
    batch = reset_of(contoso, alice, 3)

    answer = as_alice.post(reverse("users:start", args=["contoso", batch.pk]), follow=True)

    assert "<h1>3 passwords reset</h1>" in answer.content.decode()
