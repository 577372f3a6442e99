"""All components on one page; only with DEBUG, and for the tests."""

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.shortcuts import render

TONES = ["ok", "warn", "bad", "info", "accent"]

PEOPLE = [
    ("Amara Okafor", "amara.okafor", ["Business Standard"], True),
    ("Jonas Haddad", "jonas.haddad", [], False),
    ("林建国", "jianguo.lin", ["Business Standard", "Business Basic"], True),
    ("Åsa Löfgren", "asa.lofgren", ["Visio Plan 2"], True),
    ("Bartholomew Featherstonehaugh-Cholmondeley", "b.featherstonehaugh", ["Enterprise E3"], False),
    ("王", "wang", [], True),
]


class Sample(forms.Form):
    first = forms.CharField(label="First name", required=False)
    last = forms.CharField(label="Last name", help_text="As on the passport.")
    location = forms.ChoiceField(
        label="Location", choices=[("gb", "United Kingdom"), ("cn", "China")]
    )
    born = forms.DateField(label="Date", widget=forms.DateInput(attrs={"type": "date"}))
    note = forms.CharField(label="Note", required=False, widget=forms.Textarea(attrs={"rows": 3}))
    file = forms.FileField(label="File", required=False)
    is_blocked = forms.BooleanField(label="Block sign-in", required=False)
    when = forms.ChoiceField(
        label="When",
        choices=[("now", "Now"), ("later", "At night")],
        widget=forms.RadioSelect,
        initial="now",
    )
    rights = forms.MultipleChoiceField(
        label="Permissions",
        help_text="What the user may do in the customer's own tools.",
        choices=[("helpdesk", "Helpdesk administrator"), ("billing", "Billing administrator")],
        widget=forms.CheckboxSelectMultiple,
    )


@login_not_required
def styleguide(request):
    form = Sample({"first": "Amara"} if "errors" in request.GET else None)
    if "notice" in request.GET:
        messages.success(request, "3 users deleted.", extra_tags="undo:/styleguide/")
        messages.warning(request, "2 licenses could not be taken back.")
    rows = [
        {"pk": number, "name": name, "user_name": user, "licenses": licenses, "is_allowed": allowed}
        for number, (name, user, licenses, allowed) in enumerate(PEOPLE, start=1)
        if request.GET.get("q", "").lower() in name.lower()
    ]
    page = int(request.GET.get("page", "1"))
    context = {
        "form": form,
        "tones": TONES,
        "rows": rows[(page - 1) * 3 : page * 3],
        "total": len(rows),
        "q": request.GET.get("q", ""),
        "sort": request.GET.get("sort", ""),
        "previous": "?page=1" if page == 2 else None,
        "next": "?page=2" if page == 1 and len(rows) > 3 else None,
        "steps": ["Upload", "Check", "Import", "Hand over"],
        "bars": [(x * 21, 132 - 4 * (x * 7 % 23), 4 * (x * 7 % 23)) for x in range(30)],
    }
    return render(request, "portal/styleguide.html", context)
