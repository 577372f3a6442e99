"""Wake-ups: ids in, one operation called."""

from celery import shared_task

from imports.operations import check, split, upload
from imports.routes import find_partners_with_expired_files, find_partners_with_unsplit_files
from partners import tenancy
from partners.tenancy import TenantTask


@shared_task(base=TenantTask, name="imports.check")
def check_upload(*, partner_id: str, batch_id: str, number: int) -> None:
    """Check the file of an import."""
    check.check_upload(batch_id=batch_id)


@shared_task(base=TenantTask, name="imports.split")
def split_bundle(*, partner_id: str, bundle_id: str) -> None:
    """Split a file with users of several customers."""
    split.split_bundle(bundle_id=bundle_id)


@shared_task(name="imports.sweep")
def sweep() -> None:
    """Wake the workers for files without a wake-up, partner by partner."""
    for partner_id in find_partners_with_unsplit_files():
        with tenancy.tenant(partner_id):
            split.sweep_bundles()


@shared_task(name="imports.wipe")
def wipe() -> None:
    """Delete uploaded files past their time, partner by partner."""
    for partner_id in find_partners_with_expired_files():
        with tenancy.tenant(partner_id):
            upload.wipe_files()
            split.wipe_unmatched_rows()
