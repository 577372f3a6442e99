from secrets import token_urlsafe

from django.contrib import messages
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode

from customers.pages import render_form
from users import consequences, forms, operations, queries

# So many choices that are too long for an address are remembered while a member is signed in.
MOST_KEPT = 3


def read_choice(request):
    """Return whom the form, the address or what was kept for the address chooses."""
    is_sent = "ids" in request.POST or "all" in request.POST
    sent = request.POST if is_sent else request.GET
    said = dict(request.session.get("choices", {}).get(sent.get("kept", ""), sent.dict()))
    if "counted" in request.POST:
        said["counted"] = request.POST["counted"]
    return forms.Choice.read(said)


def read_chosen(request, customer):
    """Return the ids of the users that were chosen in the list."""
    return queries.chosen_ids(customer, **read_choice(request).of_users)


def redirect_to_page(request, customer, name, **more):
    """Go to the page that asks about the chosen users; its address says who they are, and more."""
    choice = read_choice(request)
    address = choice.query_string
    if not choice.is_short:
        kept = request.session.get("choices", {})
        token = token_urlsafe(9)
        latest = list(kept.items())[-(MOST_KEPT - 1) :]
        request.session["choices"] = dict(latest) | {token: choice.values}
        address = f"kept={token}"
    if said := urlencode(more, doseq=True):
        address = f"{address}&{said}"
    return redirect(f"{reverse(name, args=[customer.slug])}?{address}")


def plan_for_chosen(request, customer, plan, *, tab="", **choices):
    """Plan an act on the chosen users; the page of the batch asks before it is done."""
    if request.method == "POST":
        try:
            chosen = read_chosen(request, customer)
            batch = plan(customer=customer, users=chosen, **choices, by=request.user)
        except (operations.UsersError, queries.UnknownFilter) as error:
            messages.error(request, error.message)
        else:
            counted = read_choice(request).counted
            operations.note_counted(batch=batch, counted=counted, by=request.user)
            return redirect("users:batch", customer.slug, batch.pk)
    return redirect_to_list(customer, tab)


def count_chosen(request, customer):
    """Return how many users were chosen; where it is nobody, that is an error."""
    chosen = read_chosen(request, customer)
    if not chosen:
        raise operations.NobodyChosen
    return len(chosen)


def render_for_chosen(request, customer, template, form, *, tab=""):
    """Show the page that asks what shall become of the chosen users."""
    try:
        total = count_chosen(request, customer)
    except (operations.UsersError, queries.UnknownFilter) as error:
        messages.error(request, error.message)
        return redirect_to_list(customer, tab)
    moved = consequences.describe_moved(read_choice(request).counted, total)
    context = {"nav": "users", "customer": customer, "form": form, "total": total, "moved": moved}
    return render_form(request, template, context)


def redirect_to_list(customer, tab=""):
    """Go back to the list from which the users were chosen."""
    url = reverse("users:list", args=[customer.slug])
    return redirect(f"{url}?tab={tab}" if tab else url)
