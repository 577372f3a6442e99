"""Writes customers and their domains."""

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

import audit.operations as audit
from customers import names, queries
from customers.counts import lock_customer
from customers.models import Customer, Domain, Scope
from partners.errors import Refusal
from partners.models import Member

DETAILS = ("name", "location", "language", "contact_name", "contact_email", "help_desk")
POLICIES = ("password_days", "sheet_hours", "may_mail_passwords", "retention_days")


class SlugTaken(Refusal):
    """Another customer of the partner has this slug."""

    message = _("Another customer has this short name. Choose another one.")


class DomainTaken(Refusal):
    """A customer in the installation has this domain; which one is never shown."""

    message = _(
        "This domain is already in use. If it belongs to this customer, ask the operator of the"
        " portal."
    )


class DomainInUse(Refusal):
    """User names end with this domain."""


class DefaultDomain(Refusal):
    message = _("This is the default domain. Make another domain the default first.")


class NotVerified(Refusal):
    message = _("Only a verified domain can be the default. Mark it as verified first.")


@transaction.atomic
def add_customer(
    *,
    name: str,
    slug: str = "",
    domain: str,
    is_verified: bool,
    location: str,
    language: str,
    contact_name: str = "",
    contact_email: str = "",
    help_desk: str = "",
    by: Member,
) -> Customer:
    """
    Add a customer with its first domain; without a slug, one is made from the name.

    A limited member gets access to it.

    :raises SlugTaken: if another customer of the partner has the slug.
    :raises DomainTaken: if any customer of the installation has the domain.
    """
    customer = Customer(
        slug=slug or queries.propose_slug(name, member=by),
        name=name,
        sort_key=names.sort_key(name),
        location=location,
        language=language,
        contact_name=contact_name,
        contact_email=contact_email,
        help_desk=help_desk,
    )
    try:
        with transaction.atomic():
            customer.save(force_insert=True)
    except IntegrityError:
        raise SlugTaken from None
    audit.record(
        "customer.added",
        subject=audit.Subject(customer.pk, name, after=_values(customer, ("slug", *DETAILS))),
        customer_id=customer.pk,
        by=by,
    )
    if by.is_limited:
        Scope.objects.create(customer=customer, member=by)
    add_domain(customer=customer, name=domain, is_verified=is_verified, by=by)
    return customer


@transaction.atomic
def edit_details(*, customer: Customer, by: Member, **details) -> Customer:
    """Change the values in DETAILS."""
    return _change(customer, "customer.edited", {name: details[name] for name in DETAILS}, by=by)


@transaction.atomic
def change_policies(*, customer: Customer, by: Member, **policies) -> Customer:
    """
    Change the values in POLICIES.

    Not retroactive: existing passwords and deleted users keep their dates.
    """
    after = {name: policies[name] for name in POLICIES}
    return _change(customer, "customer.policies_changed", after, by=by)


@transaction.atomic
def edit_notes(*, customer: Customer, notes: str, by: Member) -> Customer:
    return _change(customer, "customer.notes_changed", {"notes": notes}, by=by)


@transaction.atomic
def archive_customer(*, customer: Customer, by: Member) -> Customer:
    """Archive the customer: everything can be viewed, and nothing can be changed."""
    after = {"state": Customer.State.ARCHIVED}
    return _change(customer, "customer.archived", after, by=by)


@transaction.atomic
def reactivate_customer(*, customer: Customer, by: Member) -> Customer:
    after = {"state": Customer.State.ACTIVE}
    return _change(customer, "customer.reactivated", after, by=by)


def _change(customer: Customer, action: str, after: dict, *, by: Member) -> Customer:
    """Write and record the values that differ, if any."""
    customer = _lock(customer)
    changed = [name for name, value in after.items() if getattr(customer, name) != value]
    if not changed:
        return customer
    before = _values(customer, changed)
    for name in changed:
        setattr(customer, name, after[name])
    customer.sort_key = names.sort_key(customer.name)
    customer.save(update_fields=[*changed, "sort_key"])
    audit.record(
        action,
        subject=audit.Subject(customer.pk, customer.name, before, _values(customer, changed)),
        customer_id=customer.pk,
        by=by,
    )
    return customer


def _lock(customer: Customer) -> Customer:
    return Customer.objects.select_for_update(of=("self",), no_key=True).get(pk=customer.pk)


def _values(customer: Customer, fields) -> dict:
    return {name: getattr(customer, name) for name in fields}


@transaction.atomic
def add_domain(*, customer: Customer, name: str, is_verified: bool, by: Member) -> Domain:
    """
    Add a domain in the form of domains.to_ascii; the first one is the default.

    :raises DomainTaken: if any customer of the installation has it.
    """
    # Of two members adding the first domain at once, only one may make theirs the default.
    _lock(customer)
    domain = Domain(
        customer=customer,
        name=name,
        is_verified=is_verified,
        is_default=not customer.domains.filter(is_default=True).exists(),
    )
    try:
        with transaction.atomic():
            domain.save(force_insert=True)
    except IntegrityError:
        raise DomainTaken from None
    _record_domain("domain.added", domain, by=by, after={"verified": is_verified})
    return domain


@transaction.atomic
def mark_domain(*, domain: Domain, is_verified: bool, by: Member) -> None:
    """Mark a domain as verified or not; user names need a verified domain."""
    if Domain.objects.filter(pk=domain.pk, is_verified=not is_verified).update(
        is_verified=is_verified
    ):
        _record_domain("domain.verified" if is_verified else "domain.unverified", domain, by=by)


@transaction.atomic
def make_default(*, domain: Domain, by: Member) -> None:
    """
    Make it the domain that is proposed for new users.

    :raises NotVerified: if it is not verified.
    """
    _lock(domain.customer)
    domain.refresh_from_db(fields=["is_verified", "is_default"])
    if not domain.is_verified:
        raise NotVerified
    if domain.is_default:
        return
    # In two statements: a unique index allows one default at any moment.
    domain.customer.domains.filter(is_default=True).update(is_default=False)
    Domain.objects.filter(pk=domain.pk).update(is_default=True)
    _record_domain("domain.made_default", domain, by=by)


@transaction.atomic
def remove_domain(*, domain: Domain, by: Member) -> None:
    """
    Remove a domain that no user name has, those of deleted users included.

    :raises DefaultDomain: if it is the default and there are others.
    :raises DomainInUse: if user names have it.
    """
    customer = domain.customer
    # No user may be named in the domain while it goes.
    lock_customer(customer)
    _lock(customer)
    domain.refresh_from_db(fields=["is_default"])
    if domain.is_default and customer.domains.exclude(pk=domain.pk).exists():
        raise DefaultDomain
    if users := customer.users.filter(user_name__endswith=f"@{domain.name}").count():
        text = ngettext(
            "%(users)d user name ends with %(domain)s, including deleted users. Change or purge it"
            " first.",
            "%(users)d user names end with %(domain)s, including deleted users. Change or purge"
            " them first.",
            users,
        )
        raise DomainInUse(text % {"users": users, "domain": domain.name})
    Domain.objects.filter(pk=domain.pk).delete()
    _record_domain("domain.removed", domain, by=by)


def _record_domain(action: str, domain: Domain, *, by: Member, after: dict | None = None) -> None:
    audit.record(
        action,
        subject=audit.Subject(domain.pk, domain.name, after=after or {}),
        customer_id=domain.customer_id,
        by=by,
    )
