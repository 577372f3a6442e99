"""Wake-ups: ids in, one operation called."""

from celery import shared_task

from partners import operations as partners
from partners import tenancy
from partners.queries import find_partners
from partners.tenancy import TenantTask

from . import operations, queries


@shared_task(base=TenantTask, name="users.run_chunk")
def run_chunk(*, partner_id: str, batch_id: str, number: int) -> None:
    """Run one chunk of a batch; chunk 0 is the check of an uploaded file."""
    if number == 0:
        operations.check_upload(batch_id=batch_id)
    else:
        operations.run_chunk(batch_id=batch_id, number=number)


@shared_task(base=TenantTask, name="users.send_handovers")
def send_handovers(*, partner_id: str, batch_id: str) -> None:
    """Send the mails of a batch that wait."""
    operations.send_handovers(batch_id=batch_id)


@shared_task(base=TenantTask, name="users.fill_waiting")
def fill_waiting(*, partner_id: str, customer_id: str) -> None:
    """Give a customer's free seats to those who wait for them."""
    operations.fill_waiting(customer_id=customer_id)


@shared_task(base=TenantTask, name="users.cut_bundle")
def cut_bundle(*, partner_id: str, bundle_id: str) -> None:
    """Cut a file with people of many customers into an import for each."""
    operations.cut_bundle(bundle_id=bundle_id)


@shared_task(name="users.sweep")
def sweep() -> None:
    """Wake the workers for whatever was not told, partner by partner."""
    for partner_id in queries.find_partners_with_work():
        with tenancy.tenant(partner_id):
            operations.sweep()
            operations.sweep_bundles()
    for partner_id in queries.find_partners_with_free_seats():
        with tenancy.tenant(partner_id):
            operations.sweep_waiting()


@shared_task(name="users.wipe")
def wipe() -> None:
    """Destroy secrets and uploaded files past their time, partner by partner."""
    for partner_id in queries.find_partners_to_wipe():
        with tenancy.tenant(partner_id):
            operations.wipe()
            operations.wipe_strays()


@shared_task(name="users.clean")
def clean() -> None:
    """Delete expired sessions and counters: those of no partner, then the others."""
    partners.delete_old_rows()
    for partner_id in find_partners():
        with tenancy.tenant(partner_id):
            operations.delete_old_sessions()


@shared_task(name="users.remind")
def remind() -> None:
    """Remind members of passwords that can be handed over for another day, partner by partner."""
    for partner_id in queries.find_partners_to_remind():
        with tenancy.tenant(partner_id):
            operations.remind()


@shared_task(name="users.purge")
def purge() -> None:
    """Purge deleted users whose day has come, partner by partner."""
    for partner_id in queries.find_partners_to_purge():
        with tenancy.tenant(partner_id):
            operations.purge_due()


@shared_task(name="users.recount")
def recount() -> None:
    """Count anew what triggers keep count of, partner by partner."""
    for partner_id in find_partners():
        with tenancy.tenant(partner_id):
            operations.recount()
