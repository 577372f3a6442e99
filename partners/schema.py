"""
Parts of migrations: the fields that many tables share, and the SQL that Django has no words for.

All row security, keys and column grants of a table stand in one `tenant_table` call.
"""

from typing import NamedTuple

from django.db import models
from django.db.migrations import RunSQL

from partners.models import UUIDv7
from partners.tenancy import require_current, uuid7

# Where a function of schema app looks for names. Without pg_temp at the end, temporary tables of
# the caller's session would come first and hide ours.
SEARCH_PATH = "SET search_path = pg_catalog, public, pg_temp"


def foreign_key(to: str, related_name: str = "+", on_delete=models.CASCADE, **options):
    """Return a ForeignKey without a constraint or an index of its own; see `Key`."""
    options |= {"to": to, "related_name": related_name, "on_delete": on_delete}
    return models.ForeignKey(db_constraint=False, db_index=False, **options)


def tenant_fields() -> list[tuple[str, models.Field]]:
    """Return the fields of partners.models.TenantModel."""
    identity = {"primary_key": True, "serialize": False, "editable": False}
    return [
        ("id", models.UUIDField(db_default=UUIDv7(), default=uuid7, **identity)),
        ("partner", partner_field(editable=False)),
    ]


def partner_field(**options) -> models.ForeignKey:
    """Return the key to the partner, which is the current one by default."""
    options["default"] = require_current
    return foreign_key("partners.partner", on_delete=models.PROTECT, **options)


def numbered_fields(parent: str) -> list[tuple[str, models.Field]]:
    """Return the fields of batches.models.NumberedPart, and the key made of parent and number."""
    return [
        ("partner", partner_field()),
        ("number", models.PositiveIntegerField()),
        ("pk", models.CompositePrimaryKey(f"{parent}_id", "number", serialize=False)),
    ]


class Key(NamedTuple):
    """
    A foreign key that carries the partner, so that rows point only at rows of the same partner.

    `columns` follow partner_id; the last of them points at `id`, the others have the same name in
    both tables. Without columns it is the key to the partner itself.
    """

    name: str
    columns: str
    target: str
    on_delete: str = "CASCADE"

    def sql(self) -> str:
        """Return the constraint. A deferrable one would block later ALTERs of its transaction."""
        here = ["partner_id", *filter(None, self.columns.split(", "))]
        there = [*here[:-1], "id"]
        return (
            f"CONSTRAINT {self.name} FOREIGN KEY ({', '.join(here)})"
            f" REFERENCES {self.target} ({', '.join(there)}) ON DELETE {self.on_delete}"
        )


def tenant_table(table: str, *keys: Key, search_reads: str = "") -> RunSQL:
    """
    Show and accept only rows of the current partner in this table, for every role.

    `search_reads` lists the columns that functions of portal_search may read.
    """
    grant = f"GRANT SELECT ({search_reads}) ON {table} TO portal_search;" if search_reads else ""
    add = "".join(f"ALTER TABLE {table} ADD {key.sql()};" for key in keys)
    drop = "".join(f"ALTER TABLE {table} DROP CONSTRAINT {key.name};" for key in keys)
    return RunSQL(
        f"""
        ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
        CREATE POLICY tenant ON {table}
            USING (partner_id = app.current_partner())
            WITH CHECK (partner_id = app.current_partner());
        {add}
        {grant}
        """,
        f"""
        REVOKE ALL ON {table} FROM portal_search;
        {drop}
        DROP POLICY tenant ON {table};
        ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY;
        """,
    )


def definer_function(signature: str, body: str) -> RunSQL:
    """
    Make a function that runs as portal_search, past row security, and that portal_app may call.

    `signature` goes from the name to the language and the settings. The body must filter by the
    tenant itself, or return nothing but ids and times.
    """
    name = signature.partition("(")[0]
    return RunSQL(
        f"""
        SET LOCAL ROLE portal_search;
        CREATE FUNCTION {signature} SECURITY DEFINER {SEARCH_PATH} AS $body$ {body} $body$;
        REVOKE ALL ON FUNCTION {name} FROM PUBLIC;
        GRANT EXECUTE ON FUNCTION {name} TO portal_app;
        RESET ROLE;
        """,
        f"SET LOCAL ROLE portal_search; DROP FUNCTION {name}; RESET ROLE;",
    )


def trigger_function(
    name: str, body: str, *triggers: str, runs_as_search: bool = False, volatility: str = "VOLATILE"
) -> RunSQL:
    """
    Make a trigger function that no role may call, and its triggers.

    Each of `triggers` goes from the name to FOR EACH or WHEN. With `runs_as_search` the function
    runs as portal_search and writes what that role has grants for.
    """
    role = "SET LOCAL ROLE portal_search;" if runs_as_search else ""
    rights = "SECURITY DEFINER" if runs_as_search else "SECURITY INVOKER"
    create = "".join(f"CREATE TRIGGER {trigger} EXECUTE FUNCTION {name}();" for trigger in triggers)
    return RunSQL(
        f"""
        {role}
        CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql {volatility} {rights}
            {SEARCH_PATH} AS $body$ {body} $body$;
        RESET ROLE;
        {create}
        {role}
        REVOKE ALL ON FUNCTION {name} FROM PUBLIC;
        RESET ROLE;
        """,
        f"{role} DROP FUNCTION {name} CASCADE; RESET ROLE;",
    )
