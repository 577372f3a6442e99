"""A test may end while its page still asks: its tables are emptied when the answers are given."""

import pytest

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("turn", range(3))
def test_requests_of_a_page_that_is_closed_end_before_the_next_test(site, alice, contoso, turn):
    site.sign_in(alice)

    site.page.evaluate("() => { for (let n = 0; n < 40; n++) fetch(`${location.href}?${n}`); }")
