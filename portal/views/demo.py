"""Pages of the demo."""

from django.shortcuts import render
from django.views.decorators.http import require_safe

from demo import mail
from partners.access import partner_view
from partners.roles import Permission


@partner_view(Permission.VIEW)
@require_safe
def mails(request):
    """Show the mails of the demo with their links."""
    context = {"nav": "demo_mail", "mails": mail.find_mails()}
    return render(request, "portal/demo_mail.html", context)
