"""What the page of an import shows: how the file was read, and its repairs."""

from django.utils.translation import gettext_lazy as _

from batches.models import Batch
from batches.page import Facts, Panel
from imports import texts
from imports.act import IMPORT, describe_missing_users, explain_notices, overview, stop
from partners.roles import Permission

STEPS = [_("Upload"), _("Check"), _("Import"), _("Hand over")]
STEP_OF = {
    "checking": 2,
    "refused": 1,
    "planned": 2,
    "running": 3,
    "paused": 3,
    "done": 4,
    "canceled": 2,
}


def _values(batch: Batch, facts: Facts) -> dict:
    if batch.kind != IMPORT.kind:
        return {}
    return {
        "steps": STEPS,
        "step": STEP_OF.get(batch.state, 1),
        "refusal": texts.refusal(batch) if batch.state == "refused" else "",
        "detected": texts.describe(batch),
        "notices": explain_notices(batch),
        "rows_read": texts.describe_rows([batch]) if batch.state == "planned" else "",
        "overview": overview(batch, facts.acts),
        "missing_users": describe_missing_users(batch, facts.acts),
        "stop": stop(batch, facts.acts),
        "repairs": texts.find_repairs(batch, facts.products),
        "repaired": texts.describe_last_repair(batch),
        "may_repair": batch.state == "planned" and facts.may_start,
        "is_held": batch.options.get("mode") == "all" and facts.progress.invalid > 0,
        "has_errors": facts.member.may(Permission.MANAGE_USERS) and _has_errors(batch, facts),
    }


def _has_errors(batch: Batch, facts: Facts) -> bool:
    # While the rows are checked again, those with errors are not known.
    is_open = batch.state in {Batch.State.CHECKING, Batch.State.REFUSED}
    return batch.rows_wiped_at is None and not is_open and facts.progress.not_done > 0


PANEL = Panel(_values)
