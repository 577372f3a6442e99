import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from audit.models import Event
from licensing import queries
from licensing.models import Product, ProductRule
from licensing.operations.catalog import Description, edit_product
from partners import tenancy
from tests import factories
from tests.licensing.test_subscriptions import hold

URL = "/catalog/"


def typed(product=None, **fields):
    """What the form sends for this product, or for a new one."""
    plans = product.plans.all() if product else ()
    return {
        "name": product.name if product else "Mail",
        "part_number": product.part_number if product else "M-1",
        **{f"plan_{plan.pk}": plan.name for plan in plans},
    } | fields


def plans(product):
    return list(product.plans.order_by("name").values_list("name", flat=True))


def actions():
    return list(Event.objects.order_by("pk").values_list("action", "subject_name"))


def test_the_catalog_shows_plans_and_what_was_bought(as_alice, office):
    hold(office, 2)

    page = as_alice.get(URL).content.decode()

    assert "Mail, Meetings" in page
    assert "2 / 5" in page
    assert f'href="{URL}{office.product_id}/"' in page
    assert "Office E3" in as_alice.get(f"{URL}?q=OFFICE").content.decode()
    assert "No products match" in as_alice.get(f"{URL}?q=nothing").content.decode()


def test_an_empty_catalog_says_so(as_alice, inside):
    assert "No products yet" in as_alice.get(URL).content.decode()


def test_a_limited_member_learns_nothing_of_other_customers(client, northwind, office):
    client.force_login(factories.member(northwind, "lim", is_limited=True))

    assert "0 / 0" in client.get(URL).content.decode()
    page = client.get(f"{URL}{office.product_id}/").content.decode()
    assert "Contoso" not in page
    assert "Office E3" in page


def test_a_product_is_added_with_its_plans(as_alice, inside, office):
    answer = as_alice.post(
        f"{URL}add/",
        typed(
            description="Post",
            not_sold_in=["CN", "RU"],
            requires=[str(office.product_id)],
            new_plans=" Mailbox \r\n\r\nArchive",
        ),
    )

    product = Product.objects.get(name="Mail")
    assert answer["Location"] == f"{URL}{product.pk}/"
    assert (product.part_number, product.description) == ("M-1", "Post")
    assert product.not_sold_in == ["CN", "RU"]
    assert plans(product) == ["Archive", "Mailbox"]
    assert queries.get_others(product).requires == (office.product,)
    assert actions() == [
        ("product.added", "Mail"),
        ("plan.added", "Mailbox"),
        ("plan.added", "Archive"),
    ]
    page = as_alice.get(answer["Location"]).content.decode()
    assert "Russia" in page
    assert "Office E3" in page


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", " "),
        ("name", "x" * 121),
        ("part_number", ""),
        ("not_sold_in", ["XX"]),
        ("requires", ["nonsense"]),
        ("new_plans", "Mailbox\nmailbox"),
        ("new_plans", "x" * 121),
        ("new_plans", "\n".join(map(str, range(61)))),
    ],
)
def test_what_is_wrong_is_said(as_alice, inside, field, value):
    answer = as_alice.post(f"{URL}add/", typed(**{field: value}))

    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    assert not Product.objects.exists()


def test_a_part_number_is_given_once_at_a_partner(as_alice, office, rival):
    with tenancy.tenant(rival.pk):
        factories.product("CANARY", part_number="M-1")

    taken = as_alice.post(f"{URL}add/", typed(part_number=office.product.part_number))

    assert taken.status_code == 422
    assert list(taken.context["form"].errors) == ["part_number"]
    assert as_alice.post(f"{URL}add/", typed()).status_code == 302


def test_a_product_cannot_require_and_exclude_the_same(as_alice, office):
    other = str(office.product_id)

    answer = as_alice.post(f"{URL}add/", typed(requires=[other], excludes=[other]))

    assert answer.context["form"].errors["excludes"] == [
        "A product can’t both require and exclude the same product: Office E3."
    ]


def test_a_product_and_its_plans_are_changed_at_once(as_alice, office):
    product = office.product
    mail, meetings = product.plans.order_by("name")

    answer = as_alice.post(
        f"{URL}{product.pk}/edit/",
        typed(
            product,
            name="Office E5",
            new_plans="Calls",
            **{f"plan_{mail.pk}": "Mail 100 GB", f"remove_{meetings.pk}": "on"},
        ),
    )

    assert answer["Location"] == f"{URL}{product.pk}/"
    product.refresh_from_db()
    assert product.name == "Office E5"
    assert plans(product) == ["Calls", "Mail 100 GB"]
    assert product.plans.get(name="Mail 100 GB").pk == mail.pk
    assert actions() == [
        ("product.edited", "Office E5"),
        ("plan.removed", "Meetings"),
        ("plan.renamed", "Mail 100 GB"),
        ("plan.added", "Calls"),
    ]
    edited = Event.objects.get(action="product.edited")
    assert (edited.before, edited.after) == ({"name": "Office E3"}, {"name": "Office E5"})


def test_saving_what_is_there_is_no_event(as_alice, office):
    as_alice.post(f"{URL}{office.product_id}/edit/", typed(office.product))

    assert actions() == []


def test_a_plan_is_not_taken_from_those_who_hold_the_product(as_alice, office):
    hold(office, 2)
    mail, meetings = office.product.plans.order_by("name")
    url = f"{URL}{office.product_id}/edit/"

    refused = as_alice.post(
        url, typed(office.product, name="Office E5", **{f"remove_{mail.pk}": "on"})
    )

    assert refused.status_code == 422
    assert "2 users have this product" in refused.content.decode()
    assert 'value="Office E5"' in refused.content.decode()
    assert plans(office.product) == ["Mail", "Meetings"]
    assert Product.objects.get().name == "Office E3"
    assert actions() == []

    as_alice.post(url, typed(office.product, **{f"plan_{meetings.pk}": "Calls"}))
    assert plans(office.product) == ["Calls", "Mail"]


def test_an_exclusion_is_seen_and_lifted_from_both_sides(as_alice, office):
    other = factories.product("Mail")
    ProductRule.objects.create(product=office.product, kind="excludes", other=other)
    url = f"{URL}{other.pk}/"

    assert queries.get_others(other).excludes == (office.product,)
    assert "Office E3" in as_alice.get(url).content.decode()
    assert "checked" in as_alice.get(f"{url}edit/").content.decode()

    as_alice.post(f"{url}edit/", typed(other, excludes=[str(office.product_id)]))
    assert ProductRule.objects.count() == 1
    assert actions() == []

    as_alice.post(f"{url}edit/", typed(other))
    assert not ProductRule.objects.exists()
    event = Event.objects.get()
    assert (event.before, event.after) == ({"excludes": ["Office E3"]}, {"excludes": []})


def test_who_requires_the_product_still_does_when_it_is_edited(as_alice, office):
    archive = factories.product("Archive")
    ProductRule.objects.create(product=archive, kind="requires", other=office.product)

    as_alice.post(f"{URL}{office.product_id}/edit/", typed(office.product, name="Office"))

    assert queries.get_others(archive).requires[0].name == "Office"
    assert queries.get_others(office.product).requires == ()


def test_a_rivals_product_answers_like_none(as_alice, office, rival):
    with tenancy.tenant(rival.pk):
        theirs = factories.product("CANARY")

    for url in (f"{URL}{theirs.pk}/", f"{URL}{theirs.pk}/edit/"):
        assert as_alice.get(url).status_code == 404
        assert as_alice.post(url, typed()).status_code in (404, 405)
    page = as_alice.get(URL).content.decode()
    assert "CANARY" not in page
    assert "CANARY" not in as_alice.get(f"{URL}add/").content.decode()


def test_who_may_only_look_sees_the_catalog_and_no_way_to_change_it(client, helen, office):
    client.force_login(helen)

    for url in (URL, f"{URL}{office.product_id}/"):
        page = client.get(url).content.decode()
        assert "Office E3" in page
        assert "/edit/" not in page
        assert f"{URL}add/" not in page
    assert client.post(f"{URL}add/", typed()).status_code == 403
    assert client.post(f"{URL}{office.product_id}/edit/", typed()).status_code == 403


def test_a_stale_plan_is_passed_over(alice, office):
    described = Description(name="Office E3", part_number=office.product.part_number)
    gone = factories.product("Other", plans=("Else",)).plans.get()

    edit_product(
        product=office.product,
        description=described,
        plan_names={gone.pk: "Mine now"},
        removed=[gone.pk],
        by=alice,
    )

    gone.refresh_from_db()
    assert gone.name == "Else"
    assert actions() == []


def test_lists_ask_as_much_for_one_as_for_many(as_alice, office):
    url = f"{URL}{office.product_id}/"
    factories.product("Another", plans=("Plan",))
    as_alice.get(URL)

    def count(address):
        with CaptureQueriesContext(connection) as asked:
            assert as_alice.get(address).status_code == 200
        return len(asked)

    one = [count(URL), count(url), count(f"{url}edit/")]
    with transaction.atomic():
        for number in range(60):
            buyer = factories.customer(f"buyer-{number}", f"Buyer {number}")
            factories.subscription(buyer, "Office E3", product=office.product)
            other = factories.product(f"Product {number}", plans=("Plan",))
            ProductRule.objects.create(product=office.product, kind="requires", other=other)
    many = [count(URL), count(url), count(f"{url}edit/")]

    assert many == one
    assert "Buyer 59" in as_alice.get(url).content.decode()
    assert "page=2" in as_alice.get(URL).content.decode()
    assert as_alice.get(f"{URL}?page=nonsense").status_code == 200
