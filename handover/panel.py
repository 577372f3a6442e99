"""The passwords to hand over, on the page of a batch."""

from batches.models import Batch
from batches.page import Facts, Panel
from handover.queries.sheet import get_handover
from partners.roles import Permission


def _values(batch: Batch, facts: Facts) -> dict:
    return {
        "handover": get_handover(batch, member=facts.member),
        "may_open_sheet": facts.member.may(Permission.RESET_PASSWORDS),
    }


PANEL = Panel(_values)
