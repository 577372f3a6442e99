"""Wake-ups: ids in, one operation called."""

from celery import shared_task

from handover.operations import mail, sheet
from handover.routes import (
    find_partners_to_remind,
    find_partners_with_expired_secrets,
    find_partners_with_queued_mails,
)
from partners import tenancy
from partners.tenancy import TenantTask


@shared_task(base=TenantTask, name="handover.send")
def send_handovers(*, partner_id: str, batch_id: str) -> None:
    """Send the queued emails of a batch."""
    mail.send_handovers(batch_id=batch_id)


@shared_task(name="handover.sweep")
def sweep() -> None:
    """Wake the workers for emails without a wake-up, partner by partner."""
    for partner_id in find_partners_with_queued_mails():
        with tenancy.tenant(partner_id):
            mail.sweep_emails()


@shared_task(name="handover.wipe")
def wipe() -> None:
    """Delete temporary passwords past their time, partner by partner."""
    for partner_id in find_partners_with_expired_secrets():
        with tenancy.tenant(partner_id):
            sheet.wipe()


@shared_task(name="handover.remind")
def remind() -> None:
    """Remind members of passwords that can't be handed over for much longer, partner by partner."""
    for partner_id in find_partners_to_remind():
        with tenancy.tenant(partner_id):
            mail.remind()
