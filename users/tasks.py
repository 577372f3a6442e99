"""Wake-ups: ids in, one operation called."""

from celery import shared_task

from partners import tenancy
from partners.operations.clean import delete_old_rows
from partners.queries import find_partners
from partners.tenancy import TenantTask
from users import recount as counts
from users.acts import waitlist
from users.acts.purge import purge_due
from users.acts.selection import delete_old_selections
from users.my.operations import delete_old_sessions
from users.queries.routes import find_partners_to_purge, find_partners_with_free_seats


@shared_task(base=TenantTask, name="users.fill_waiting")
def fill_waiting(*, partner_id: str, customer_id: str) -> None:
    """Assign a customer's free seats to users on the waitlist."""
    waitlist.fill_waiting(customer_id=customer_id)


@shared_task(name="users.sweep")
def sweep() -> None:
    """Wake the workers for free seats that users wait for, partner by partner."""
    for partner_id in find_partners_with_free_seats():
        with tenancy.tenant(partner_id):
            waitlist.sweep_waiting()


@shared_task(name="users.clean")
def clean() -> None:
    """Delete expired rows without a partner, then sessions and selections by partner."""
    delete_old_rows()
    for partner_id in find_partners():
        with tenancy.tenant(partner_id):
            delete_old_sessions()
            delete_old_selections()


@shared_task(name="users.purge")
def purge() -> None:
    """Purge deleted users on the day of their purge, partner by partner."""
    for partner_id in find_partners_to_purge():
        with tenancy.tenant(partner_id):
            purge_due()


@shared_task(name="users.recount")
def recount() -> None:
    """Recompute the counts that triggers maintain, partner by partner."""
    for partner_id in find_partners():
        with tenancy.tenant(partner_id):
            counts.recount()
