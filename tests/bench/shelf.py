"""django-import-export, as it comes and as fast as it goes: users only, nothing hashed."""

from pathlib import Path

import tablib
from django.db import transaction
from import_export import fields, resources

from customers.models import Customer
from customers.names import sort_key
from users.models import CustomerUser
from users.rules import names

FIELDS = {
    "user_name": "User name",
    "first_name": "First name",
    "last_name": "Last name",
    "display_name": "Display name",
    "job_title": "Job title",
    "department": "Department",
    "contact_email": "Contact email",
    "location": "Usage location",
}


class Users(resources.ModelResource):
    """Users as anybody would import them: a column for a field, looked up by their names."""

    user_name = fields.Field("user_name", FIELDS["user_name"])
    first_name = fields.Field("first_name", FIELDS["first_name"])
    last_name = fields.Field("last_name", FIELDS["last_name"])
    display_name = fields.Field("display_name", FIELDS["display_name"])
    job_title = fields.Field("job_title", FIELDS["job_title"])
    department = fields.Field("department", FIELDS["department"])
    contact_email = fields.Field("contact_email", FIELDS["contact_email"])
    location = fields.Field("location", FIELDS["location"])

    class Meta:
        model = CustomerUser
        fields = tuple(FIELDS)
        import_id_fields = ("user_name",)

    def __init__(self, customer: Customer):
        super().__init__()
        self.customer = customer

    def get_queryset(self):
        """Only users of the customer are found."""
        return self.customer.users.all()

    def before_save_instance(self, instance, row, **kwargs):
        """Give the user what no row may lack."""
        instance.customer = self.customer
        instance.sort_key = sort_key(instance.display_name, instance.last_name, instance.first_name)
        instance.search = names.search_text(
            instance.display_name, instance.first_name, instance.last_name, instance.user_name
        )


class TunedUsers(Users):
    """The same with all that its manual says about speed."""

    class Meta(Users.Meta):
        use_bulk = True
        batch_size = 1_000
        force_init_instance = True
        skip_diff = True
        report_skipped = False
        use_transactions = True


def load(resource: type[Users], customer: Customer, path: Path, count: int) -> None:
    """Import a file with a resource, from the bytes on the disk to the last user."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = tablib.Dataset().load(file, format="csv")
    with transaction.atomic():
        result = resource(customer).import_data(rows, raise_errors=True, use_transactions=True)
    if result.totals["new"] != count:
        raise RuntimeError(f"{result.totals['new']} of {count} rows were imported.")
