"""An act on one user: planned and run in one transaction, without the page of a plan."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from batches.acts import Offer, get_act
from batches.errors import UsersError
from batches.models import Batch, Line
from batches.operations.control import start_batch
from batches.queries.undo import find_undo
from customers.counts import lock_customer
from partners.models import Member
from users.models import CustomerUser

# A question that was answered longer ago is not answered twice by a double click.
KEPT_FOR = timedelta(days=1)


class ChangedMeanwhile(UsersError):
    message = _(
        "This user was changed after you opened this. Nothing was done. Check what’s shown now,"
        " then try again."
    )


class NotDone(UsersError):
    """The line cannot run, or has failed; it says why, and nothing of it is kept."""

    message = _("Nothing was changed.")

    def __init__(self, line: Line):
        super().__init__()
        self.line = line


@contextmanager
def unkept() -> Iterator[None]:
    """Undo in the end what is written inside: for a plan that is only looked at."""
    with transaction.atomic():
        try:
            yield
        finally:
            transaction.set_rollback(True)


@transaction.atomic
def run_at_once(
    *,
    user: CustomerUser,
    offer: Offer,
    arguments: Mapping[str, Any],
    answer: Callable[[Batch], dict],
    key: UUID,
    version: int,
    by: Member,
) -> Batch:
    """
    Plan an act on one user and run it; with a key that was used already for it, return its batch.

    `answer` gets the plan and returns the arguments of `start_batch`, or refuses by raising.

    :raises ChangedMeanwhile: where the user has another version now, or the batch was undone.
    :raises NotDone: where the user's line cannot run, or has failed.
    :raises UsersError: where the plan, the answer or the start is refused.
    """
    lock_customer(user.customer)
    # Ids begin with their time, and an index has the member's batches by them.
    since = UUID(int=int((timezone.now() - KEPT_FOR).timestamp() * 1000) << 80)
    mine = Batch.objects.filter(customer=user.customer, by=by, pk__gt=since)
    done = mine.filter(options__key=str(key)).first()
    if done is not None and _answers(done, offer, user):
        if find_undo(done):
            raise ChangedMeanwhile
        return done
    batch = offer.plan(
        customer=user.customer, users=[user.pk], **{**offer.arguments, **arguments}, by=by
    )
    if not CustomerUser.objects.filter(pk=user.pk, version=version).exists():
        raise ChangedMeanwhile
    answers = answer(batch)
    line = batch.lines.defer("sealed").get()
    if line.state == Line.State.INVALID:
        raise NotDone(line)
    batch.options["key"] = str(key)
    batch.save(update_fields=["options"])
    batch = start_batch(batch=batch, **answers, by=by)
    line.refresh_from_db(fields=["state", "result"])
    if line.state == Line.State.FAILED:
        line.batch = batch
        raise NotDone(line)
    return batch


def _answers(batch: Batch, offer: Offer, user: CustomerUser) -> bool:
    return get_act(batch.kind).offer is offer and batch.lines.filter(user_id=user.pk).exists()
