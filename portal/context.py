"""Context of every page for the shell around its content."""

from django.utils import translation

from partners.roles import Permission

# Language tags in HTML, where Django's differ.
HTML_LANGUAGES = {"zh-hans": "zh-Hans"}


def shell(request):
    """
    Add the member, the customer of the page, and display settings.

    Needs no query: everything is part of the request.
    """
    user = getattr(request, "user", None)
    member = user if user is not None and user.is_authenticated else None
    customer = getattr(request, "customer", None)
    is_archived = customer is not None and customer.is_archived
    return {
        "member": member,
        "customer": customer,
        "theme": member.theme if member else "",
        "are_keys_off": bool(member) and not member.has_shortcuts,
        "may_manage_users": bool(member)
        and member.may(Permission.MANAGE_USERS)
        and not is_archived,
        "may_manage_customers": bool(member) and member.may(Permission.MANAGE_CUSTOMERS),
        "may_manage_staff": bool(member) and member.may(Permission.MANAGE_STAFF),
        "html_language": html_language(),
    }


def html_language():
    language = translation.get_language() or "en"
    return HTML_LANGUAGES.get(language, language)
