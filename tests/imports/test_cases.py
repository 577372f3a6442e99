"""Files as people have them, from the upload to the users: the cases of `cases/README.md`."""

import html

import pytest
from django.apps import apps
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.urls import reverse

from batches.models import Batch, Line
from imports.queries import find_preview
from licensing.models import Subscription
from tests.imports.case_files import make_customer, read_cases
from tests.workers import check_upload
from users.models import CustomerUser

CASES = read_cases()
SHOWN = ("", "errors", "warnings", "skipped", "ready")


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_file_becomes_what_it_means(as_alice, inside, case):
    make_customer(case)
    before = set(CustomerUser.objects.values_list("pk", flat=True))

    batch = upload(as_alice, case)

    if case.refused:
        assert batch.plan.get("refused", {}).get("code") == case.refused
        assert hidden_well(as_alice, batch, case)
    for step in case.then:
        take(as_alice, batch, case, step)
    assert hidden_well(as_alice, batch, case)
    if batch.state == "refused":
        return
    assert counts_of(batch) == case.all_counts
    assert rows_add_up(as_alice, batch)
    assert problems_of(batch) == case.problems
    assert sorted({notice["code"] for notice in batch.plan["notices"]}) == sorted(case.notices)
    if case.columns:
        assert columns_of(batch, case) == case.columns

    if Line.objects.filter(batch=batch, state="planned").exists():
        as_alice.post(reverse("batches:start", args=["case", batch.pk]))

    assert find_users(case) == [complete(case, user) for user in case.users]
    assert each_row_made_one_user(batch, before)
    assert hidden_well(as_alice, batch, case)


def upload(client, case) -> Batch:
    """Upload the file with the choices as they stand on the page, and check it."""
    form = {"domain": case.domain, "location": "US", "mode": "good", "purpose": "create"}
    file = SimpleUploadedFile(case.file_name, case.content)
    names = {"products": [str(one) for one in subscriptions(case.form.get("products", ()))]}
    data = form | case.form | names | {"file": file}
    answer = client.post(reverse("imports:upload", args=["case"]), data)
    assert answer.status_code == 302, answer.content.decode()
    batch = Batch.objects.get()
    check_upload(batch_id=batch.pk)
    batch.refresh_from_db()
    return batch


def subscriptions(names):
    return [Subscription.objects.get(product__name=name).pk for name in names]


def take(client, batch, case, step) -> None:
    """Do a step of `then` with a plan."""
    where = ["case", batch.pk]
    if step == "suggestions":
        client.post(reverse("imports:apply_suggestions", args=where))
    elif "code" in step:
        client.post(reverse("imports:repair_all", args=where), step)
    else:
        form = {"domain": case.domain, "location": "US", "mode": "good", "purpose": "create"}
        answer = client.post(reverse("imports:settings", args=where), form | step)
        assert answer.status_code == 302, answer.content.decode()
        check_upload(batch_id=batch.pk)
    batch.refresh_from_db()


def counts_of(batch) -> dict[str, int]:
    return batch.plan["counts"] | {"unchanged": batch.plan["unchanged"]}


def rows_add_up(client, batch) -> bool:
    """Whether the page and the lines have as many rows as the plan."""
    total = sum(counts_of(batch).values())
    lines = Line.objects.filter(batch=batch).exclude(act="leave").count()
    return batch.plan["rows"] == total == lines + batch.plan["unchanged"]


def problems_of(batch) -> dict[str, list[str]]:
    """The codes of the problems by line of the file."""
    lines = Line.objects.filter(batch=batch).exclude(problems=[]).order_by("number")
    return {
        str(line.input.get("place") or line.input["line"]): [one["code"] for one in line.problems]
        for line in lines
        if "line" in line.input
    }


def columns_of(batch, case) -> dict[str, str]:
    found = {column["header"]: column["field"] for column in find_preview(batch)["columns"]}
    return {header: found.get(header, "no column") for header in case.columns}


def complete(case, user) -> dict:
    """What is expected of a user: where nothing else is said, sign-in is open, without licenses."""
    name = user["user_name"]
    usual = {"is_blocked": False, "licenses": [], "permissions": []}
    return usual | user | {"user_name": name if "@" in name else f"{name}@{case.domain}"}


def find_users(case) -> list[dict]:
    """The users after the start, with the fields that the case names."""
    users = CustomerUser.objects.filter(deleted_at=None).order_by("user_name")
    expected = {user["user_name"]: user for user in (complete(case, one) for one in case.users)}
    return [describe(user, expected.get(user.user_name, ["user_name"])) for user in users]


def describe(user, fields) -> dict:
    values = {}
    for name in fields:
        if name == "licenses":
            given = user.assignments.values_list("subscription__product__name", flat=True)
            values[name] = sorted(given)
        else:
            values[name] = getattr(user, name)
    return values


def each_row_made_one_user(batch, before) -> bool:
    """Whether each new user is that of a row that was imported, and of no other."""
    added = set(CustomerUser.objects.values_list("pk", flat=True)) - before
    done = Line.objects.filter(batch=batch, state="done", act="add")
    made = list(done.values_list("user_id", flat=True))
    return len(made) == len(added) and set(made) == added


def hidden_well(client, batch, case) -> bool:
    """Whether no secret of the file stands in the database or on a page."""
    if not case.secrets:
        return True
    pages = [
        client.get(reverse("batches:batch", args=["case", batch.pk]), query_params={"show": shown})
        for shown in SHOWN
    ]
    if batch.state in {"planned", "refused"}:
        pages.append(client.get(reverse("imports:settings", args=["case", batch.pk])))
    texts = [html.unescape(page.content.decode()) for page in pages]
    assert all(page.status_code == 200 for page in pages)
    return not [s for s in case.secrets for text in texts if s in text] + find_kept(case.secrets)


def find_kept(secrets) -> list[str]:
    """The tables in which one of these texts stands; the bytes of the file are no text there."""
    found = []
    with connection.cursor() as cursor:
        for model in apps.get_models():
            if model._meta.managed and not model._meta.proxy:
                cursor.execute(
                    f'SELECT count(*) FROM "{model._meta.db_table}" t WHERE EXISTS (SELECT FROM'
                    " unnest(%s::text[]) s WHERE strpos(row_to_json(t)::text, s) > 0)",
                    [secrets],
                )
                found += [model._meta.db_table] * cursor.fetchone()[0]
    return found
