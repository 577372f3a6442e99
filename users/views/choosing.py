from django.contrib import messages
from django.shortcuts import redirect
from django.urls import reverse

from users import operations, queries


def read_chosen(request, customer):
    """Return the ids of the users that were chosen in the list."""
    return queries.chosen_ids(
        customer,
        ids=request.POST.get("ids", ""),
        all=request.POST.get("all") == "1",
        query=request.POST.get("query", ""),
    )


def plan_for_chosen(request, customer, plan, *, tab="", **choices):
    """Plan an act on the chosen users; the page of the batch asks before it is done."""
    if request.method == "POST":
        try:
            chosen = read_chosen(request, customer)
            batch = plan(customer=customer, users=chosen, **choices, by=request.user)
        except (operations.UsersError, queries.UnknownFilter) as error:
            messages.error(request, error.message)
        else:
            return redirect("users:batch", customer.slug, batch.pk)
    url = reverse("users:list", args=[customer.slug])
    return redirect(f"{url}?tab={tab}" if tab else url)


def count_chosen(request, customer):
    """Return how many users were chosen; where it is nobody, that is an error."""
    chosen = read_chosen(request, customer)
    if not chosen:
        raise operations.NobodyChosen
    return len(chosen)
