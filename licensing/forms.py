from uuid import UUID

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext

from customers import locations
from customers.models import Customer
from licensing import queries
from licensing.models import Product, Subscription
from licensing.operations import catalog
from licensing.operations.catalog import PartNumberTaken
from partners.errors import Refusal
from partners.forms import CleanText
from partners.models import Member
from partners.names import clean_text

MAX_SEATS = 1_000_000
MAX_PLANS = 60
MAX_PLAN_NAME = 120


def _renews_on() -> forms.DateField:
    return forms.DateField(
        label=_("Renews on"),
        required=False,
        help_text=_("The dashboard shows a reminder 30 days before."),
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
    )


class AddSubscription(forms.Form):
    product = forms.ModelChoiceField(
        label=_("Product"), queryset=Product.objects.none(), empty_label=_("Choose one")
    )
    seats = forms.IntegerField(
        label=_("Seats"),
        min_value=1,
        max_value=MAX_SEATS,
        help_text=_("The number of users who can have a license."),
    )
    renews_on = _renews_on()

    def __init__(self, *args, customer: Customer, **more):
        super().__init__(*args, **more)
        self.fields["product"].queryset = queries.find_products_to_buy(customer)


class ChangeSubscription(forms.Form):
    seats = forms.IntegerField(label=_("Seats"), min_value=0, max_value=MAX_SEATS)
    renews_on = _renews_on()
    state = forms.ChoiceField(
        label=_("State"),
        choices=Subscription.State.choices,
        help_text=_(
            "In the grace period, everything still works. While suspended, users keep their"
            " licenses, but no more can be assigned."
        ),
        widget=forms.RadioSelect,
    )

    @classmethod
    def of(cls, subscription: Subscription, data=None) -> "ChangeSubscription":
        return cls(data, initial={name: getattr(subscription, name) for name in cls.base_fields})


class FindProducts(forms.Form):
    """The search in the catalog; invalid values are ignored."""

    q = forms.CharField(required=False, max_length=100)

    def value(self) -> str:
        self.full_clean()
        return self.cleaned_data.get("q", "")


class Description(forms.Form):
    name = CleanText(label=_("Name"), max_length=120)
    part_number = CleanText(
        label=_("Part number"), max_length=60, help_text=_("The number your distributor uses.")
    )
    description = CleanText(label=_("Description"), max_length=240, required=False)
    not_sold_in = forms.MultipleChoiceField(
        label=_("Not sold in"),
        required=False,
        help_text=_(
            "Users with these usage locations can’t get it. Hold Ctrl or ⌘ to select several."
        ),
        widget=forms.SelectMultiple(attrs={"size": 8}),
    )
    requires = forms.ModelMultipleChoiceField(
        label=_("Requires"),
        queryset=Product.objects.none(),
        required=False,
        help_text=_("Users need all of these to get this product."),
        widget=forms.CheckboxSelectMultiple,
    )
    excludes = forms.ModelMultipleChoiceField(
        label=_("Excludes"),
        queryset=Product.objects.none(),
        required=False,
        help_text=_("Users can’t have this product together with any of these."),
        widget=forms.CheckboxSelectMultiple,
    )
    new_plans = forms.CharField(
        label=_("New service plans"),
        required=False,
        help_text=_("One per line. They are on for all users with the product."),
        widget=forms.Textarea(attrs={"rows": 4}),
    )

    def __init__(self, *args, member: Member, product: Product | None = None, **more):
        super().__init__(*args, **more)
        others = queries.find_other_products(member=member, product=product)
        self.fields["requires"].queryset = self.fields["excludes"].queryset = others
        self.fields["not_sold_in"].choices = locations.choices()
        self.plans = sorted(product.plans.all(), key=lambda plan: plan.name) if product else []
        for plan in self.plans:
            self.fields[f"plan_{plan.pk}"] = CleanText(
                label=_("Name of the service plan"), max_length=MAX_PLAN_NAME, initial=plan.name
            )
            self.fields[f"remove_{plan.pk}"] = forms.BooleanField(label=_("Remove"), required=False)

    @classmethod
    def of(cls, product: Product, data=None, *, member: Member) -> "Description":
        initial = vars(catalog.description_of(product))
        return cls(data, initial=initial, member=member, product=product)

    @property
    def plan_fields(self) -> list[tuple[forms.BoundField, forms.BoundField]]:
        """The fields of each existing service plan: its name, and the box that removes it."""
        return [(self[f"plan_{plan.pk}"], self[f"remove_{plan.pk}"]) for plan in self.plans]

    def clean_new_plans(self) -> tuple[str, ...]:
        lines = [clean_text(line) for line in self.cleaned_data["new_plans"].splitlines()]
        plans = tuple(filter(None, lines))
        if any(len(plan) > MAX_PLAN_NAME for plan in plans):
            raise forms.ValidationError(
                _("Use 120 characters or fewer for the name of a service plan.")
            )
        return plans

    def clean(self):
        cleaned = super().clean()
        both = set(cleaned.get("requires", ())) & set(cleaned.get("excludes", ()))
        if both:
            message = _("A product can’t both require and exclude the same product: %(names)s.")
            comma = pgettext("between the parts of a list", ", ")
            named = comma.join(sorted(product.name for product in both))
            self.add_error("excludes", forms.ValidationError(message, params={"names": named}))
        plans = [*self.plan_names.values(), *cleaned.get("new_plans", ())]
        if len({plan.casefold() for plan in plans}) < len(plans):
            self.add_error("new_plans", _("Two service plans have the same name. Rename one."))
        elif len(plans) > MAX_PLANS:
            self.add_error("new_plans", _("A product can have up to 60 service plans."))
        return cleaned

    @property
    def removed(self) -> list[UUID]:
        return [plan.pk for plan in self.plans if self.cleaned_data.get(f"remove_{plan.pk}")]

    @property
    def plan_names(self) -> dict[UUID, str]:
        """The names of the service plans that stay."""
        gone = set(self.removed)
        return {
            plan.pk: self.cleaned_data.get(f"plan_{plan.pk}") or plan.name
            for plan in self.plans
            if plan.pk not in gone
        }

    @property
    def described(self) -> catalog.Description:
        """The product without its service plans."""
        texts = {name: self.cleaned_data[name] for name in ("name", "part_number", "description")}
        lists = {
            name: tuple(self.cleaned_data[name]) for name in ("not_sold_in", "requires", "excludes")
        }
        return catalog.Description(**texts, **lists)

    def report(self, error: Refusal) -> None:
        """Show a refusal at the field that caused it."""
        field = "part_number" if isinstance(error, PartNumberTaken) else None
        self.add_error(field, error.message)
