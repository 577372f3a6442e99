"""The schema separates tenants by itself, whatever the code does."""

import re
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection

pytestmark = pytest.mark.django_db

PINNED = "search_path=pg_catalog, public, pg_temp"
# Read before there is a tenant; never joined into the output of a tenant.
WITHOUT_ROW_SECURITY = {"partners_member"}
FLOORS = {
    app: floor
    for floor, names in enumerate(
        ["audit", "partners", "customers", "licensing", "batches", "users", "imports handover"]
    )
    for app in names.split()
}


def ask(sql: str) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


def tenant_tables() -> set[str]:
    return {
        row[0]
        for row in ask(
            "SELECT table_name FROM information_schema.columns"
            " WHERE table_schema = 'public' AND column_name = 'partner_id'"
        )
    }


def test_tenant_tables_have_row_security():
    guarded = {
        row[0]
        for row in ask(
            """
            SELECT c.relname FROM pg_class c JOIN pg_policy p ON p.polrelid = c.oid
            WHERE c.relrowsecurity AND c.relforcerowsecurity AND p.polcmd = '*'
                AND p.polpermissive AND p.polroles = '{0}'
                AND pg_get_expr(p.polqual, c.oid) = '(partner_id = app.current_partner())'
                AND pg_get_expr(p.polwithcheck, c.oid) = '(partner_id = app.current_partner())'
            """
        )
    }

    assert guarded == tenant_tables() - WITHOUT_ROW_SECURITY


def test_tenant_tables_have_one_policy():
    assert ask("SELECT polrelid::regclass FROM pg_policy GROUP BY 1 HAVING count(*) > 1") == []


def test_keys_between_tenant_tables_carry_the_partner():
    keys = ask(
        """
        SELECT k.conname, a.relname, b.relname,
            EXISTS (SELECT FROM unnest(k.conkey, k.confkey) AS pair(here, there)
                JOIN pg_attribute x ON x.attrelid = a.oid AND x.attnum = here
                JOIN pg_attribute y ON y.attrelid = b.oid AND y.attnum = there
                WHERE x.attname = 'partner_id' AND y.attname = 'partner_id')
        FROM pg_constraint k JOIN pg_class a ON a.oid = k.conrelid
            JOIN pg_class b ON b.oid = k.confrelid WHERE k.contype = 'f'
        """
    )
    tenants = tenant_tables()
    between = [key for key in keys if {key[1], key[2]} <= tenants]

    assert [key for key in between if not key[3]] == []
    assert len(between) > 15


def test_model_relations_have_database_keys():
    """A ForeignKey without a constraint of its own has one made in SQL."""
    made = {
        (table, column)
        for table, column in ask(
            """
            SELECT a.relname, x.attname FROM pg_constraint k
                JOIN pg_class a ON a.oid = k.conrelid
                JOIN pg_attribute x ON x.attrelid = a.oid AND x.attnum = ANY (k.conkey)
            WHERE k.contype = 'f'
            """
        )
    }
    missing = [
        (model._meta.db_table, field.column)
        for model in apps.get_models()
        for field in model._meta.get_fields()
        if field.many_to_one or (field.one_to_one and field.concrete)
        if (model._meta.db_table, field.column) not in made
    ]

    assert missing == []


def test_current_partner_is_stable():
    """IMMUTABLE would let a prepared statement keep the first tenant forever."""
    assert ask("SELECT provolatile::text FROM pg_proc WHERE proname = 'current_partner'") == [
        ("s",)
    ]


FUNCTIONS = """
    SELECT p.proname, p.prosecdef, r.rolname, p.proconfig, p.provolatile::text,
        p.prosqlbody IS NOT NULL, has_function_privilege('public', p.oid, 'EXECUTE'),
        has_function_privilege('portal_app', p.oid, 'EXECUTE')
    FROM pg_proc p JOIN pg_roles r ON r.oid = p.proowner
    WHERE p.pronamespace = 'app'::regnamespace AND p.proname <> 'test_make_partner'
    ORDER BY 1
"""


def test_only_known_functions_pass_row_security():
    assert [(row[0], row[2]) for row in ask(FUNCTIONS) if row[1]] == [
        (name, "portal_search")
        for name in (
            "count_added_users",
            "count_changed_users",
            "count_licensed_users",
            "count_purged_users",
            "count_seats",
            "find_domain",
            "find_handover",
            "find_invitation",
            "find_partners_to_purge",
            "find_partners_to_remind",
            "find_partners_with_expired_files",
            "find_partners_with_expired_secrets",
            "find_partners_with_free_seats",
            "find_partners_with_pending_jobs",
            "find_partners_with_queued_mails",
            "forget_purged_users",
            "get_oldest_pending",
            "search_filtered",
            "search_page",
            "search_people",
            "search_users",
            "start_counting",
        )
    ]


def test_functions_search_temporary_tables_last():
    """A search path without pg_temp begins with the temporary tables of the caller."""
    paths = {
        name: [setting for setting in config or () if setting.startswith("search_path=")]
        for name, _definer, _owner, config, _volatile, is_bound, *_rights in ask(FUNCTIONS)
        if not is_bound
    }

    assert {name for name, path in paths.items() if path != [PINNED]} == set()
    assert len(paths) > 20


def test_app_calls_only_known_functions():
    functions = ask(FUNCTIONS)

    assert [row[0] for row in functions if row[6]] == []
    assert [row[0] for row in functions if row[7]] == [
        "current_partner",
        "find_domain",
        "find_handover",
        "find_invitation",
        "find_partners_to_purge",
        "find_partners_to_remind",
        "find_partners_with_expired_files",
        "find_partners_with_expired_secrets",
        "find_partners_with_free_seats",
        "find_partners_with_pending_jobs",
        "find_partners_with_queued_mails",
        "get_oldest_pending",
        "refuse_without_tenant",
        "search_filtered",
        "search_page",
        "search_people",
        "search_users",
    ]


def test_only_functions_without_tables_are_immutable():
    """A prepared statement would keep the first answer of any other, whatever the tenant."""
    assert [row[0] for row in ask(FUNCTIONS) if row[4] == "i"] == ["list_conditions"]


def test_app_creates_and_empties_no_tables():
    assert ask(
        """
        SELECT has_database_privilege(current_database(), 'TEMPORARY'),
            has_database_privilege(current_database(), 'CREATE'),
            has_schema_privilege('public', 'CREATE'), has_schema_privilege('app', 'CREATE')
        """
    ) == [(False, False, False, False)]
    assert (
        ask(
            """
            SELECT c.relname FROM pg_class c
            WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
                AND has_table_privilege(c.oid, 'TRUNCATE, TRIGGER, REFERENCES, MAINTAIN')
            """
        )
        == []
    )


def columns_for(right: str, table: str) -> set[str]:
    return {
        name
        for (name,) in ask(
            f"""
            SELECT attname FROM pg_attribute WHERE attrelid = '{table}'::regclass AND attnum > 0
                AND NOT attisdropped AND has_column_privilege(attrelid, attnum, '{right}')
            """
        )
    }


def test_app_writes_no_counters_or_event_times():
    assert columns_for("UPDATE", "licensing_subscription") == {"state", "seats", "renews_on"}
    # Locking takes the right to one column; row security lets it set this one only to what it is.
    assert columns_for("UPDATE", "customers_usercount") == {"partner_id"}
    assert columns_for("INSERT", "customers_usercount") == set()
    every = {
        name
        for (name,) in ask(
            "SELECT attname FROM pg_attribute WHERE attnum > 0 AND NOT attisdropped AND attrelid = 'audit_event'::regclass"
        )
    }
    assert columns_for("INSERT", "audit_event") == every - {"id", "at"}
    assert columns_for("UPDATE", "audit_event") == set()


def test_app_role_has_no_powers():
    assert ask(
        "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb FROM pg_roles"
        " WHERE rolname = 'portal_app'"
    ) == [(False, False, False, False)]
    assert ask("SELECT current_user::text") == [("portal_app",)]


def test_app_lacks_rights_on_guarded_tables():
    denied = ask(
        """
        SELECT t.name, t.act FROM (VALUES
            ('partners_partner', 'INSERT'), ('partners_partner', 'DELETE'),
            ('audit_event', 'UPDATE'), ('audit_event', 'DELETE'),
            ('customers_usercount', 'DELETE')
        ) AS t(name, act) WHERE has_table_privilege('portal_app', t.name, t.act)
        """
    )

    assert denied == []


def test_locale_makes_trigrams_of_chinese():
    assert ask("SELECT show_trgm('王 建国') <> '{}'") == [(True,)]


def test_app_writes_no_tables_of_libraries():
    tables = (
        "django_migrations",
        "django_content_type",
        "auth_permission",
        "auth_group",
        "auth_group_permissions",
    )
    written = ask(
        f"""
        SELECT name, privilege FROM unnest('{{{",".join(tables)}}}'::text[]) AS name,
            unnest('{{INSERT,UPDATE,DELETE,TRUNCATE}}'::text[]) AS privilege
        WHERE has_table_privilege('portal_app', name, privilege)
        """
    )
    assert written == []


def test_migrations_touch_no_tables_of_floors_above():
    texts = {
        app: "".join(path.read_text() for path in Path(settings.ROOT, app).glob("migrations/0*.py"))
        for app in FLOORS
    }
    tables = [(m._meta.app_label, m._meta.db_table) for m in apps.get_models()]
    above = {
        (app, table)
        for app, text in texts.items()
        for owner, table in tables
        if owner != app and FLOORS.get(owner, 0) >= FLOORS[app] and re.search(rf"\b{table}\b", text)
    }

    # Seats point at the users that hold them.
    assert above == {("licensing", "users_customeruser")}
