"""Sentences for batches and events: actor, action, subject, customer."""

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from audit.models import Event
from batches.acts import count, texts_of
from batches.models import Batch
from customers.models import Customer

# An icon and a sentence; subject and customer may be "–".
EVENTS: dict[str, tuple[str, Promise]] = {
    "activity.exported": ("download", _("{by} exported the activity log")),
    "batch.canceled": ("x", _("{by} canceled a job at {customer}")),
    "batch.paused": ("hourglass", _("{by} paused a job at {customer}")),
    "batch.resumed": ("arrow-right", _("{by} resumed a job at {customer}")),
    "batch.stopped": ("player-stop", _("{by} stopped a job at {customer}")),
    "batch.retried": ("refresh", _("{by} retried a job at {customer}")),
    "batch.started": ("list-check", _("{by} started a job at {customer}")),
    "batch.finished": ("check", _("A job of {by} at {customer} finished")),
    "user.licenses_changed": ("license", _("{by} changed the licenses of {subject} at {customer}")),
    "user.added": ("user-plus", _("{by} added {subject} at {customer}")),
    "user.edited": ("pencil", _("{by} edited {subject} at {customer}")),
    "user.deleted": ("trash", _("{by} deleted {subject} at {customer}")),
    "user.restored": ("arrow-back-up", _("{by} restored {subject} at {customer}")),
    "user.purged": ("trash", _("{by} purged {subject} at {customer}")),
    "user.purge_held": ("lock", _("{by} held the purge of {subject} at {customer}")),
    "user.purge_released": (
        "lock-open",
        _("{by} released the purge hold of {subject} at {customer}"),
    ),
    "user.purge_moved": (
        "clock",
        _("{by} changed the purge date of {subject} at {customer}"),
    ),
    "user.blocked": ("ban", _("{by} blocked the sign-in of {subject} at {customer}")),
    "user.unblocked": ("lock-open", _("{by} unblocked the sign-in of {subject} at {customer}")),
    "user.password_reset": ("key", _("{by} reset the password of {subject} at {customer}")),
    "user.signed_in": ("arrow-right", _("{subject} at {customer} signed in")),
    "user.signed_out": ("x", _("{subject} at {customer} signed out")),
    "user.sign_in_failed": ("alert-triangle", _("A sign-in as {subject} at {customer} failed")),
    "user.locked_out": ("lock", _("The sign-in of {subject} at {customer} was locked")),
    "user.password_ended": (
        "key",
        _("{by} made {subject} at {customer} an administrator, so the temporary password ended"),
    ),
    "user.password_chosen": ("shield-check", _("{subject} chose a password at {customer}")),
    "batch.exported": ("download", _("{by} downloaded the result of a job at {customer}")),
    "batch.errors_exported": (
        "download",
        _("{by} downloaded the rows with errors of a job at {customer}"),
    ),
    "users.exported": ("download", _("{by} exported users of {customer}")),
    "customer.added": ("plus", _("{by} added the customer {subject}")),
    "customer.archived": ("ban", _("{by} archived the customer {subject}")),
    "customer.edited": ("pencil", _("{by} edited the details of {customer}")),
    "customer.notes_changed": ("pencil", _("{by} changed the notes about {customer}")),
    "customer.policies_changed": ("settings", _("{by} changed the policies of {customer}")),
    "customer.reactivated": (
        "arrow-back-up",
        _("{by} reactivated the customer {subject}"),
    ),
    "customer.sign_ins_attacked": (
        "alert-triangle",
        _("Many sign-ins failed at {customer}. Further ones in this hour are not listed."),
    ),
    "domain.added": ("world-www", _("{by} added the domain {subject} at {customer}")),
    "domain.made_default": (
        "star",
        _("{by} made {subject} the default domain at {customer}"),
    ),
    "domain.removed": ("trash", _("{by} removed the domain {subject} at {customer}")),
    "domain.unverified": (
        "world-www",
        _("{by} marked the domain {subject} at {customer} as not verified"),
    ),
    "domain.verified": (
        "check",
        _("{by} marked the domain {subject} at {customer} as verified"),
    ),
    "plan.added": ("plus", _("{by} added the service plan {subject}")),
    "plan.removed": ("trash", _("{by} removed the service plan {subject}")),
    "plan.renamed": ("pencil", _("{by} renamed the service plan {subject}")),
    "product.added": ("plus", _("{by} added the product {subject}")),
    "product.edited": ("pencil", _("{by} edited the product {subject}")),
    "subscription.added": ("certificate", _("{by} added {subject} at {customer}")),
    "subscription.in_grace": (
        "hourglass",
        _("{by} moved {subject} at {customer} to its grace period"),
    ),
    "subscription.reactivated": (
        "refresh",
        _("{by} reactivated {subject} at {customer}"),
    ),
    "subscription.renewal_changed": (
        "clock",
        _("{by} changed the renewal date of {subject} at {customer}"),
    ),
    "subscription.seats_changed": (
        "certificate",
        _("{by} changed the seats of {subject} at {customer}"),
    ),
    "subscription.suspended": ("ban", _("{by} suspended {subject} at {customer}")),
    "import.names_exported": (
        "download",
        _("{by} downloaded the names that a list of users of {customer} left open"),
    ),
    "import.repaired": ("pencil", _("{by} repaired rows of the file {subject} at {customer}")),
    "import.unmatched_exported": (
        "download",
        _("{by} downloaded the rows without a customer of the file {subject}"),
    ),
    "import.uploaded": ("upload", _("{by} uploaded the file {subject} at {customer}")),
    "sheet.opened": ("eye", _("{by} opened a password sheet at {customer}")),
    "sheet.mailed": ("mail", _("{by} emailed passwords at {customer}")),
    "sheet.handed_over": ("check", _("{by} marked passwords as handed over at {customer}")),
    "sheet.expired": ("clock", _("A password sheet at {customer} expired")),
    "member.profile_changed": ("settings", _("{by} changed their own profile")),
    "member.address_changed": ("mail", _("{by} changed their own email address")),
    "member.factor_reset": ("shield-lock", _("{by} reset the second factor of {subject}")),
    "member.invited": ("mail", _("{by} invited {subject}")),
    "member.invited_again": ("mail", _("{by} resent the invitation to {subject}")),
    "member.invitation_withdrawn": ("x", _("{by} withdrew the invitation to {subject}")),
    "member.joined": ("user-plus", _("{by} accepted an invitation and joined")),
    "member.role_changed": ("shield-check", _("{by} changed the role of {subject}")),
    "member.limits_changed": (
        "building-community",
        _("{by} selected the customers of {subject}"),
    ),
    "member.signed_in": ("arrow-right", _("{by} signed in")),
    "member.signed_out": ("x", _("{by} signed out")),
    "member.sign_in_failed": ("alert-triangle", _("A sign-in as {subject} failed")),
    "member.locked_out": ("lock", _("The sign-in of {subject} was locked")),
    "member.password_changed": ("key", _("{by} changed their own password")),
    "member.password_recovered": ("key", _("{by} reset their own password by email")),
    "member.factor_added": ("shield-check", _("{by} added a second factor")),
    "member.factor_removed": ("shield-lock", _("{by} removed a second factor")),
    "member.deactivated": ("ban", _("{by} deactivated {subject}")),
    "member.reactivated": ("lock-open", _("{by} reactivated {subject}")),
    "partner.created": ("star", _("{subject} was created")),
    "partner.sign_ins_attacked": (
        "alert-triangle",
        _("Many sign-ins of members failed. Further ones in this hour are not listed."),
    ),
}
UNKNOWN = ("activity", _("{by} changed {subject}"))

SYSTEM = _("The portal")


def number(value: int) -> str:
    """A number with the thousands separator of the language."""
    return intcomma(value)


def of_batch(batch: Batch) -> SafeString:
    """What the batch did, or is doing, in the words of its act."""
    return format_html(
        _("{by}: {what} at {customer}"),
        by=_strong(batch.by_name),
        what=count(texts_of(batch).done, batch.total),
        customer=batch.customer.name,
    )


def of_event(event: Event, customer: Customer | None) -> SafeString:
    """The sentence of an event; of an unknown action, a general one."""
    text, name = EVENTS.get(event.action, UNKNOWN)[1], event.subject_name
    if name.startswith("sha256:"):
        # The pseudonym of a purged user.
        name = f"{name[:17]}…"
    return format_html(
        str(text),
        by=_strong(event.by_name if event.by_id else SYSTEM),
        subject=name or "–",
        customer=customer.name if customer else "–",
    )


def icon_of(event: Event) -> str:
    return EVENTS.get(event.action, UNKNOWN)[0]


def _strong(name: str) -> SafeString:
    return format_html("<strong>{}</strong>", name)
