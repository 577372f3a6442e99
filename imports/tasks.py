"""Wake-ups: ids in, one operation called."""

from celery import shared_task

from imports.operations import split, upload
from imports.routes import find_partners_with_expired_files
from partners import tenancy


@shared_task(name="imports.wipe")
def wipe() -> None:
    """Delete uploaded files past their time, partner by partner."""
    for partner_id in find_partners_with_expired_files():
        with tenancy.tenant(partner_id):
            upload.wipe_files()
            split.wipe_unmatched_rows()
