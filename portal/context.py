"""What the shell of every page needs besides what its view hands over."""

from django.utils import translation

from partners.roles import Permission

# As HTML spells them; Django's own names are lower case.
HTML_LANGUAGES = {"zh-hans": "zh-Hans"}


def shell(request):
    """
    Hand the member, the customer in whose context the page stands, and the display to the shell.

    Asks no query: everything comes from what the request carries already.
    """
    user = getattr(request, "user", None)
    member = user if user is not None and user.is_authenticated else None
    return {
        "member": member,
        "customer": getattr(request, "customer", None),
        "theme": member.theme if member else "",
        "are_keys_off": bool(member) and not member.has_shortcuts,
        "may_manage_users": _may_manage_users(request, member),
        "may_manage_customers": bool(member) and member.may(Permission.MANAGE_CUSTOMERS),
        "may_manage_staff": bool(member) and member.may(Permission.MANAGE_STAFF),
        "html_language": html_language(),
    }


def html_language():
    """The language of the page as HTML spells it."""
    language = translation.get_language() or "en"
    return HTML_LANGUAGES.get(language, language)


def _may_manage_users(request, member):
    """Whether users may be added here: not at an archived customer."""
    customer = getattr(request, "customer", None)
    is_archived = customer is not None and customer.is_archived
    return bool(member) and member.may(Permission.MANAGE_USERS) and not is_archived
