from django.contrib.auth.decorators import login_not_required
from django.shortcuts import redirect
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from batches.errors import UsersError
from customers import locations
from partners import browsers
from users.models import CustomerUser
from users.my import access, forms, operations
from users.my.queries import find_own_licenses


@login_not_required
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request):
    access.activate_language(request, None)
    if request.method != "POST" and access.is_signed_in(request):
        return redirect("my:home")
    form = forms.SignIn(request.POST or None)
    if form.is_valid():
        old_token = access.read_cookie(request)[1]
        known = browsers.read(request, path=access.PATH)
        try:
            signed_in = operations.sign_in(**form.cleaned_data, old_token=old_token, browser=known)
            return access.begin_session(request, redirect("my:home"), signed_in)
        except UsersError as error:
            access.add_error(form, error)
    return access.render_page(request, "my/sign_in.html", {"form": form})


@access.user_view
@require_safe
def home(request, session):
    context = {
        "location": locations.name_of(session.user.location) if session.user.location else "",
        "licenses": find_own_licenses(session.user),
        "is_changed": request.GET.get("password") == "changed",
    }
    return access.render_page(request, "my/home.html", context, session)


@access.user_view
@access.open_to_temporary
@sensitive_post_parameters("current", "password", "again")
@require_http_methods(["GET", "HEAD", "POST"])
def choose_password(request, session):
    is_first = session.user.password_state != CustomerUser.PasswordState.CHOSEN
    form = forms.ChoosePassword(request.POST or None, is_first=is_first)
    if form.is_valid():
        try:
            signed_in = operations.choose_password(session=session, **form.cleaned_data)
            return access.begin_session(request, redirect("/my/?password=changed"), signed_in)
        except operations.SignedOut:
            return access.delete_cookie(redirect("my:sign_in"))
        except operations.PasswordRefused as error:
            form.add_error("password", error.problems)
        except UsersError as error:
            access.add_error(form, error, field="current")
    context = {"form": form, "is_first": is_first}
    return access.render_page(request, "my/password.html", context, session)


@access.user_view
@access.open_to_temporary
@require_POST
def sign_out(request, session):
    operations.sign_out(session=session)
    return access.end_session(request, redirect("my:sign_in"))
