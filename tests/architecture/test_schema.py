"""The schema keeps tenants apart by itself, whatever the code does."""

import pytest
from django.db import connection

pytestmark = pytest.mark.django_db

# Read before anybody's tenant is known; never joined into tenant output.
WITHOUT_ROW_SECURITY = {"partners_member"}


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


def test_every_tenant_table_shows_own_rows_only():
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


def test_no_tenant_table_has_a_second_policy():
    assert ask("SELECT polrelid::regclass FROM pg_policy GROUP BY 1 HAVING count(*) > 1") == []


def test_every_key_between_tenant_tables_carries_the_partner():
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


def test_every_relation_of_the_models_has_its_key():
    """A ForeignKey without a constraint of Django's own has one made in SQL."""
    from django.apps import apps

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


def test_the_tenant_is_asked_for_in_every_statement_anew():
    """IMMUTABLE would let a prepared statement keep the first tenant for ever."""
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
            "find_partners_to_wipe",
            "find_partners_with_free_seats",
            "find_partners_with_work",
            "forget_purged_users",
            "get_oldest_pending",
            "search_filtered",
            "search_page",
            "search_people",
            "search_users",
            "start_counting",
        )
    ]


def test_functions_look_for_temporary_tables_last():
    """Without pg_temp in it, a search path begins with the caller's own tables."""
    paths = {
        name: [one for one in config or () if one.startswith("search_path=")]
        for name, _definer, _owner, config, _volatile, is_bound, *_rights in ask(FUNCTIONS)
        if not is_bound
    }

    assert {name for name, path in paths.items() if path != [PINNED]} == set()
    assert len(paths) > 20


PINNED = "search_path=pg_catalog, public, pg_temp"


def test_only_the_app_may_call_functions_and_only_these():
    functions = ask(FUNCTIONS)

    assert [row[0] for row in functions if row[6]] == []
    assert [row[0] for row in functions if row[7]] == [
        "current_partner",
        "find_domain",
        "find_handover",
        "find_invitation",
        "find_partners_to_purge",
        "find_partners_to_remind",
        "find_partners_to_wipe",
        "find_partners_with_free_seats",
        "find_partners_with_work",
        "get_oldest_pending",
        "refuse_without_tenant",
        "search_filtered",
        "search_page",
        "search_people",
        "search_users",
    ]


def test_only_what_reads_nothing_is_immutable():
    """Of the others a prepared statement would keep the first answer, whichever the tenant."""
    assert [row[0] for row in ask(FUNCTIONS) if row[4] == "i"] == ["list_conditions"]


def test_the_app_makes_no_tables_and_keeps_no_others_from_working():
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


def test_the_app_writes_no_counter_and_no_time_of_the_record():
    assert columns_for("UPDATE", "licensing_subscription") == {"state", "seats", "renews_on"}
    # Row security lets it set this one to what it is, and locking takes the right to one column.
    assert columns_for("UPDATE", "users_usercount") == {"partner_id"}
    assert columns_for("INSERT", "users_usercount") == set()
    every = {
        name
        for (name,) in ask(
            "SELECT attname FROM pg_attribute WHERE attnum > 0 AND NOT attisdropped AND attrelid = 'audit_event'::regclass"
        )
    }
    assert columns_for("INSERT", "audit_event") == every - {"id", "at"}
    assert columns_for("UPDATE", "audit_event") == set()


def test_the_app_is_nothing_but_a_login():
    assert ask(
        "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb FROM pg_roles"
        " WHERE rolname = 'portal_app'"
    ) == [(False, False, False, False)]
    assert ask("SELECT current_user::text") == [("portal_app",)]


def test_the_app_may_not_change_what_it_must_not():
    denied = ask(
        """
        SELECT t.name, t.act FROM (VALUES
            ('partners_partner', 'INSERT'), ('partners_partner', 'DELETE'),
            ('audit_event', 'UPDATE'), ('audit_event', 'DELETE'),
            ('users_usercount', 'DELETE')
        ) AS t(name, act) WHERE has_table_privilege('portal_app', t.name, t.act)
        """
    )

    assert denied == []


def test_the_locale_has_letters_for_chinese():
    assert ask("SELECT show_trgm('王 建国') <> '{}'") == [(True,)]


def test_the_app_cannot_write_what_only_migrations_write():
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
