"""The roles that bootstrap.sql makes on the tests' own server."""

import pytest
from django.db import connections

ROLES = """
    SELECT rolname, rolcanlogin, rolbypassrls, rolsuper OR rolcreaterole OR rolreplication
      FROM pg_roles WHERE rolname LIKE 'portal\\_%' ORDER BY rolname
"""


@pytest.fixture
def ask(transactional_db):
    """Ask the database as the owner."""

    def rows(statement):
        with connections["owner"].cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall()

    return rows


def test_roles_may_do_no_more_than_they_must(ask):
    assert ask(ROLES) == [
        ("portal_app", True, False, False),
        ("portal_backup", True, True, False),
        ("portal_owner", True, True, False),
        ("portal_search", False, True, False),
    ]


def test_owner_does_not_inherit_search_role(ask):
    statement = "SELECT inherit_option, set_option FROM pg_auth_members WHERE roleid = %s::regrole"

    assert ask(statement.replace("%s", "'portal_search'")) == [(False, True)]


def test_the_locale_lets_the_search_index_hold_chinese(ask):
    trigrams = ask("SELECT show_trgm('王 建国')")

    assert len(trigrams[0][0]) > 0


def test_no_names_get_into_the_log(ask):
    shown = {
        name: ask(f"SHOW {name}")[0][0]
        for name in ("log_statement", "log_min_error_statement", "log_error_verbosity")
    }

    assert shown == {
        "log_statement": "none",
        "log_min_error_statement": "panic",
        "log_error_verbosity": "terse",
    }
