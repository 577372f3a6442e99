from django.utils.translation import gettext_lazy as _

# Left of the colon the field; a field's place is also its place in the template.
LABELS = {
    "user_name": _("User name"),
    "last_name": _("Last name"),
    "first_name": _("First name"),
    "display_name": _("Display name"),
    "domain": _("Domain"),
    "location": _("Usage location"),
    "products": _("Licenses"),
    "permissions": _("Permissions"),
    "job_title": _("Job title"),
    "department": _("Department"),
    "phone": _("Phone"),
    "contact_email": _("Contact address"),
    "language": _("Language"),
}


# Fields that are no column of the template's empty rows.
_MORE = {"is_blocked": _("Sign-in")}


def label_of(field: str):
    """What the reader calls a field."""
    return LABELS.get(field) or _MORE.get(field, field)
