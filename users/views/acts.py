"""The view of every act on selected users; the registry says which there are."""

from secrets import token_urlsafe

from django.contrib import messages
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.module_loading import import_string
from django.views.decorators.http import require_http_methods

from batches import texts
from batches.errors import UsersError
from customers.access import customer_view
from customers.filters import UnknownFilter
from partners.pages import render_form
from users.acts.selection import NoUsersSelected, record_selected_count
from users.forms.selection import Choice
from users.queries.filters import chosen_ids

# Selections too long for an address that a session keeps.
MAX_KEPT = 3


def view_of(act):
    """The view of …/users/<path>/ for an act with an offer."""

    @customer_view(act.permission)
    @require_http_methods(["GET", "HEAD", "POST"])
    def answer(request, customer):
        if act.offer.form:
            return ask(request, customer, act)
        return plan(request, customer, act.offer, {})

    return answer


def plan(request, customer, offer, arguments):
    """Plan an act on the selected users; the page of the batch asks before it runs."""
    if request.method == "POST":
        try:
            batch = plan_for_chosen(request, customer, offer, arguments)
        except (UsersError, UnknownFilter) as error:
            messages.error(request, error.message)
        else:
            return redirect("batches:batch", customer.slug, batch.pk)
    return redirect_to_list(customer, offer.tab)


def plan_for_chosen(request, customer, offer, arguments):
    """Plan the act, with a note if the list had counted another number of users."""
    users = read_chosen(request, customer)
    given = offer.arguments | arguments
    batch = offer.plan(customer=customer, users=users, **given, by=request.user)
    record_selected_count(batch=batch, counted=read_choice(request).counted, by=request.user)
    return batch


def ask(request, customer, act):
    """Ask for more about an act on the selected users, then plan it."""
    form_class = import_string(act.offer.form)
    is_button = request.method == "POST" and "shown" not in request.POST
    if is_button and not form_class.has_buttons:
        return redirect_to_page(request, customer, act.offer, form_class)
    try:
        form = open_form(request, customer, form_class)
    except (UsersError, UnknownFilter) as error:
        messages.error(request, error.message)
        return redirect_to_list(customer, act.offer.tab)
    if is_button:
        return answer_button(request, customer, act.offer, form)
    return answer_page(request, customer, act, form)


def answer_button(request, customer, offer, form):
    """Plan what a button of the list says, or ask on the page of the form."""
    if form.is_valid():
        return plan(request, customer, offer, form.arguments)
    return redirect_to_page(request, customer, offer, type(form))


def answer_page(request, customer, act, form):
    """Plan what was typed; without that, and on refusal, show the form."""
    if form.is_valid():
        try:
            batch = plan_for_chosen(request, customer, act.offer, form.arguments)
        except UsersError as error:
            form.add_error(None, error.message)
        else:
            return redirect("batches:batch", customer.slug, batch.pk)
    return render_question(request, customer, act, form)


def open_form(request, customer, form_class):
    """Return the form about the selected users: bound if a button or its page was sent."""
    users = read_chosen(request, customer)
    if not users:
        raise NoUsersSelected
    sent = None
    if request.method == "POST":
        # The buttons of the list have their act in the address.
        values = request.GET.dict() | request.POST.dict()
        sent = request.POST if "shown" in request.POST else values
    return form_class(sent, values=request.GET, customer=customer, users=users, member=request.user)


def render_question(request, customer, act, form):
    total, choice = len(form.users), read_choice(request)
    context = {
        "nav": "users",
        "customer": customer,
        "act": act,
        "form": form,
        "total": total,
        "choice": choice,
        "moved": texts.describe_moved(choice.counted, total),
    }
    return render_form(request, act.offer.template, context | form.context)


def read_choice(request):
    """Return the selection of the form, of the address, or of the session."""
    is_sent = "ids" in request.POST or "all" in request.POST
    sent = request.POST if is_sent else request.GET
    values = dict(request.session.get("choices", {}).get(sent.get("kept", ""), sent.dict()))
    if "counted" in request.POST:
        values["counted"] = request.POST["counted"]
    return Choice.read(values)


def read_chosen(request, customer):
    """Return the ids of the selected users."""
    return chosen_ids(customer, **read_choice(request).of_users)


def redirect_to_page(request, customer, offer, form_class):
    """Redirect to the page of the act's form, with the selection in its address."""
    choice = read_choice(request)
    address = choice.query_string
    if not choice.is_short:
        kept = request.session.get("choices", {})
        token = token_urlsafe(9)
        latest = list(kept.items())[-(MAX_KEPT - 1) :]
        request.session["choices"] = dict(latest) | {token: choice.values}
        address = f"kept={token}"
    more = {name: request.POST.getlist(name) for name in form_class.kept}
    if arguments := urlencode(more, doseq=True):
        address = f"{address}&{arguments}"
    url = reverse(f"users:{offer.name or offer.path}", args=[customer.slug])
    return redirect(f"{url}?{address}")


def redirect_to_list(customer, tab=""):
    url = reverse("users:list", args=[customer.slug])
    return redirect(f"{url}?tab={tab}" if tab else url)
