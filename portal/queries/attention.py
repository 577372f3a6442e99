"""What needs a member's attention, each with a sentence and a link, most urgent first."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Case, Count, F, Q, Value, When
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from audit.queries import first_key_at
from batches.acts import texts_of
from batches.models import Batch, Line
from batches.queries.batch import NOTHING_DONE
from customers.models import CountDifference, Customer
from customers.queries import find_customers
from handover.panel import to_hand_over
from handover.queries import find_waiting_sheets
from licensing.models import Subscription
from partners.models import Member
from partners.roles import Permission
from portal.queries.scope import seen_by
from portal.sentences import number
from users.models import CustomerUser

# Listed of each kind.
MAX_NEEDS = 6
MAX_SUBSCRIPTIONS = 15
FAILURES_DAYS = 7
WAITING_DAYS = 90
PLAN_DAYS = 1
QUEUE_DAYS = 3
RENEWS_DAYS = 30
SHEET_HOURS = 24
# Expired passwords that are counted at most.
MAX_PASSWORDS = 10_000
# A subscription is nearly full when this share of its seats is assigned.
NEARLY_FULL_SHARE = 0.95

TONES = ("bad", "warn", "info")


@dataclass(frozen=True)
class Need:
    tone: str
    icon: str
    title: str
    about: str
    url: str
    label: str


def find_needs(*, member: Member) -> Sequence[Need]:
    """Licenses that the member's users waited for, then everything else, most urgent first."""
    needs = [
        *_find_wrong_counts(member),
        *_find_subscriptions(member),
        *_find_failures(member),
        *_find_waiting(member),
        *_find_sheets(member),
        *_find_passwords(member),
    ]
    needs.sort(key=lambda need: TONES.index(need.tone))
    # Good news first: below problems that last for weeks it would not be seen.
    return [*_find_from_the_queue(member), *needs]


# Problems of subscriptions, most urgent first.
SUSPENDED, GRACE, FULL, NEARLY_FULL, RENEWS = range(5)


def get_problem() -> Case:
    """A subscription's most urgent problem as one of the numbers above, or NULL."""
    today = timezone.localdate()
    return Case(
        When(state=Subscription.State.SUSPENDED, then=Value(SUSPENDED)),
        When(state=Subscription.State.GRACE, then=Value(GRACE)),
        When(seats__gt=0, assigned__gte=F("seats"), then=Value(FULL)),
        When(seats__gt=0, assigned__gte=F("seats") * NEARLY_FULL_SHARE, then=Value(NEARLY_FULL)),
        When(
            renews_on__range=(today, today + timedelta(days=RENEWS_DAYS)),
            then=Value(RENEWS),
        ),
        default=None,
    )


def _find_subscriptions(member: Member) -> Iterator[Need]:
    found = (
        seen_by(Subscription.objects, member)
        .filter(customer__state=Customer.State.ACTIVE)
        .annotate(problem=get_problem())
        .filter(problem__isnull=False)
        .select_related("product", "customer")
        .order_by("problem", "renews_on", "pk")
    )
    for subscription in found[:MAX_SUBSCRIPTIONS]:
        about = _("{customer} · {assigned} of {seats} seats assigned").format(
            customer=subscription.customer.name,
            assigned=number(subscription.assigned),
            seats=number(subscription.seats),
        )
        url = reverse("portal:customer", args=[subscription.customer.slug])
        yield Need(*_describe(subscription), about, url, _("Open"))


def _describe(subscription: Subscription) -> tuple[str, str, str]:
    """Tone, icon and title of its problem."""
    product, problem, left = subscription.product.name, subscription.problem, 0
    if problem == SUSPENDED:
        tone, icon, title = "bad", "ban", _("{product} is suspended")
    elif problem == GRACE:
        title = _("{product} has expired and is in its grace period")
        tone, icon = "warn", "hourglass"
    elif problem == FULL:
        tone, icon, title = "bad", "certificate", _("All seats of {product} are assigned")
    elif problem == NEARLY_FULL:
        left = subscription.seats - subscription.assigned
        title = ngettext(
            "{product} has {seats} free seat left", "{product} has {seats} free seats left", left
        )
        tone, icon = "warn", "certificate"
    else:
        left = (subscription.renews_on - timezone.localdate()).days
        title = ngettext("{product} renews in {days} day", "{product} renews in {days} days", left)
        tone, icon = "info", "refresh"
    return tone, icon, title.format(product=product, seats=number(left), days=left)


def _find_wrong_counts(member: Member) -> Iterator[Need]:
    """Counters that the last recount found to be wrong; for owners and admin agents."""
    if not member.may(Permission.MANAGE_POLICIES):
        return
    found = list(
        seen_by(CountDifference.objects, member)
        .select_related("customer")
        .order_by("customer__sort_key", "subscription_id", "pk")[:MAX_NEEDS]
    )
    subscriptions = Subscription.objects.filter(pk__in=[row.subscription_id for row in found])
    products = dict(subscriptions.values_list("pk", "product__name"))
    for row in found:
        about = _(
            "{customer} · Shown: {kept}, counted: {counted}. Contact the operator of this portal."
        )
        yield Need(
            tone="bad",
            icon="alert-triangle",
            title=_("Counts don’t match: {counter}").format(
                counter=" · ".join(
                    filter(None, [row.get_counter_display(), products.get(row.subscription_id)])
                )
            ),
            about=about.format(
                customer=row.customer.name,
                kept="–" if row.kept is None else number(row.kept),
                counted=number(row.counted),
            ),
            url=reverse("portal:customer", args=[row.customer.slug]),
            label=_("Open"),
        )


def _recent_batches(member: Member, *, days: int):
    since = first_key_at(timezone.now() - timedelta(days=days))
    return (
        seen_by(Batch.objects, member)
        .filter(pk__gte=since)
        .select_related("customer")
        .order_by("-pk")
    )


def _of_batch(
    batch: Batch, tone: str, icon: str, title: str, label: str, *, at: datetime | None = None
) -> Need:
    """A need with a link to the batch; `at` is when it arose, if later than the batch."""
    moment = timezone.localtime(at or batch.created_at)
    about = _("{customer} · {moment}").format(
        customer=batch.customer.name, moment=formats.date_format(moment, "DATETIME_FORMAT")
    )
    url = reverse("batches:batch", args=[batch.customer.slug, batch.pk])
    return Need(tone, icon, title, about, url, label)


def _find_failures(member: Member) -> Iterator[Need]:
    """Finished batches of the last days with users that failed."""
    done = _recent_batches(member, days=FAILURES_DAYS).filter(state=Batch.State.DONE)
    wrong = (
        Line.objects.filter(NOTHING_DONE, batch__in=done.order_by().values("pk"))
        .values_list("batch")
        .annotate(lines=Count("number"))
        .order_by("-batch")
    )
    numbers = dict(wrong[:MAX_NEEDS])
    for batch in done.filter(pk__in=numbers):
        failed = numbers[batch.pk]
        title = ngettext(
            "“{act}” finished with {lines} failure",
            "“{act}” finished with {lines} failures",
            failed,
        )
        title = title.format(act=texts_of(batch).label, lines=number(failed))
        yield _of_batch(batch, "bad", "alert-triangle", title, _("Review"), at=batch.finished_at)


def _find_waiting(member: Member) -> Iterator[Need]:
    """Plans of the last day that this member can start, and files that could not be read."""
    # An older plan was abandoned: what it shows may no longer be true.
    waiting = _recent_batches(member, days=PLAN_DAYS).filter(
        state__in=[Batch.State.PLANNED, Batch.State.REFUSED]
    )
    if not member.may(Permission.APPROVE_BATCHES):
        waiting = waiting.filter(by=member)
    for batch in waiting[:MAX_NEEDS]:
        icon = "file-import" if batch.kind == "import" else "list-check"
        if batch.state == Batch.State.REFUSED:
            title = _("A file couldn’t be imported: {file}").format(file=batch.source_name)
            yield _of_batch(batch, "warn", icon, title, _("Review"))
        else:
            title = ngettext(
                "“{act}” is ready to start: {lines} user",
                "“{act}” is ready to start: {lines} users",
                batch.total,
            ).format(act=texts_of(batch).label, lines=number(batch.total))
            yield _of_batch(batch, "info", icon, title, _("Review"))


def _find_from_the_queue(member: Member) -> Iterator[Need]:
    """Licenses of the last days for users that this member put on a waitlist."""
    filled = (
        _recent_batches(member, days=QUEUE_DAYS)
        .filter(kind="queue", by=member)
        .exclude(options__has_key="seen")
        .annotate(done=Count("lines__number", filter=Q(lines__state=Line.State.DONE)))
        .filter(done__gt=0)
    )
    for batch in filled[:MAX_NEEDS]:
        title = ngettext(
            "{users} waiting user got a license",
            "{users} waiting users got licenses",
            batch.done,
        )
        title = title.format(users=number(batch.done))
        yield _of_batch(batch, "info", "hourglass", title, _("Open"), at=batch.finished_at)


def _find_sheets(member: Member) -> Iterator[Need]:
    """Passwords that the member can hand over, the first to expire first."""
    soon = timezone.now() + timedelta(hours=SHEET_HOURS)
    batches = _recent_batches(member, days=WAITING_DAYS)
    sheets = find_waiting_sheets(batches, member=member, limit=MAX_NEEDS + 1)
    for sheet in sheets[:MAX_NEEDS]:
        tone = "warn" if sheet.batch.sheet_expires_at <= soon else "info"
        yield _of_batch(sheet.batch, tone, "key", to_hand_over(sheet), _("Hand over"))
    if len(sheets) > MAX_NEEDS:
        yield Need(
            tone="info",
            icon="key",
            title=_("More passwords to hand over"),
            about=_("All customers"),
            url=reverse("batches:all") + "?passwords=waiting",
            label=_("Show all"),
        )


def _find_passwords(member: Member) -> Iterator[Need]:
    """Customers with temporary passwords that expired before a sign-in."""
    late = seen_by(CustomerUser.objects, member).filter(
        deleted_at=None,
        password_state=CustomerUser.PasswordState.TEMPORARY,
        password_expires_at__lt=timezone.now(),
    )
    counted = late.values("customer_id", "pk")[:MAX_PASSWORDS]
    counts = (
        CustomerUser.objects.filter(pk__in=counted.values("pk"))
        .values_list("customer_id")
        .annotate(users=Count("pk"))
        .order_by("-users", "customer_id")
    )
    numbers = dict(counts[:MAX_NEEDS])
    for customer in find_customers(member=member).filter(pk__in=numbers):
        users = numbers[customer.pk]
        title = ngettext(
            "{users} temporary password has expired before sign-in",
            "{users} temporary passwords have expired before sign-in",
            users,
        )
        yield Need(
            tone="info",
            icon="clock",
            title=title.format(users=number(users)),
            about=customer.name,
            url=reverse("users:list", args=[customer.slug]) + "?password=temporary",
            label=_("Open"),
        )
