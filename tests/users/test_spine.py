from licensing.models import Subscription
from users import operations
from users.models import CustomerUser, Line, UserCount


def test_it_adds_a_user_with_a_license(contoso, office, alice):
    added = operations.add_user(
        customer=contoso,
        person={
            "user_name": "wang@contoso.example",
            "display_name": "王建国",
            "location": "CN",
            "products": [{"subscription": str(office.pk), "plans_off": []}],
        },
        by=alice,
    )

    user = CustomerUser.objects.get(user_name="wang@contoso.example")
    assert added.line.state == Line.State.DONE
    assert Subscription.objects.get(pk=office.pk).assigned == 1
    count = UserCount.objects.get(customer=contoso)
    assert (count.active, count.unlicensed) == (1, 0)
    assert user.password_state == "temporary"


def test_it_resets(contoso, office, alice):
    from tests import factories

    user = factories.user(contoso, "Ann")
    batch = operations.plan_resets(customer=contoso, users=[user.pk], by=alice)
    batch = operations.start_batch(batch=batch, by=alice)

    assert batch.state == "done"
    assert Line.objects.get(batch=batch).state == "done"
