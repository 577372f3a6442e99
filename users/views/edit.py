from django.contrib import messages
from django.http import Http404
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from batches.errors import UsersError
from customers.access import customer_view
from partners.access import require
from partners.pages import render_form
from partners.roles import Permission
from users.acts.profile import edit_user
from users.forms.edit import EditUser
from users.queries.user import get_user
from users.views.one import go_back

PASSWORD_ENDED = gettext_lazy(
    "This user is an administrator now, so the temporary password ended. Reset the password to hand"
    " over a new one."
)


@customer_view(Permission.MANAGE_USERS)
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request, customer, user_id):
    """Change a user: profile, user name, location and permissions."""
    user = get_user_or_404(customer, user_id, member=request.user)
    form = EditUser(request.POST or None, user=user, customer=customer, member=request.user)
    if form.is_valid():
        try:
            changed = edit_user(user=user, **form.order, by=request.user)
        except UsersError as error:
            form.refuse(error)
        else:
            return finish(request, user, form, changed)
    context = {"nav": "users", "customer": customer, "user": user, "form": form}
    template = "users/_edit.html" if request.htmx else "users/edit.html"
    return render_form(request, template, context)


def finish(request, user, form, changed):
    """Report what was changed, on the page one was on or the user's."""
    text = _("%(name)s was changed.") if changed else _("Nothing was changed.")
    messages.success(request, text % {"name": form.order["person"]["display_name"]})
    if "temporary_password" in changed:
        messages.warning(request, PASSWORD_ENDED)
    if request.htmx:
        return go_back(request, user.customer)
    return redirect("users:user", user.customer.slug, user.pk)


def get_user_or_404(customer, user_id, *, member):
    """Return the active user; not every member may act on administrators."""
    user = get_user(customer, user_id)
    if user is None:
        raise Http404
    if user.is_administrator:
        require(member, Permission.ACT_ON_ADMINISTRATORS)
    return user
