"""Answers that the views of every app need."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.contrib import messages
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from partners.errors import Refusal


def render_form(request: HttpRequest, template: str, context: dict) -> HttpResponse:
    """Render a page with a form: 422 where the form has errors, with everything typed kept."""
    status = 422 if context["form"].is_bound and context["form"].errors else 200
    return render(request, template, context, status=status)


@contextmanager
def refusal_as_message(request: HttpRequest) -> Iterator[None]:
    """Leave the block where an operation refuses, with its sentence as a message of the page."""
    try:
        yield
    except Refusal as error:
        messages.error(request, error.message)


@contextmanager
def refusal_as_error(form: Form, field: str | None = None) -> Iterator[None]:
    """Leave the block where an operation refuses, with its sentence as an error of the form."""
    try:
        yield
    except Refusal as error:
        form.add_error(field, error.message)
