from collections.abc import Mapping, Sequence

from django import forms
from django.conf import settings
from django.template.defaultfilters import filesizeformat
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from batches.errors import UsersError
from batches.models import Batch
from customers.forms import Location
from customers.models import Customer
from customers.queries import find_verified_domains
from imports.forms.columns import MapColumns
from imports.operations.full_list import MAX_MISSING
from imports.operations.upload import READ_HIDDEN, SKIP_HIDDEN
from imports.read.columns import CHOICES
from imports.read.paste import SKIP
from partners.models import Member
from partners.roles import Permission
from spreadsheets import csv_reader
from spreadsheets.csv_reader import COLUMN_LIMIT
from spreadsheets.decode import ENCODINGS
from spreadsheets.xlsx_reader import ALL_WORKSHEETS
from users.models import UserPermission
from users.queries.add import find_choices

# Letters of pasted rows; more are better in a file.
MAX_PASTED = 1_000_000
DETECT = ("", _("Detect"))
# A tab is white space, which a posted choice would lose.
DELIMITERS = [(value if value != "\t" else "tab", label) for value, label in csv_reader.DELIMITERS]


PURPOSES = [
    ("create", _("Add new users. Existing users stay unchanged")),
    ("update", _("Update existing users. No users are added")),
    ("both", _("Add new users and update existing ones")),
    (
        "full_list",
        _("Full list: add new users, update existing ones, delete users missing from the file"),
    ),
]


class AnyFile(forms.Form):
    """What a file is for and how it is read, for one or several customers."""

    purpose = forms.ChoiceField(
        label=_("What the file is for"),
        choices=PURPOSES,
        initial="create",
        required=False,
        widget=forms.RadioSelect,
    )
    licenses = forms.ChoiceField(
        label=_("Licenses of existing users"),
        choices=[
            ("add", _("Add the licenses in the row")),
            ("exact", _("Replace all licenses with those in the row")),
        ],
        initial="add",
        required=False,
        widget=forms.RadioSelect,
    )
    encoding = forms.ChoiceField(label=_("Encoding"), required=False, choices=[DETECT, *ENCODINGS])
    delimiter = forms.ChoiceField(
        label=_("Separator"), required=False, choices=[DETECT, *DELIMITERS]
    )
    mode = forms.ChoiceField(
        label=_("If some rows have errors"),
        choices=[
            ("good", _("Import the good rows. You can download and correct the others")),
            ("all", _("All or nothing: import only if every row is good")),
        ],
        initial="good",
        widget=forms.RadioSelect,
    )
    when_short = forms.ChoiceField(
        label=_("If there aren’t enough seats"),
        choices=[
            ("first", _("Assign in file order until none are left")),
            ("queue", _("Assign in file order. The other users wait for a seat")),
        ],
        initial="first",
        required=False,
        widget=forms.RadioSelect,
    )

    @property
    def reading(self) -> dict:
        """The choices in the form of a batch's options."""
        chosen = self.cleaned_data
        delimiter = chosen["delimiter"]
        return {
            "purpose": chosen["purpose"] or "create",
            "licenses": chosen["licenses"] or "add",
            "encoding": chosen["encoding"],
            "delimiter": "\t" if delimiter == "tab" else delimiter,
            "mode": chosen["mode"],
            "when_short": chosen["when_short"] or "first",
        }


FIRST_SHEET = ("", _("The first one with users"))
EVERY_SHEET = (ALL_WORKSHEETS, _("All worksheets"))
HIDDEN_ROWS = [
    (SKIP_HIDDEN, _("Skip hidden rows")),
    (READ_HIDDEN, _("Read hidden rows like the others")),
]


def make_sheet_field(names: Sequence[str] = ()) -> forms.ChoiceField:
    """The choice of a worksheet."""
    choices = [FIRST_SHEET, *((name, name) for name in names), EVERY_SHEET]
    return forms.ChoiceField(label=_("Worksheet"), required=False, choices=choices)


def make_hidden_field() -> forms.ChoiceField:
    """The choice whether hidden rows are read."""
    return forms.ChoiceField(
        label=_("Rows hidden in Excel"),
        required=False,
        choices=HIDDEN_ROWS,
        initial=SKIP_HIDDEN,
        widget=forms.RadioSelect,
    )


class ReadRows(forms.Form):
    """Which rows of a workbook are read: one choice, posted by its button."""

    def __init__(self, *args, batch: Batch, **more):
        super().__init__(*args, **more)
        self.before = batch.options
        self.fields["sheet"] = make_sheet_field(batch.plan.get("book", {}).get("sheets", ()))
        self.fields["hidden"] = make_hidden_field()

    @property
    def chosen(self) -> dict:
        """The choices that were posted."""
        return {name: text for name, text in self.cleaned_data.items() if name in self.data}

    @property
    def options(self) -> dict:
        """The options of the batch with what was chosen."""
        is_same = self.chosen.get("sheet", "") == self.before.get("sheet", "")
        # Header and columns of another worksheet are chosen anew.
        anew = {} if is_same or "sheet" not in self.chosen else {"columns": {}, "header_line": None}
        return self.before | self.chosen | anew


class ReadFile(AnyFile):
    """How to read the file of one customer, and values for its empty cells."""

    max_missing = forms.IntegerField(
        label=_("Stop if more than this percentage of users is missing"),
        min_value=0,
        max_value=100,
        initial=MAX_MISSING,
        required=False,
        error_messages=dict.fromkeys(
            ("invalid", "min_value", "max_value"), _("Enter a whole number from 0 to 100.")
        ),
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
    )
    domain = forms.ChoiceField(label=_("Domain of user names without one"), required=False)
    location = Location(empty=_("None"), label=_("Usage location"), required=False)
    language = forms.ChoiceField(
        label=_("Language"),
        required=False,
        choices=[("", _("The customer’s language")), *settings.LANGUAGES],
    )
    products = forms.MultipleChoiceField(
        label=_("Licenses"), required=False, widget=forms.CheckboxSelectMultiple
    )
    permissions = forms.MultipleChoiceField(
        label=_("Permissions"),
        required=False,
        choices=UserPermission.choices,
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, *arguments, customer: Customer, member: Member, **keywords):
        super().__init__(*arguments, **keywords)
        names = find_verified_domains(customer)
        self.fields["domain"].choices = [(name, name) for name in names]
        self.fields["domain"].initial = names[0] if names else ""
        self.fields["location"].initial = customer.location
        self.subscriptions = find_choices(customer)
        self.fields["products"].choices = [
            (str(subscription.pk), subscription.product.name)
            for subscription in self.subscriptions
            if subscription.is_open
        ]
        if not member.may(Permission.ACT_ON_ADMINISTRATORS):
            del self.fields["permissions"]
        if not member.may(Permission.DELETE_USERS):
            self.fields["purpose"].choices = PURPOSES[:-1]

    @property
    def product_choices(self) -> list[dict]:
        """The licenses to choose from, with their free seats."""
        chosen = set(self["products"].value() or ())
        return [
            {
                "id": str(subscription.pk),
                "name": subscription.product.name,
                "free": subscription.free,
                "is_open": subscription.is_open,
                "is_chosen": str(subscription.pk) in chosen,
            }
            for subscription in self.subscriptions
        ]

    @property
    def options(self) -> dict:
        """The choices in the form of a batch's options."""
        chosen = self.cleaned_data
        share = chosen["max_missing"]
        return self.reading | {
            "max_missing": MAX_MISSING if share is None else share,
            "defaults": {
                "domain": chosen["domain"],
                "location": chosen["location"],
                "language": chosen["language"],
                "products": [
                    {"subscription": product, "disabled_plans": []}
                    for product in chosen["products"]
                ],
                "permissions": chosen.get("permissions", []),
            },
        }


# Options of the rows of a workbook.
OF_BOOK = ("sheet", "hidden")


class ReadAgain(ReadFile):
    """How to read the file of a plan again, which discards the repairs of the plan."""

    discarded_repairs = forms.IntegerField(
        required=False, min_value=0, widget=forms.HiddenInput, initial=0
    )

    def __init__(self, *args, batch: Batch, chosen: Mapping[str, str], **keywords):
        options = batch.options | {name: chosen[name] for name in OF_BOOK if name in chosen}
        self.before = batch.options
        book = self.book = batch.plan.get("book", {})
        defaults = options.get("defaults", {})
        delimiter = options.get("delimiter", "")
        initial = (
            options
            | defaults
            | {
                "delimiter": "tab" if delimiter == "\t" else delimiter,
                "products": [product["subscription"] for product in defaults.get("products", ())],
            }
        )
        super().__init__(*args, initial=initial, customer=batch.customer, **keywords)
        if len(book.get("sheets", ())) > 1:
            self.fields["sheet"] = make_sheet_field(book["sheets"])
        if book.get("hidden"):
            self.fields["hidden"] = make_hidden_field()
            self.initial["hidden"] = options.get("hidden") or (
                READ_HIDDEN if book["with_hidden"] else SKIP_HIDDEN
            )
        # How many repairs the member is asked to discard; 0 where nothing is asked.
        self.repairs = 0

    def options_of_book(self, columns: MapColumns) -> dict:
        """The worksheet and whether hidden rows are read, as chosen now or before."""
        chosen = self.before | self.cleaned_data
        options = {name: chosen[name] for name in OF_BOOK if chosen.get(name)}
        if options.get("sheet", "") != self.before.get("sheet", ""):
            # Header and columns are chosen anew.
            return options | {"columns": {}, "header_line": None}
        if columns.options.get("header_line") is not None and not options.get("sheet"):
            # The line is one of the worksheet that was shown.
            shown = self.book.get("read") or self.book.get("sheets") or [""]
            return options | {"sheet": shown[0]}
        return options

    def arguments(self, columns: MapColumns) -> dict:
        """The arguments of `check_again`."""
        return {
            "options": self.options | columns.options | self.options_of_book(columns),
            "columns": columns.remembered,
            "discarded_repairs": self.cleaned_data["discarded_repairs"] or 0,
        }

    def refuse(self, error: UsersError) -> None:
        """Show the refusal; where it is about repairs, ask whether to discard them."""
        self.add_error(None, error.message)
        self.repairs = getattr(error, "count", 0)


class WithFile(forms.Form):
    file = forms.FileField(
        label=_("File"),
        allow_empty_file=True,
        error_messages={"required": _("Choose a .csv or .xlsx file.")},
        widget=forms.FileInput(attrs={"accept": ".csv,.xlsx,.txt,.tsv"}),
    )

    def clean_file(self):
        file = self.cleaned_data["file"]
        if not file.size:
            raise forms.ValidationError(
                _("The file is empty. Fill in the template and upload it again.")
            )
        if file.size > settings.UPLOAD_LIMIT_BYTES:
            raise forms.ValidationError(
                _("The file is %(size)s. You can upload up to %(limit)s. Split the file."),
                params={
                    "size": filesizeformat(file.size),
                    "limit": filesizeformat(settings.UPLOAD_LIMIT_BYTES),
                },
            )
        return file


class ImportFile(WithFile, ReadFile):
    pass


class ImportMany(WithFile, AnyFile):
    # How to read a file with users of several customers.

    def __init__(self, *arguments, **keywords):
        super().__init__(*arguments, **keywords)
        # A full list is of one customer.
        self.fields["purpose"].choices = PURPOSES[:-1]
        self.fields["sheet"] = make_sheet_field()
        self.fields["hidden"] = make_hidden_field()

    @property
    def options(self) -> dict:
        return self.reading | {name: self.cleaned_data[name] for name in OF_BOOK}


class PasteRows(ReadFile):
    """Rows of a spreadsheet as text: cells between tabs, and what the columns hold."""

    rows = forms.CharField(
        label=_("Rows"),
        strip=False,
        max_length=MAX_PASTED,
        error_messages={
            "required": _("Paste or type at least one row."),
            "max_length": _("These are too many rows to paste. Save them as a file and upload it."),
        },
        widget=forms.Textarea(
            attrs={"rows": 14, "wrap": "off", "spellcheck": "false", "autocomplete": "off"}
        ),
    )

    def clean_rows(self) -> str:
        if not self.cleaned_data["rows"].strip():
            raise forms.ValidationError(self.fields["rows"].error_messages["required"])
        return self.cleaned_data["rows"].strip("\r\n")

    @property
    def columns(self) -> list[tuple[str, str]]:
        """The choices for what a column holds."""
        return [("", _("From first row")), *CHOICES.items(), (SKIP, _("Skip"))]

    @property
    def first_columns(self) -> str:
        """The fields of the columns of an empty grid."""
        names = ["first_name", "last_name"]
        if get_language().startswith("zh"):
            names.reverse()
        others = ["display_name", "department", "job_title", "phone", "location", "products"]
        return " ".join(["user_name", *names, *others])

    @property
    def arguments(self) -> dict:
        """The arguments of `receive_rows` and `check_rows`."""
        known = dict(self.columns)
        posted = self.data.getlist("column")[:COLUMN_LIMIT]
        fields = [field if field in known else "" for field in posted]
        return {"text": self.cleaned_data["rows"], "fields": fields, "options": self.options}
