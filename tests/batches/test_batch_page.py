import re

import pytest
from django.urls import reverse
from django.utils import timezone

from batches.acts import texts_of
from batches.models import Batch
from batches.operations.control import start_batch
from tests import factories
from users.acts.add import add_user
from users.acts.edit import plan_edits
from users.acts.reset import plan_resets


def page(client, batch, **query):
    return client.get(
        reverse("batches:batch", args=[batch.customer.slug, batch.pk]), query_params=query
    )


def reset_of(contoso, alice, n):
    users = [factories.user(contoso, f"Ann {number:03}") for number in range(n)]
    return plan_resets(customer=contoso, users=[user.pk for user in users], by=alice)


def test_a_plan_shows_its_lines_and_the_button(contoso, alice, as_alice):
    batch = reset_of(contoso, alice, 3)

    answer = page(as_alice, batch)

    assert answer.status_code == 200
    assert "Reset 3 passwords" in answer.content.decode()
    assert "Ann 002" in answer.content.decode()


def test_plan_of_resets_asks_with_consequences(contoso, alice, as_alice):
    type(contoso).objects.update(password_days=1)
    contoso.refresh_from_db()

    text = page(as_alice, reset_of(contoso, alice, 3)).content.decode()

    assert "<h1>Reset 3 passwords?</h1>" in text
    assert "The current password stops working and open sessions end immediately." in text
    assert "valid for 1 day and must be changed at the first sign-in" in text


@pytest.mark.parametrize(
    ("changes", "question", "fact"),
    [
        (
            {"location": "DE"},
            "Change location of 1 user?",
            "Usage location changes to Germany.",
        ),
        ({"department": "Sales"}, "Change 1 user?", "Department changes to “Sales”."),
        ({"job_title": ""}, "Change 1 user?", "Job title is cleared."),
        ({"language": "zh-hans"}, "Change 1 user?", "Language changes to"),
    ],
)
def test_plan_of_edits_shows_changes(contoso, alice, as_alice, changes, question, fact):
    ann = factories.user(contoso, "Ann", department="Finance", job_title="Nurse")
    batch = plan_edits(customer=contoso, users=[ann.pk], changes=changes, by=alice)

    text = page(as_alice, batch).content.decode()

    assert f"<h1>{question}</h1>" in text
    assert fact in text


def test_a_change_of_the_location_is_called_so(contoso, alice, as_alice):
    ann = factories.user(contoso, "Ann")
    changes = {"location": "DE"}
    batch = plan_edits(customer=contoso, users=[ann.pk], changes=changes, by=alice)

    assert str(texts_of(batch).label) == "Change location"
    start_batch(batch=batch, by=alice)
    assert "<h1>Location of 1 user changed</h1>" in page(as_alice, batch).content.decode()
    assert "Location of 1 user changed" in as_alice.get("/batches/").content.decode()


def test_start_runs_plan_and_shows_result(contoso, alice, as_alice):
    batch = reset_of(contoso, alice, 3)

    answer = as_alice.post(reverse("batches:start", args=["contoso", batch.pk]), follow=True)

    assert "<h1>3 passwords reset</h1>" in answer.content.decode()


def test_open_set_offers_to_continue_or_finish(contoso, office, alice, as_alice):
    person = {
        "user_name": "amy@contoso.example",
        "display_name": "Amy",
        "location": "US",
        "products": [{"subscription": str(office.pk), "disabled_plans": []}],
    }
    added = add_user(customer=contoso, person=person, by=alice)
    batch = added.batch
    if batch.state != "open":
        Batch.objects.filter(pk=batch.pk).update(state="open")

    answer = page(as_alice, batch).content.decode()

    assert "<h1>1 user added</h1>" in answer
    assert "Office E3" in answer
    assert reverse("users:add", args=["contoso"]) in answer
    assert reverse("users:finish_set", args=["contoso", batch.pk]) in answer


def test_missing_seat_is_shown_with_product(contoso, alice, as_alice):
    none = factories.subscription(contoso, "Mail Pro", seats=0)
    person = {
        "user_name": "amy@contoso.example",
        "display_name": "Amy",
        "location": "US",
        "products": [{"subscription": str(none.pk), "disabled_plans": []}],
    }
    batch = add_user(customer=contoso, person=person, by=alice).batch

    assert "No seat was free for Mail Pro." in page(as_alice, batch).content.decode()


def test_a_batch_of_another_customer_is_absent(contoso, alice, as_alice):
    batch = reset_of(contoso, alice, 1)
    factories.customer("fabrikam", "Fabrikam")

    answer = as_alice.get(reverse("batches:batch", args=["fabrikam", batch.pk]))

    assert answer.status_code == 404


def test_poll_of_ended_batch_reloads_page(contoso, alice, as_alice):
    batch = start_batch(batch=reset_of(contoso, alice, 1), by=alice)

    answer = as_alice.get(
        reverse("batches:batch", args=["contoso", batch.pk]),
        query_params={"was": "running"},
        headers={"HX-Request": "true"},
    )

    assert answer["HX-Refresh"] == "true"


def test_only_running_batch_polls(contoso, alice, as_alice):
    batch = reset_of(contoso, alice, 2)
    Batch.objects.filter(pk=batch.pk).update(state="running", started_at=timezone.now())
    assert 'hx-trigger="every 2s"' in page(as_alice, batch).content.decode()

    Batch.objects.filter(pk=batch.pk).update(state="done")

    assert 'hx-trigger="every 2s"' not in page(as_alice, batch).content.decode()


def test_batch_waiting_for_database_polls_with_reason(contoso, alice, as_alice):
    batch = reset_of(contoso, alice, 2)
    Batch.objects.filter(pk=batch.pk).update(
        state="paused", halted_by="database", started_at=timezone.now()
    )

    text = page(as_alice, batch).content.decode()

    assert "Waiting for the database." in text
    assert "2 users left" in text
    assert 'hx-trigger="every 2s"' in text


def places(text, *ids):
    return [text.index(f'id="{one}"') for one in ids]


def test_plan_shows_names_before_consequences_and_form(contoso, alice, as_alice):
    text = page(as_alice, reset_of(contoso, alice, 3)).content.decode()

    found = places(text, "lines", "facts-t", "start")
    assert found == sorted(found)
    # The heading counts the users already.
    assert 'class="card kpi"' not in text


def test_plan_folds_the_note_until_it_is_filled(contoso, alice, as_alice):
    batch = reset_of(contoso, alice, 1)
    note = re.compile(
        r'<details class="folded"( open)?>\s*<summary>Add a reason or a ticket number'
    )

    assert note.search(page(as_alice, batch).content.decode())[1] is None

    Batch.objects.filter(pk=batch.pk).update(ticket="INC-1")

    assert note.search(page(as_alice, batch).content.decode())[1] == " open"


def test_plan_for_one_user_has_no_line_number(contoso, alice, as_alice):
    header = '<th class="num" scope="col">Line</th>'

    assert header not in page(as_alice, reset_of(contoso, alice, 1)).content.decode()
    assert header in page(as_alice, reset_of(contoso, alice, 2)).content.decode()


def test_result_hands_over_first_and_links_users(contoso, alice, as_alice):
    batch = reset_of(contoso, alice, 2)
    start_batch(batch=batch, by=alice)

    text = page(as_alice, batch).content.decode()

    assert places(text, "handover", "lines") == sorted(places(text, "handover", "lines"))
    for line in batch.lines.all():
        assert f'href="{reverse("users:user", args=["contoso", line.user_id])}"' in text


def test_result_offers_the_undo_last(contoso, alice, as_alice):
    ann = factories.user(contoso, "Ann", department="Finance")
    batch = plan_edits(customer=contoso, users=[ann.pk], changes={"department": ""}, by=alice)
    start_batch(batch=batch, by=alice)

    text = page(as_alice, batch).content.decode()

    assert places(text, "lines", "undo") == sorted(places(text, "lines", "undo"))


def test_result_of_a_purged_user_has_no_link(contoso, alice, as_alice):
    batch = reset_of(contoso, alice, 1)
    start_batch(batch=batch, by=alice)
    user_id = batch.lines.get().user_id
    contoso.users.filter(pk=user_id).update(deleted_at=timezone.now(), purge_at=timezone.now())
    contoso.users.filter(pk=user_id).delete()

    text = page(as_alice, batch).content.decode()

    assert reverse("users:user", args=["contoso", user_id]) not in text


def test_lines_can_be_filtered_only_where_they_differ(contoso, alice, as_alice):
    batch = reset_of(contoso, alice, 3)
    start_batch(batch=batch, by=alice)
    assert "show=done" not in page(as_alice, batch).content.decode()

    batch.lines.filter(number=1).update(state="failed", trouble="failed")
    text = page(as_alice, batch).content.decode()

    assert ("show=done" in text, "show=failed" in text) == (True, True)
    assert 'class="card kpi"' not in text
    # A filter that was chosen can be left.
    batch.lines.update(state="done", trouble=None)
    assert "show=done" in page(as_alice, batch, show="failed").content.decode()
