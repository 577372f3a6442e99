"""Migration operations that every tenant table needs and Django has no words for."""

from django.db.migrations import RunSQL

# Where a function of schema app looks for names. Without pg_temp at the end, tables of the caller's
# session would come first and take the place of ours.
SEARCH_PATH = "SET search_path = pg_catalog, public, pg_temp"


def own_rows_only(table: str) -> RunSQL:
    """Show and take only rows of the current partner in this table, whoever asks."""
    return RunSQL(
        f"""
        ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
        ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
        CREATE POLICY tenant ON {table}
            USING (partner_id = app.current_partner())
            WITH CHECK (partner_id = app.current_partner());
        """,
        f"""
        DROP POLICY tenant ON {table};
        ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY;
        ALTER TABLE {table} DISABLE ROW LEVEL SECURITY;
        """,
    )


def composite_key(table: str, name: str, columns: str, target: str, on_delete: str) -> RunSQL:
    """
    Let rows of the table point only at rows of the same partner.

    `columns` are named alike on both sides but for the last, which is `id` over there. Not
    deferrable: a deferred check would block later ALTERs of the same transaction.
    """
    there = ", ".join([*columns.split(", ")[:-1], "id"])
    return RunSQL(
        f"ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY ({columns})"
        f" REFERENCES {target} ({there}) ON DELETE {on_delete}",
        f"ALTER TABLE {table} DROP CONSTRAINT {name}",
    )


def definer_function(signature: str, drop: str, body: str) -> RunSQL:
    """
    Make a function that runs as portal_search, past row-level security.

    `signature` is everything from the name to the language; `drop` the name with its types.
    The body has to filter by itself, or return nothing that names anybody.
    """
    return RunSQL(
        f"""
        SET LOCAL ROLE portal_search;
        CREATE FUNCTION {signature} SECURITY DEFINER {SEARCH_PATH}
        AS $body$ {body} $body$;
        REVOKE ALL ON FUNCTION {drop} FROM PUBLIC;
        GRANT EXECUTE ON FUNCTION {drop} TO portal_app;
        RESET ROLE;
        """,
        f"SET LOCAL ROLE portal_search; DROP FUNCTION {drop}; RESET ROLE;",
    )
