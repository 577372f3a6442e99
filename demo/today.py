"""What members of the demo did today, so that every kind of result is there."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from django.utils import timezone

from batches.models import Batch
from batches.operations.control import cancel_batch, start_batch
from batches.operations.lease import run_job
from customers import operations as offices
from customers.models import Customer
from imports.operations.check import receive_file
from licensing.models import Subscription
from licensing.operations.seats import Wanted, assign
from licensing.operations.subscriptions import change_subscription
from partners.models import Invitation, Member
from partners.operations.invitations import invite_member
from partners.operations.members import deactivate_member
from partners.roles import Role
from users.acts.add import add_user
from users.acts.block import plan_blocks
from users.acts.delete import plan_deletes
from users.acts.edit import plan_edits
from users.acts.hold import plan_holds
from users.acts.licenses import Changes, plan_licenses
from users.acts.profile import edit_user
from users.acts.purge import plan_purges
from users.acts.reset import plan_resets
from users.acts.restore import plan_restores
from users.acts.undo import plan_undo
from users.acts.waitlist import fill_waiting
from users.models import CustomerUser


def act(members: Sequence[Member]) -> None:
    """Do something of every kind, so that there are batches in every state."""
    mira, jonas, tao = members[:3]
    customers = {customer.slug: customer for customer in Customer.objects.all()}
    _import_with_failures(customers["jiangnan-design"], by=tao)
    # Users that are being added one by one; their sheet is open.
    _add(customers["orchard-foods"], "amara.okafor", "Amara", "Okafor", by=mira)
    _add(customers["orchard-foods"], "jonas.haddad", "Jonas", "Haddad", by=mira)
    _plan_import(customers["brightwater-schools"], by=mira)
    start_batch(batch=_plan_reset(customers["kestrel-logistics"], 12, by=jonas), by=jonas)
    _upload(customers["vidya-institute"], "staff-photo.csv", b"\xff\xd8\xff\xe0 JFIF", by=jonas)
    cancel_batch(batch=_plan_reset(customers["sunrise-clinics"], 3, by=jonas), by=jonas)
    _plan_reset(customers["severny-mayak"], 5, by=mira)
    _run_out_of_seats(customers["sunrise-clinics"], by=jonas)
    _block(customers["cafe-lumiere"], by=tao)
    edited = _plain(customers["aegean-shipping"]).order_by("sort_key", "pk").first()
    _change(edited, by=jonas, job_title="Head of department", department="Operations")
    _plan_move(customers["aegean-shipping"], by=jonas)
    _plan_staff_list(customers["osterberg-legal"], by=jonas)
    _plan_delete_of_administrator(customers["osterberg-legal"], by=mira)
    _plan_restore_of_taken_name(customers["orchard-foods"], by=mira)
    _purge(customers["kestrel-logistics"], by=mira)
    _hold(customers["kestrel-logistics"], by=mira)
    _edit_and_undo(customers["cafe-lumiere"], by=mira)
    _wait_in_line(customers["sunrise-clinics"], by=jonas)
    offices.archive_customer(customer=customers["quarry-hill-farm"], by=mira)
    offices.reactivate_customer(customer=customers["quarry-hill-farm"], by=mira)
    _keep_staff(by=mira)


def _upload(
    customer: Customer, name: str, content: bytes, *, products: int = 0, by: Member
) -> Batch:
    """Upload a file, and let it be checked; its users get the first products of the customer."""
    defaults = {
        "domain": customer.domains.get(is_default=True).name,
        "location": customer.location,
        "products": _first_products(customer, products),
    }
    options = {"defaults": defaults}
    batch = receive_file(customer=customer, name=name, parts=[content], options=options, by=by)
    run_job(job_id=batch.jobs.get().pk)
    batch.refresh_from_db()
    return batch


def _first_products(customer: Customer, number: int) -> list[dict]:
    bought = customer.subscriptions.order_by("pk")[:number]
    return [{"subscription": str(subscription.pk), "disabled_plans": []} for subscription in bought]


def _import_with_failures(customer: Customer, *, by: Member) -> None:
    """A finished import: some users lack a seat, names were taken, one domain is unknown."""
    names = [f"xin{number}" for number in range(1, 11)]
    rows = [f"新,{given},{name}" for given, name in zip("一二三四五六七八九十", names, strict=True)]
    taken = _plain(customer).order_by("sort_key", "pk").values_list("user_name", flat=True)[0]
    rows += [f"新,同名,{taken}", "新,无名,no.one@elsewhere.example"]
    content = "\n".join(["姓,名,用户名", *rows]).encode()
    batch = _upload(customer, "新员工.csv", content, products=2, by=by)
    # Until the import is started, another user gets a name in it.
    domain = customer.domains.get(is_default=True).name
    other = _plain(customer).order_by("sort_key", "pk")[1]
    _change(other, by=by, user_name=f"{names[3]}@{domain}")
    start_batch(batch=batch, by=by)


def _add(customer: Customer, local: str, first: str, last: str, *, by: Member) -> None:
    person = {
        "user_name": f"{local}@{customer.domains.get(is_default=True).name}",
        "display_name": f"{first} {last}",
        "first_name": first,
        "last_name": last,
        "location": customer.location,
        "language": customer.language,
        "contact_email": f"{local}@home.example",
        "products": _first_products(customer, 1),
    }
    add_user(customer=customer, person=person, by=by)


def _plan_import(customer: Customer, *, by: Member) -> None:
    """An import that was checked and waits to be started."""
    rows = [f"intake.pupil{number},Pupil,{number:03}" for number in range(1, 121)]
    content = "\n".join(["User name,First name,Last name", *rows]).encode()
    _upload(customer, "september-intake.csv", content, products=1, by=by)


def _plan_staff_list(customer: Customer, *, by: Member) -> None:
    """A list of a personnel office, with more in it than people to add."""
    present = _plain(customer).order_by("sort_key", "pk").first()
    _upload(
        customer,
        "staff-2026.csv",
        f"""\
Staff list;;;;;
Employee name;Given name;Surname;Login;Department;Status
Lena Achterberg;Lena;Achterberg;lena.achterberg;Notary;Active
Omar Siddiqui;Omar;Siddiqui;OSTERBERG\\omar.siddiqui;Contracts;Active
InÃ¨s Roussel;InÃ¨s;Roussel;ines.roussel;Contracts;On leave
Paul Vintner;Paul;Vintner;paul.vintner;Notary;Suspended
Greta Holm;Greta;Holm;greta.holm;Reception;Left
Employee name;Given name;Surname;Login;Department;Status
Rosa Delacroix;Rosa;Delacroix;;Reception;Active
{present.display_name};;;{present.user_name};n/a;Active
Total: 8;;;;;
""".encode(),
        products=1,
        by=by,
    )


def _plan_reset(customer: Customer, number: int, *, by: Member) -> Batch:
    return plan_resets(customer=customer, users=_keys(_plain(customer), number), by=by)


def _run_out_of_seats(customer: Customer, *, by: Member) -> None:
    """Four users are deleted, others get their seats, and they are restored without."""
    office, defender = (
        customer.subscriptions.select_related("product").get(product__name=name)
        for name in ("Enterprise E3", "Defender P1")
    )
    holders = _keys(_plain(customer).filter(assignments__subscription=office), 9)
    leaving, changing = holders[:4], holders[4:]
    assign(
        customer=customer,
        wanted=[Wanted(key, defender.pk) for key in leaving],
        cause=None,
    )
    deletion = plan_deletes(customer=customer, users=leaving, by=by)
    start_batch(batch=deletion, reason="The ward in the old building closed", by=by)
    _change_licenses(customer, changing, Changes(remove=frozenset([str(office.pk)])), by=by)
    _leave_free(office, 2, by=by)
    _change_licenses(customer, changing, Changes(add=frozenset([str(office.pk)])), by=by)
    batch = plan_restores(customer=customer, users=leaving, by=by)
    start_batch(batch=batch, new_passwords=False, by=by)


def _change_licenses(customer: Customer, chosen: list[UUID], changes, *, by: Member) -> None:
    batch = plan_licenses(customer=customer, users=chosen, changes=changes, by=by)
    start_batch(batch=batch, by=by)


def _leave_free(bought: Subscription, number: int, *, by: Member) -> None:
    assigned = bought.assignments.count()
    change_subscription(
        subscription=bought,
        seats=assigned + number,
        state=bought.state,
        renews_on=bought.renews_on,
        by=by,
    )


def _plain(customer: Customer):
    """The customer's active users without administrators."""
    return customer.users.filter(deleted_at=None, is_administrator=False)


def _keys(people, number: int) -> list[UUID]:
    return list(people.order_by("sort_key", "pk").values_list("pk", flat=True)[:number])


def _block(customer: Customer, *, by: Member) -> None:
    """Three users are blocked, and one of them is unblocked."""
    chosen = _keys(_plain(customer).filter(is_blocked=False), 3)
    for some, block, reason in ((chosen, True, "Devices were stolen"), (chosen[:1], False, "")):
        batch = plan_blocks(customer=customer, users=some, block=block, by=by)
        start_batch(batch=batch, reason=reason, by=by)


def _change(user: CustomerUser, *, by: Member, **changed: str) -> None:
    texts = ("user_name", "first_name", "last_name", "display_name", "job_title", "department")
    texts += ("phone", "contact_email", "location", "language")
    person = {name: getattr(user, name) for name in texts} | {"permissions": []}
    edit_user(user=user, person=person | changed, version=user.version, by=by)


def _plan_move(customer: Customer, *, by: Member) -> None:
    """A plan to move users to where one of their products is not sold."""
    plain = _plain(customer)
    callers = plain.filter(assignments__subscription__product__name="Calling Plan")
    chosen = {*_keys(callers, 2), *_keys(plain, 6)}
    plan_edits(customer=customer, users=chosen, changes={"location": "CN"}, by=by)


def _plan_delete_of_administrator(customer: Customer, *, by: Member) -> None:
    """A plan that would leave the customer without an administrator."""
    administrators = customer.users.filter(deleted_at=None, is_administrator=True)
    chosen = [*_keys(administrators, 5), *_keys(_plain(customer), 3)]
    plan_deletes(customer=customer, users=chosen, by=by)


def _plan_restore_of_taken_name(customer: Customer, *, by: Member) -> None:
    """A plan in which one user cannot be restored without a new user name."""
    gone = list(customer.users.exclude(deleted_at=None).order_by("sort_key", "pk")[:3])
    other = _plain(customer).order_by("sort_key", "pk").first()
    _change(other, by=by, user_name=gone[0].user_name)
    plan_restores(customer=customer, users=[user.pk for user in gone], by=by)


def _purge(customer: Customer, *, by: Member) -> None:
    gone = customer.users.exclude(deleted_at=None)
    batch = plan_purges(customer=customer, users=_keys(gone, 1), by=by)
    start_batch(batch=batch, reason="Request for erasure", by=by)


def _hold(customer: Customer, *, by: Member) -> None:
    """Two users are kept for a lawsuit, and one can be restored for a month longer."""
    gone = _keys(customer.users.exclude(deleted_at=None), 3)
    for some, choice, reason in (
        (gone[:2], {"act": "hold"}, "A lawsuit: nothing may be lost"),
        (gone[2:], {"act": "extend", "days": 30}, "May come back next month"),
    ):
        batch = plan_holds(customer=customer, users=some, **choice, by=by)
        start_batch(batch=batch, reason=reason, by=by)


def _edit_and_undo(customer: Customer, *, by: Member) -> None:
    """Users get a department by mistake."""
    chosen = _keys(_plain(customer), 5)
    changes = {"department": "Events"}
    batch = plan_edits(customer=customer, users=chosen, changes=changes, by=by)
    undo = plan_undo(batch=start_batch(batch=batch, by=by), by=by)
    start_batch(batch=undo, reason="These were the wrong people", by=by)


def _wait_in_line(customer: Customer, *, by: Member) -> None:
    """Three users wait for a license; one seat becomes free, and two go on waiting."""
    office = customer.subscriptions.get(product__name="Enterprise E3")
    _leave_free(office, 0, by=by)
    wanting = _plain(customer).exclude(assignments__subscription=office).exclude(location="")
    changes = Changes(add=frozenset([str(office.pk)]))
    batch = plan_licenses(
        customer=customer, users=_keys(wanting, 3), changes=changes, when_short="queue", by=by
    )
    start_batch(batch=batch, by=by)
    office.refresh_from_db()
    _leave_free(office, 1, by=by)
    fill_waiting(customer_id=customer.pk)


def _keep_staff(*, by: Member) -> None:
    """A member is deactivated, another is invited, and a third invitation has expired."""
    former = Member.objects.create_user(
        "karl.holm@halden.example",
        partner_id=by.partner_id,
        name="Karl Holm",
        role=Role.SALES_AGENT,
        time_zone=by.time_zone,
    )
    deactivate_member(member=former, by=by)
    for email, role in (
        ("noor.khan@halden.example", Role.HELPDESK_AGENT),
        ("ida.berg@halden.example", Role.READER),
    ):
        invited = invite_member(email=email, role=role, is_limited=False, by=by)
    too_old = timezone.now() - timedelta(days=1)
    Invitation.objects.filter(pk=invited.invitation.pk).update(expires_at=too_old)
