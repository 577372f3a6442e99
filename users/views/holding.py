from django.views.decorators.http import require_http_methods

from customers.access import customer_view
from partners.roles import Permission
from users import forms, operations

from .choosing import plan_for_chosen, redirect_to_page, render_for_chosen


@customer_view(Permission.UNDO_ALL_BATCHES)
@require_http_methods(["GET", "HEAD", "POST"])
def hold(request, customer):
    """Plan to hold, release or put off the purge of the chosen users; ask by how many days."""
    is_asked = request.method == "POST" and "shown" not in request.POST
    # A button of the list says in its address what it does.
    said = request.GET.dict() | request.POST.dict()
    form = forms.HoldPurge(said if request.method == "POST" else None)
    if form.is_valid():
        return plan_for_chosen(
            request, customer, operations.plan_holds, tab="deleted", **form.order
        )
    if is_asked:
        return redirect_to_page(request, customer, "users:hold")
    return render_for_chosen(request, customer, "users/hold.html", form, tab="deleted")
