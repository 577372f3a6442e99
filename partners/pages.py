"""How pages answer that every app needs alike."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def render_form(request: HttpRequest, template: str, context: dict) -> HttpResponse:
    """Render a page with a form: 422 where the form has errors, with everything typed kept."""
    status = 422 if context["form"].is_bound and context["form"].errors else 200
    return render(request, template, context, status=status)
