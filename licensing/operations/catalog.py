"""The partner's catalog: products, their service plans, and the rules among them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

import audit.operations as audit
from licensing import queries
from licensing.models import Assignment, Product, ProductRule, ServicePlan
from partners.errors import Refusal
from partners.models import Member

REQUIRES, EXCLUDES = ProductRule.Kind.REQUIRES, ProductRule.Kind.EXCLUDES


class PartNumberTaken(Refusal):
    """Another product of the partner has this part number."""

    message = _("Another product has this part number. Use a different one.")


class PlanInUse(Refusal):
    """The plan of a product that users hold cannot be removed."""


@dataclass(frozen=True)
class Description:
    """A product without its service plans."""

    name: str
    part_number: str
    description: str = ""
    not_sold_in: tuple[str, ...] = ()
    requires: tuple[Product, ...] = ()
    excludes: tuple[Product, ...] = ()

    def to_json(self) -> dict:
        """Return the description for the audit trail: other products by their names."""
        return {
            "name": self.name,
            "part_number": self.part_number,
            "description": self.description,
            "not_sold_in": sorted(self.not_sold_in),
            "requires": sorted(product.name for product in self.requires),
            "excludes": sorted(product.name for product in self.excludes),
        }


@transaction.atomic
def add_product(*, description: Description, plans: Sequence[str] = (), by: Member) -> Product:
    """
    Add a product with its service plans to the catalog.

    :raises PartNumberTaken: and adds nothing, where another product has the part number.
    """
    product = Product(partner_id=by.partner_id)
    _describe(product, description)
    _record("product.added", product, after=description.to_json(), by=by)
    _add_plans(product, plans, by=by)
    return product


@transaction.atomic
def edit_product(
    *,
    product: Product,
    description: Description,
    plan_names: Mapping[UUID, str],
    removed: Sequence[UUID] = (),
    new_plans: Sequence[str] = (),
    by: Member,
) -> Product:
    """
    Change a product, and rename, remove and add service plans of it.

    A plan can be removed only while no user holds the product; otherwise users would lose it unasked.
    It may be renamed at any time, and a new one is on for all users.

    :raises PartNumberTaken: and changes nothing, where another product has the part number.
    :raises PlanInUse: and changes nothing, where a plan is to be removed and users hold the product.
    """
    product = Product.objects.select_for_update(of=("self",), no_key=True).get(pk=product.pk)
    before = description_of(product).to_json()
    _describe(product, description)
    after = description.to_json()
    changed = [name for name in after if after[name] != before[name]]
    if changed:
        _record(
            "product.edited",
            product,
            before={name: before[name] for name in changed},
            after={name: after[name] for name in changed},
            by=by,
        )
    plans = {plan.pk: plan for plan in product.plans.all()}
    _remove_plans(product, [plans[pk] for pk in removed if pk in plans], by=by)
    _rename_plans(product, plans, plan_names, by=by)
    _add_plans(product, new_plans, by=by)
    return product


def _describe(product: Product, description: Description) -> None:
    product.name = description.name
    product.part_number = description.part_number
    product.description = description.description
    product.not_sold_in = sorted(description.not_sold_in)
    try:
        with transaction.atomic():
            product.save()
    except IntegrityError:
        raise PartNumberTaken from None
    # An exclusion holds both ways, whichever product has the rule.
    ProductRule.objects.filter(Q(product=product) | Q(other=product, kind=EXCLUDES)).delete()
    ProductRule.objects.bulk_create(
        ProductRule(product=product, kind=kind, other=other)
        for kind, others in ((REQUIRES, description.requires), (EXCLUDES, description.excludes))
        for other in others
    )


def description_of(product: Product) -> Description:
    others = queries.get_others(product)
    return Description(
        name=product.name,
        part_number=product.part_number,
        description=product.description,
        not_sold_in=tuple(product.not_sold_in),
        requires=others.requires,
        excludes=others.excludes,
    )


def _remove_plans(product: Product, plans: Sequence[ServicePlan], *, by: Member) -> None:
    if not plans:
        return
    holders = Assignment.objects.filter(subscription__product=product).count()
    if holders:
        text = ngettext(
            "%(number)d user has this product, so you can’t remove its service plans. Remove the"
            " license first, or rename the plan.",
            "%(number)d users have this product, so you can’t remove its service plans. Remove the"
            " licenses first, or rename the plan.",
            holders,
        )
        raise PlanInUse(text % {"number": holders})
    ServicePlan.objects.filter(pk__in=[plan.pk for plan in plans]).delete()
    audit.record_many(
        "plan.removed", subjects=[audit.Subject(plan.pk, plan.name) for plan in plans], by=by
    )


def _rename_plans(product: Product, plans: dict, names: Mapping[UUID, str], *, by: Member) -> None:
    renamed = {
        plan: names[pk] for pk, plan in plans.items() if plan.name != names.get(pk, plan.name)
    }
    subjects = [
        audit.Subject(plan.pk, name, {"name": plan.name}, {"name": name, "product": product.name})
        for plan, name in renamed.items()
    ]
    for plan, name in renamed.items():
        plan.name = name
    ServicePlan.objects.bulk_update(renamed, ["name"])
    audit.record_many("plan.renamed", subjects=subjects, by=by)


def _add_plans(product: Product, names: Sequence[str], *, by: Member) -> None:
    plans = ServicePlan.objects.bulk_create(
        ServicePlan(product=product, name=name) for name in names
    )
    subjects = [
        audit.Subject(plan.pk, plan.name, after={"product": product.name}) for plan in plans
    ]
    audit.record_many("plan.added", subjects=subjects, by=by)


def _record(
    action: str, product: Product, *, before: dict | None = None, after: dict, by: Member
) -> None:
    audit.record(
        action,
        subject=audit.Subject(product.pk, product.name, before=before or {}, after=after),
        by=by,
    )
