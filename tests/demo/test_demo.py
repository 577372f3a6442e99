from io import StringIO

import pytest
from django.core.mail import EmailMessage, get_connection
from django.core.management import CommandError, call_command
from django.db import transaction
from django.urls import path

from audit.models import Event
from batches.acts import get_acts
from batches.models import Batch, Line
from demo import catalog
from partners import tenancy
from partners.models import Invitation, Member, Partner
from portal.queries.figures import get_figures
from portal.urls import urlpatterns as portal_urls
from portal.views import demo
from users.models import CustomerUser

urlpatterns = [*portal_urls, path("demo/mail/", demo.mails, name="demo_mail")]

commits = pytest.mark.django_db(transaction=True, databases=["default", "owner"])


@commits
def test_demo_is_created_once_with_all_kinds(settings, client):
    settings.IS_DEMO = True

    call_command("seed_demo", max_users=60)
    call_command("seed_demo", max_users=60)

    assert Partner.objects.count() == 2
    mira = Member.objects.get(email="mira.sand@halden.example")
    with tenancy.tenant(mira.partner_id), transaction.atomic():
        assert get_figures(member=mira).customers == 14
        states = set(Batch.objects.values_list("state", flat=True))
        assert {"open", "planned", "done", "canceled", "refused"} <= states
        kinds = set(Batch.objects.values_list("kind", flat=True))
        assert kinds == {act.kind for act in get_acts() if act.has_batches}
        results = set(Line.objects.values_list("batch__kind", "state"))
        assert {("restore", "partly"), ("restore", "invalid"), ("licenses", "failed")} <= results
        assert Invitation.objects.count() == 2
        acts = set(Event.objects.values_list("action", flat=True))
        assert {"user.purged", "user.edited", "member.deactivated", "customer.archived"} <= acts
        deleted = CustomerUser.objects.exclude(deleted_at=None)
        assert deleted.count() > 50
        assert not deleted.filter(deletion=None).exists()
    assert client.login(email=mira.email, password=catalog.PASSWORD)
    assert client.get("/").status_code == 200


@commits
def test_existing_partner_prevents_demo(settings):
    settings.IS_DEMO = True
    Partner.objects.using("owner").create(slug="real", name="Real")

    call_command("seed_demo")

    assert [partner.slug for partner in Partner.objects.all()] == ["real"]


@pytest.mark.parametrize("command", ["seed_demo", "demo_members"])
def test_there_are_no_known_passwords_outside_the_demo(settings, db, command):
    settings.IS_DEMO = False

    with pytest.raises(CommandError, match="LOCAL_DEMO=1"):
        call_command(command)


def test_the_demos_members_are_listed_role_by_role(settings, northwind):
    settings.IS_DEMO = True
    for colleague in catalog.MEMBERS:
        Member.objects.create_user(
            colleague.email, None, partner=northwind, name=colleague.name, role=colleague.role
        )
    out = StringIO()

    call_command("demo_members", stdout=out)

    for colleague in catalog.MEMBERS:
        assert colleague.email in out.getvalue()
    assert catalog.PASSWORD in out.getvalue()


@pytest.fixture
def mail_folder(settings, tmp_path):
    """A folder that mails are written to."""
    settings.EMAIL_FILE_PATH = str(tmp_path)
    return tmp_path


@pytest.mark.urls(__name__)
def test_demo_mails_show_text_and_links(as_alice, mail_folder):
    backend = get_connection("django.core.mail.backends.filebased.EmailBackend")
    body = "你好 <b>\nhttp://localhost/link/abc_-def/\n"
    for subject in ("First", "第二"):
        EmailMessage(subject, body, "a@b.example", ["ann@home.example"], connection=backend).send()

    text = as_alice.get("/demo/mail/").content.decode()

    assert text.index("第二") < text.index("First")
    assert "你好 &lt;b&gt;" in text
    assert 'href="http://localhost/link/abc_-def/"' in text


@pytest.mark.urls(__name__)
def test_the_mails_are_not_for_strangers(client, db, mail_folder):
    assert client.get("/demo/mail/").status_code == 302


def test_there_is_no_mail_page_outside_the_demo(as_alice):
    assert as_alice.get("/demo/mail/").status_code == 404
