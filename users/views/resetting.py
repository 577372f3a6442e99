from django.contrib import messages
from django.shortcuts import redirect

from customers.access import customer_view
from partners.roles import Permission
from users import operations, queries


@customer_view(Permission.RESET_PASSWORDS)
def reset(request, customer):
    """Plan new passwords for the chosen users; the page of the batch asks before it is done."""
    if request.method != "POST":
        return redirect("users:list", customer.slug)
    try:
        chosen = queries.chosen_ids(
            customer,
            ids=request.POST.get("ids", ""),
            all=request.POST.get("all") == "1",
            query=request.POST.get("query", ""),
        )
        batch = operations.plan_resets(customer=customer, users=chosen, by=request.user)
    except (operations.UsersError, queries.UnknownFilter) as error:
        messages.error(request, error.message)
        return redirect("users:list", customer.slug)
    return redirect("users:batch", customer.slug, batch.pk)
