"""One person in a form, checked by the rules for rows of a file."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from django import forms
from django.conf import settings
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from customers.forms import Location
from customers.models import Customer
from customers.queries import find_verified_domains
from licensing.models import Subscription
from partners.models import Member
from partners.roles import Permission
from partners.tenancy import uuid7
from users.acts.add import TEXTS
from users.models import UserPermission
from users.queries.add import find_choices, is_user
from users.rules import names
from users.rules import problems as importing
from users.rules.facts import Facts
from users.rules.gather import gather_facts
from users.rules.person import check_person

USER, ADMINISTRATOR = "user", "administrator"
# Each column of a new user has a field of its own, except for these, which need more than that.
OTHERS = {"user_name", "contact_email", "location", "language"}
FORM_TEXTS = tuple(name for name in TEXTS if name not in OTHERS)

# Problems with another text in a form than in a file.
INSTEAD = {"user_name_exists": "user_name_taken"}


@dataclass(frozen=True)
class NameCheck:
    """The answer about a user name as it is typed."""

    state: str = ""
    text: str = ""
    suggestions: tuple[str, ...] = ()
    # The value for an empty field.
    proposal: str = ""


@dataclass(frozen=True)
class Choice:
    """A subscription as a card of the form: chosen or not, its seats, its service plans."""

    subscription: Subscription
    is_chosen: bool
    disabled_plans: frozenset[str]

    @property
    def is_closed(self) -> bool:
        """Whether it cannot be chosen now; it can still be cleared if it was chosen before."""
        return not self.is_chosen and self.subscription.free <= 0

    @property
    def plans(self) -> list[tuple[str, str, bool]]:
        """Id, name and whether it is on, of each service plan by name."""
        plans = sorted(self.subscription.product.plans.all(), key=lambda plan: plan.name)
        return [
            (str(plan.pk), plan.name, str(plan.pk) not in self.disabled_plans) for plan in plans
        ]


def check_name(customer: Customer, typed: Mapping[str, str], *, member: Member) -> NameCheck:
    """Check whether a user name is free as it is typed, and suggest others."""
    local, domain = typed.get("user_name", ""), typed.get("domain", "")
    first, last = typed.get("first_name", ""), typed.get("last_name", "")
    # The whole address may be typed.
    local, _at, typed_domain = local.strip().partition("@")
    domain = (typed_domain or domain).lower()
    proposed = typed.get("proposed", "")
    # An unchanged proposal follows the name of the person.
    user_names = _names_to_look_up("" if local == proposed else local, domain, first, last)
    facts = gather_facts(customer=customer, user_names=user_names, by=member)
    if not local or local == proposed:
        is_untouched = local == proposed
        return _propose(facts, domain, first, last, is_untouched=is_untouched)
    if f"{local}@{domain}".lower() == typed.get("own"):
        return NameCheck()
    person = {"user_name": f"{local}@{domain}", "display_name": "-"}
    _person, problems = check_person(person, facts)
    for problem in problems:
        if problem.column in {"user_name", "domain"}:
            return _explain(problem, _suggest(facts, local, domain, first, last))
    return NameCheck("free", _("%(name)s is available.") % {"name": f"{local}@{domain}".lower()})


def _propose(facts, domain: str, first: str, last: str, *, is_untouched: bool) -> NameCheck:
    wanted = names.propose_local_part("", first, last)
    free = _suggest(facts, wanted, domain, first, last, at_most=2) if wanted else ()
    if not free:
        return NameCheck()
    if not is_untouched:
        return NameCheck("proposed", _("From the name:"), free)
    text = _("%(name)s is available. You can change it.")
    return NameCheck("filled", text % {"name": f"{free[0]}@{domain}"}, free[1:], free[0])


def _explain(problem: importing.Problem, suggestions: tuple[str, ...]) -> NameCheck:
    if problem.code == "user_name_deleted":
        text = _(
            "%(name)s, a deleted user, had this user name. If it’s the same person, restore"
            " that user. Otherwise you can use the name again."
        )
        return NameCheck("deleted", text % problem.params)
    if problem.severity != importing.ERROR:
        return NameCheck("warning", importing.describe(problem))
    return NameCheck("bad", _describe(problem), suggestions)


def _describe(problem: importing.Problem) -> str:
    return importing.describe(replace(problem, code=INSTEAD.get(problem.code, problem.code)))


def _names_to_look_up(local: str, domain: str, first: str, last: str) -> list[str]:
    wanted = local.lower() or names.propose_local_part("", first, last)
    # More than are shown, as some of them may be taken.
    candidates, known = [wanted], {wanted}
    for _round in range(5):
        more = names.suggest_local_parts(wanted, first, last, known)
        candidates += more
        known.update(more)
    user_names = [f"{one}@{domain}" for one in candidates]
    # Neither a NUL nor a lone surrogate may reach the database.
    return [
        user_name for user_name in user_names if user_name.isascii() and user_name.isprintable()
    ]


def _suggest(facts, local, domain, first, last, at_most: int = 3) -> tuple[str, ...]:
    held = {*facts.taken, *facts.deleted}
    taken = {name.partition("@")[0] for name in held if name.endswith(f"@{domain}")}
    return tuple(names.suggest_local_parts(local, first, last, taken)[:at_most])


class Person(forms.Form):
    """Profile and permissions of a new or an existing user."""

    first_name = forms.CharField(label=_("First name"), required=False)
    last_name = forms.CharField(label=_("Last name"), required=False)
    display_name = forms.CharField(
        label=_("Display name"),
        required=False,
        help_text=_("Leave empty to use first and last name."),
    )
    user_name = forms.CharField(label=_("User name"))
    domain = forms.ChoiceField(label=_("Domain"))
    location = Location(
        label=_("Usage location"), help_text=_("Determines which licenses are available.")
    )
    language = forms.ChoiceField(label=_("Language"), required=False)
    job_title = forms.CharField(label=_("Job title"), required=False)
    department = forms.CharField(label=_("Department"), required=False)
    phone = forms.CharField(label=_("Phone"), required=False)
    contact_email = forms.CharField(
        label=_("Contact address"),
        required=False,
        help_text=_("For a one-time link to the temporary password."),
    )
    kind = forms.ChoiceField(
        label=_("Permissions"),
        choices=[(USER, _("User")), (ADMINISTRATOR, _("Administrator"))],
        initial=USER,
        widget=forms.RadioSelect,
    )
    permissions = forms.MultipleChoiceField(
        label=_("Administrator permissions"),
        choices=UserPermission.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, *args, customer: Customer, member: Member, **more):
        super().__init__(*args, **more)
        self.customer, self.member = customer, member
        self.domains = find_verified_domains(customer)
        self.fields["domain"].choices = [(domain, domain) for domain in self.domains]
        self.fields["language"].choices = [("", _("The customer’s language")), *settings.LANGUAGES]
        for name in ("first_name", "last_name", "display_name", "user_name", "phone"):
            self.fields[name].widget.attrs["autocomplete"] = "off"
        self.fields["user_name"].widget.attrs |= {"autocapitalize": "none", "spellcheck": "false"}
        self.fields["contact_email"].widget.input_type = "email"
        self.name_check = NameCheck()

    @property
    def may_grant(self) -> bool:
        """Whether the member may grant administrator permissions."""
        return self.member.may(Permission.ACT_ON_ADMINISTRATORS)

    @property
    def granters(self) -> list[str]:
        """The roles that may grant administrator permissions."""
        return [role.label for role in Permission.ACT_ON_ADMINISTRATORS.roles]

    @property
    def is_administrator(self) -> bool:
        return self["kind"].value() == ADMINISTRATOR

    @property
    def grants(self) -> list[tuple[UserPermission, bool]]:
        """Each administrator permission, and whether it is chosen."""
        chosen = self["permissions"].value() or []
        return [(permission, permission.value in chosen) for permission in UserPermission]

    @cached_property
    def facts(self) -> Facts:
        """The facts for the rules about this customer and this name."""
        typed = self.cleaned_data
        local, _at, typed_domain = typed["user_name"].partition("@")
        domain = (typed_domain or typed["domain"]).lower()
        user_names = _names_to_look_up(local, domain, typed["first_name"], typed["last_name"])
        facts = gather_facts(customer=self.customer, user_names=user_names, by=self.member)
        # The operation refuses members without the permission, and names it.
        return replace(facts, grantable=frozenset(UserPermission.values))

    def clean(self):
        """Check the person by the rules of an import, and add the errors to their fields."""
        cleaned = super().clean()
        if cleaned.get("kind") == ADMINISTRATOR and not cleaned.get("permissions"):
            self.add_error("permissions", _("Choose at least one of these, or choose User."))
        # Without a name or a domain there is nothing to check yet.
        if not {"user_name", "domain", "location", *FORM_TEXTS} <= cleaned.keys():
            return cleaned
        if self.is_repeated:
            cleaned["person"] = self.person_of(cleaned)
            return cleaned
        person, problems = check_person(self.person_of(cleaned), self.facts)
        for problem in problems:
            if problem.severity == importing.ERROR:
                self.report(problem)
        cleaned["person"] = person
        return cleaned

    def person_of(self, cleaned: dict) -> dict:
        """The person as typed, by the keys of a line's input."""
        local, _at, domain = cleaned["user_name"].partition("@")
        is_administrator = cleaned.get("kind") == ADMINISTRATOR
        return {
            **{name: cleaned[name] for name in FORM_TEXTS},
            "user_name": f"{local}@{domain or cleaned['domain']}",
            "location": cleaned["location"],
            "language": cleaned.get("language", ""),
            "contact_email": cleaned.get("contact_email", ""),
            "permissions": cleaned.get("permissions", []) if is_administrator else [],
            "products": self.products_of(cleaned),
        }

    @property
    def is_repeated(self) -> bool:
        """Whether the form was sent before, and its user is saved already."""
        return False

    def products_of(self, cleaned: dict) -> list[dict]:
        """The licenses of the person in the form of a line's input."""
        raise NotImplementedError

    def report(self, problem: importing.Problem) -> None:
        """Add the error of a problem to its field."""
        field = {"domain": "user_name"}.get(problem.column, problem.column)
        self.add_error(field if field in self.fields else None, _describe(problem))
        if field == "user_name":
            self.suggest()

    def suggest(self) -> None:
        """Suggest free user names."""
        self.name_check = replace(check_name(self.customer, self.data, member=self.member), text="")

    def refuse_name(self, message: str) -> None:
        """Add the error of a taken name, and suggest others."""
        self.add_error("user_name", message)
        self.suggest()


class AddUser(Person):
    """A new user of the customer: name, permissions and licenses."""

    token = forms.UUIDField(widget=forms.HiddenInput, initial=uuid7)
    products = forms.MultipleChoiceField(
        label=_("Licenses"), required=False, widget=forms.CheckboxSelectMultiple
    )
    plans = forms.MultipleChoiceField(
        label=_("Service plans"), required=False, widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, *args, customer: Customer, last: dict | None = None, **more):
        super().__init__(*args, customer=customer, **more)
        self.last = last or {}
        self.subscriptions = find_choices(customer)
        self.fields["products"].choices = [
            (str(subscription.pk), subscription) for subscription in self.subscriptions
        ]
        self.fields["plans"].choices = [
            (str(plan.pk), plan)
            for subscription in self.subscriptions
            for plan in subscription.product.plans.all()
        ]
        self.fields["display_name"].widget.attrs["data-compose"] = "#id_first_name #id_last_name"
        if not self.is_bound:
            # In a form with errors the focus is on the first of them.
            first = "last_name" if get_language() == "zh-hans" else "first_name"
            self.fields[first].widget.attrs["autofocus"] = True
        self.initial.setdefault("location", self.last.get("location") or customer.location)
        self.initial.setdefault("domain", self.last.get("user_name", "").partition("@")[2])

    @property
    def is_repeated(self) -> bool:
        """Whether it was sent before; its own user must not count as a conflict."""
        return is_user(self.customer, self.cleaned_data.get("token"))

    @property
    def licenses(self) -> list[Choice]:
        """The customer's subscriptions as cards; a new form repeats the choice of the last user."""
        if self.is_bound:
            chosen = set(self["products"].value() or [])
            on = set(self["plans"].value() or [])
            off = {plan for plan, _plan in self.fields["plans"].choices} - on
        else:
            products = self.last.get("products", [])
            free = {
                str(subscription.pk) for subscription in self.subscriptions if subscription.free > 0
            }
            chosen = {product["subscription"] for product in products} & free
            off = {plan for product in products for plan in product.get("disabled_plans", ())}
        return [
            Choice(subscription, str(subscription.pk) in chosen, frozenset(off))
            for subscription in self.subscriptions
        ]

    def products_of(self, cleaned: dict) -> list[dict]:
        """The chosen licenses with the service plans that are off."""
        chosen, on = set(cleaned.get("products", ())), set(cleaned.get("plans", ()))
        return [
            {
                "subscription": str(subscription.pk),
                "disabled_plans": [
                    str(plan.pk)
                    for plan in subscription.product.plans.all()
                    if str(plan.pk) not in on
                ],
            }
            for subscription in self.subscriptions
            if str(subscription.pk) in chosen
        ]

    @property
    def order(self) -> dict:
        """The arguments of `add_user`."""
        return {
            "person": self.cleaned_data["person"],
            "user_id": self.cleaned_data["token"],
            # The name of the pressed button; Enter presses the first.
            "is_last": self.data.get("do") != "more",
        }
