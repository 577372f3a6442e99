"""Members' own settings."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.shortcuts import redirect, resolve_url
from django.utils import translation
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from partners import forms
from partners.operations.profile import change_language, change_profile
from partners.pages import render_form


@login_not_required
@require_POST
def language(request):
    """Keep the language in a cookie and in the profile of a member."""
    wanted = request.POST.get("next", "")
    # Without a leading slash, `redirect` would treat it as the name of a view.
    is_safe = wanted.startswith("/") and url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    answer = redirect(wanted if is_safe else resolve_url("portal:home"))
    form = forms.ChooseLanguage(request.POST)
    if form.is_valid():
        _remember(answer, form.cleaned_data["language"])
        if request.user.is_authenticated:
            change_language(**form.cleaned_data, by=request.user)
    return answer


def _remember(answer, language: str) -> None:
    answer.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        language,
        max_age=365 * 24 * 60 * 60,
        secure=settings.LANGUAGE_COOKIE_SECURE,
        httponly=True,
        samesite=settings.LANGUAGE_COOKIE_SAMESITE,
    )


@require_http_methods(["GET", "POST"])
def profile(request):
    """Change name, language, time zone and display."""
    form = forms.Profile.of(request.user, request.POST or None)
    if form.is_valid():
        change_profile(**form.cleaned_data, by=request.user)
        if chosen := form.cleaned_data["language"]:
            translation.activate(chosen)
        messages.success(request, _("Profile saved."))
        return redirect("portal:profile")
    return render_form(request, "portal/profile.html", {"nav": "profile", "form": form})
