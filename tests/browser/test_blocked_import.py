"""A file that says who is blocked and who has left, from the upload to the list of users."""

import pytest
from playwright.sync_api import expect

from tests.browser import steps

pytestmark = pytest.mark.django_db(transaction=True)

STAFF = """User name,Display name,Status
mara,Mara Quill,Active
odo,Odo Rusk,Suspended
pia,Pia Sorn,停用
rae,Rae Tolm,Terminated
"""
WORDS = {
    "en": {
        "count": "2 users come in with sign-in blocked, and get no passwords.",
        "left": "According to the file, these people have left. They’re skipped.",
        "blocked": "Blocked",
    },
    "zh-hans": {
        "count": "2 个用户导入后登录已阻止，且没有密码。",
        "left": "已离职",
        "blocked": "已阻止",
    },
}


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_blocked_people_of_a_file_come_in_blocked(site, worker, shoot, alice, contoso, language):
    words, page = WORDS[language], site.page
    alice.language = language
    alice.save()
    site.sign_in(alice)
    steps.go_to_users(page, "contoso")
    page.locator(".page-head a[href$='/users/import/']").click()
    page.locator("input[type=file]").set_input_files(
        {"name": "staff.csv", "mimeType": "text/csv", "buffer": STAFF.encode()}
    )
    page.locator(".actionbar button.primary").click()

    expect(site.main.get_by_text(words["count"])).to_be_visible()
    expect(site.main.get_by_text(words["left"]).first).to_be_visible()
    site.check()
    shoot(f"blocked-1-plan-{language}")
    page.locator(".actionbar button[form=start]").click()

    expect(page.locator("#handover")).to_be_visible()
    site.check()
    steps.go_to_users(page, "contoso")
    expect(site.main.get_by_text("mara@contoso.example")).to_be_visible()
    expect(site.main.get_by_text("rae@contoso.example")).to_have_count(0)
    page.goto(f"{page.url.split('?')[0]}?status=blocked")
    expect(site.main.get_by_text("mara@contoso.example")).to_have_count(0)
    for name in ("odo", "pia"):
        row = site.main.get_by_role("row").filter(has_text=f"{name}@contoso.example")
        expect(row.get_by_text(words["blocked"], exact=True)).to_be_visible()
