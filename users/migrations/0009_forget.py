from django.db import migrations

from partners.schema import definer_function

# The record is append-only, and it names people. A purge must not leave their names there, so
# this one function may blot them out: only names and details, only of users of the tenant that
# exist no more. What was done, when and by which member stays.
GRANTS = """
GRANT SELECT (id, partner_id, subject_id, subject_name, by_name),
    UPDATE (subject_name, by_name, before, after) ON audit_event TO portal_search;
"""

TRIGGER = """
CREATE OR REPLACE FUNCTION app.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    IF TG_OP = 'UPDATE' AND current_user = 'portal_search' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'events are append-only' USING ERRCODE = '42501';
END $body$;
"""

TRIGGER_BEFORE = """
CREATE OR REPLACE FUNCTION app.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    RAISE EXCEPTION 'events are append-only' USING ERRCODE = '42501';
END $body$;
"""

FORGET = """
    UPDATE audit_event e SET
        subject_name = 'sha256:' || encode(sha256(convert_to(e.subject_name, 'UTF8')), 'hex'),
        by_name = CASE WHEN e.by_name = e.subject_name THEN '' ELSE e.by_name END,
        before = '{}', after = '{}'
    WHERE e.partner_id = app.current_partner() AND e.subject_id = ANY (users)
        AND e.subject_name NOT LIKE 'sha256:%'
        AND NOT EXISTS (SELECT FROM users_customeruser u WHERE u.id = e.subject_id)
"""


class Migration(migrations.Migration):
    dependencies = [("users", "0008_list_without_location"), ("audit", "0002_append_only")]

    operations = [
        migrations.RunSQL(
            GRANTS,
            "REVOKE ALL ON audit_event FROM portal_search",
        ),
        migrations.RunSQL(TRIGGER, TRIGGER_BEFORE),
        definer_function(
            "app.forget_users(users uuid[]) RETURNS void LANGUAGE sql VOLATILE",
            "app.forget_users(uuid[])",
            FORGET,
        ),
        # Beat's purge: partners with deleted users whose day has come.
        migrations.RunSQL(
            "GRANT SELECT (partner_id, deleted_at, purge_at) ON users_customeruser"
            " TO portal_search",
            migrations.RunSQL.noop,
        ),
        definer_function(
            "app.find_partners_to_purge() RETURNS SETOF uuid LANGUAGE sql STABLE",
            "app.find_partners_to_purge()",
            "SELECT DISTINCT partner_id FROM users_customeruser"
            " WHERE deleted_at IS NOT NULL AND purge_at <= now()",
        ),
    ]
