"""Wake-ups: ids in, one operation called."""

from celery import shared_task

from batches.operations import lease, wake
from batches.queries.routes import find_partners_with_pending_jobs
from partners import tenancy
from partners.tenancy import TenantTask


@shared_task(base=TenantTask, name="batches.run_job")
def run_job(*, partner_id: str, job_id: str) -> None:
    """Do a job."""
    lease.run_job(job_id=job_id)


@shared_task(name="batches.sweep")
def sweep() -> None:
    """Wake the workers for jobs without a wake-up, partner by partner."""
    for partner_id in find_partners_with_pending_jobs():
        with tenancy.tenant(partner_id):
            wake.sweep()
