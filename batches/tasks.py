"""Wake-ups: ids in, one operation called."""

from celery import shared_task

from batches.operations import run
from batches.queries.routes import find_partners_with_pending_chunks
from partners import tenancy
from partners.tenancy import TenantTask


@shared_task(base=TenantTask, name="batches.run_chunk")
def run_chunk(*, partner_id: str, batch_id: str, number: int) -> None:
    """Run one chunk of a batch."""
    run.run_chunk(batch_id=batch_id, number=number)


@shared_task(name="batches.sweep")
def sweep() -> None:
    """Wake the workers for chunks without a wake-up, partner by partner."""
    for partner_id in find_partners_with_pending_chunks():
        with tenancy.tenant(partner_id):
            run.sweep()
