"""The view of every act on one user: a question on the page one is on, then it runs at once."""

import json
from functools import partial
from http import HTTPStatus
from urllib.parse import urlsplit

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import MAX_URL_REDIRECT_LENGTH
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods
from django_htmx.http import HttpResponseClientRedirect

from batches import texts
from batches.errors import UsersError
from batches.forms import Note, Place, StartBatch
from batches.page import next_steps, page_of
from batches.queries.batch import find_lines
from customers.access import customer_view
from licensing.queries import find_product_names
from users.acts.at_once import NotDone, run_at_once, unkept
from users.forms.act import ActForm, Once, Unanswered
from users.queries.user import find_any_user


def view_of(act):
    """The view of …/users/<id>/<path>/ for an act with an offer."""

    @customer_view(act.permission)
    @require_http_methods(["GET", "HEAD", "POST"])
    def answer(request, customer, user_id):
        user = find_any_user(customer, user_id)
        if user is None:
            raise Http404
        form = open_form(request, user, act, request.POST or None)
        if request.method == "POST":
            return act_on(request, user, act, form)
        known = open_form(request, user, act, request.GET)
        return ask(request, user, act, form, known.arguments if known.is_valid() else None)

    return answer


def open_form(request, user, act, data):
    name = act.offer.form_of_one
    form_class = import_string(name) if name else ActForm
    about = {"values": request.GET, "customer": user.customer, "users": [user.pk]}
    return form_class(data, **about, member=request.user)


def act_on(request, user, act, form):
    """Plan the act and run it; on refusal ask again, with the reason."""
    once = Once(request.POST)
    if not (form.is_valid() and once.is_valid()):
        return ask(request, user, act, form, None)
    given = {"offer": act.offer, "arguments": form.arguments, **once.cleaned_data}
    answer = partial(answer_plan, request, form)
    try:
        batch = run_at_once(user=user, **given, answer=answer, by=request.user)
    except UsersError as error:
        refuse(form, error)
        return ask(request, user, act, form, given["arguments"])
    return finish(request, batch, name=user.display_name, is_shown="show" in request.POST)


def answer_plan(request, form, batch):
    """Return the answers to what the plan asks."""
    form.prepare(batch, by=request.user)
    start = StartBatch(request.POST, batch=batch, is_at_once=True)
    if not start.is_valid():
        raise Unanswered
    return start.choices


def refuse(form, error):
    """Add the reason to the form, where it is not one of its errors already."""
    if isinstance(error, NotDone):
        for message in show_line(error.line.batch, [error.line]).messages:
            form.add_error(None, message.text)
    elif not isinstance(error, Unanswered):
        form.add_error(None, error.message)


def show_line(batch, lines):
    (shown,) = texts.show(lines, find_product_names(batch.customer))
    return shown


def ask(request, user, act, form, arguments):
    """Ask whether to do the act, and show what it would do: a plan that is not kept."""
    template = "users/_one.html" if request.htmx else "users/one.html"
    status = HTTPStatus.UNPROCESSABLE_ENTITY if request.method == "POST" else HTTPStatus.OK
    with unkept():
        plan = look_ahead(request, user, act, form, arguments)
        context = plan | question_of(user, act, form, plan) | form.context
        context["origin"] = origin_of(request, user.customer)
        return render(request, template, context, status=status)


def look_ahead(request, user, act, form, arguments):
    """Plan the act as far as its arguments are known, and describe it like the page of a plan."""
    offer, start = act.offer, Note(request.POST or None)
    if arguments is None:
        return {"start": start}
    given = offer.arguments | arguments
    try:
        batch = offer.plan(customer=user.customer, users=[user.pk], **given, by=request.user)
    except UsersError as error:
        return {"start": start, "refusal": error.message}
    more = form.look_ahead(batch, by=request.user)
    start = StartBatch(request.POST or None, batch=batch, is_at_once=True)
    return page_of(batch, Place(), member=request.user) | {"start": start} | more


def question_of(user, act, form, plan):
    words = form.texts_of(act).one
    is_there = (user.deleted_at is not None) == (act.offer.tab == "deleted")
    is_open = bool(form.visible_fields() or ("progress" in plan and plan["progress"].planned))
    return {
        "nav": "users",
        "customer": user.customer,
        "user": user,
        "act": act,
        "form": form,
        "once": Once(initial={"version": user.version}),
        "question": words.question % {"name": user.display_name},
        "button": words.button,
        "can_run": is_there and is_open and not user.customer.is_archived,
    }


def finish(request, batch, *, name, is_shown=False):
    """Report on the page one was on what was done to the user, with what is next."""
    steps = next_steps(batch, member=request.user)
    report(request, batch, steps, name)
    if is_shown and "sheet" in steps:
        # The answer to the same click; a GET opens no sheet.
        return redirect(steps["sheet"], preserve_request=True)
    (line,) = find_lines(batch).rows
    is_there = find_any_user(batch.customer, line.user_id) is not None
    return go_back(request, batch.customer, is_there=is_there)


def report(request, batch, steps, name):
    (line,) = find_lines(batch).rows
    shown = show_line(batch, [line])
    text = texts.describe_done(batch, name)
    if shown.messages:
        more = " ".join(message.text for message in shown.messages)
        text = _("%(done)s. %(more)s") % {"done": text, "more": more}
    level = messages.warning if line.state == line.State.PARTLY else messages.success
    level(request, text, extra_tags=" ".join(f"{word}:{url}" for word, url in steps.items()))


def go_back(request, customer, *, is_there=True):
    """Show the page one was on, as it is now; the list, if the user has no page any longer."""
    url = origin_of(request, customer)
    users = reverse("users:list", args=[customer.slug])
    if not is_there and urlsplit(url).path != users:
        return go_to(request, f"{users}?tab=deleted")
    if not request.htmx:
        return redirect(url)
    # Its address stays, so history gets no second entry for it.
    place = {"target": "#main", "select": "#main", "swap": "outerMorph", "push": "false"}
    return HttpResponse(headers={"HX-Location": json.dumps({"path": url} | place)})


def go_to(request, url):
    return HttpResponseClientRedirect(url) if request.htmx else redirect(url)


def origin_of(request, customer):
    """The page about the customer's users that the member was on, or the list."""
    users = reverse("users:list", args=[customer.slug])
    try:
        url = read_origin(request)
    except ValueError:
        # A header is no address.
        return users
    is_about_users = url.startswith(users) and "\\" not in url
    is_usable = is_about_users and len(url) <= MAX_URL_REDIRECT_LENGTH
    return url if is_usable and url != request.path else users


def read_origin(request):
    """The address on this host that the request says it came from, or ''."""
    if request.htmx:
        return request.htmx.current_url_abs_path or ""
    if "next" in request.POST:
        return request.POST["next"]
    came_from = urlsplit(request.headers.get("Referer", ""))
    is_here = came_from.netloc == request.get_host()
    return came_from._replace(scheme="", netloc="").geturl() if is_here else ""
