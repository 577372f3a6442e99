from django.db import migrations

from partners.schema import SEARCH_PATH

# When, and in which order: the database says it, so portal_app may not write these columns.
STAMPED = """
DO $do$
DECLARE
    columns text;
BEGIN
    SELECT string_agg(quote_ident(attname), ', ') INTO columns FROM pg_attribute
        WHERE attrelid = 'audit_event'::regclass AND attnum > 0 AND NOT attisdropped
            AND attname NOT IN ('id', 'at');
    REVOKE INSERT ON audit_event FROM portal_app;
    EXECUTE format('GRANT INSERT (%s) ON audit_event TO portal_app', columns);
END $do$;
"""

# By which member: one of the partner's, under the name and address that the member has. Where no member acts,
# it is the portal, the reader of a one-time link, or the user the event is about. STABLE makes
# the check see what the statement saw, so that a member may be renamed meanwhile.
ACTORS = f"""
CREATE FUNCTION app.check_actors() RETURNS trigger LANGUAGE plpgsql STABLE {SEARCH_PATH}
AS $body$
BEGIN
    IF EXISTS (
        SELECT FROM (SELECT DISTINCT partner_id, by_id, by_name, by_email FROM added
            WHERE by_id IS NOT NULL) a
        WHERE NOT EXISTS (SELECT FROM partners_member m
            WHERE m.id = a.by_id AND m.partner_id = a.partner_id AND m.name = a.by_name
                AND m.email = a.by_email)
    ) THEN
        RAISE EXCEPTION 'an event names its member as the member is called'
            USING ERRCODE = '23514';
    END IF;
    IF EXISTS (
        SELECT FROM added a
        WHERE a.by_id IS NULL AND (a.by_email <> '' OR a.by_name NOT IN ('system', 'one-time link')
            AND NOT EXISTS (SELECT FROM users_customeruser u WHERE u.id = a.subject_id
                AND u.partner_id = a.partner_id AND u.user_name = a.by_name))
    ) THEN
        RAISE EXCEPTION 'an event without a member is by the portal or by its own user'
            USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END $body$;
CREATE TRIGGER by_members AFTER INSERT ON audit_event
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION app.check_actors();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0005_by_email"),
        ("partners", "0005_no_temporary_tables"),
        ("users", "0026_search_filtered"),
    ]

    operations = [
        migrations.RunSQL(STAMPED, "GRANT INSERT ON audit_event TO portal_app"),
        migrations.RunSQL(
            ACTORS, "DROP TRIGGER by_members ON audit_event; DROP FUNCTION app.check_actors()"
        ),
    ]
