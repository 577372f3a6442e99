from django.db import migrations

FORGET = """
SET LOCAL ROLE portal_search;
CREATE OR REPLACE FUNCTION app.forget_users(users uuid[]) RETURNS void LANGUAGE sql VOLATILE
SECURITY DEFINER SET search_path = pg_catalog, public AS $body$
    UPDATE audit_event e SET
        subject_name = 'sha256:' || encode(sha256(convert_to(e.subject_name, 'UTF8')), 'hex'),
        by_name = CASE WHEN e.by_name = e.subject_name THEN '' ELSE e.by_name END,
        before = '{{}}', after = '{{}}'
    {which} AND e.subject_name NOT LIKE 'sha256:%'
$body$;
RESET ROLE;
"""

# Whether a user is gone is asked once for each of them, not for each of their events, and these
# are looked for in the order of the ids that were given.
OF_USERS = """
    FROM unnest(users) AS gone(id)
    WHERE e.partner_id = app.current_partner() AND e.subject_id = gone.id
        AND NOT EXISTS (SELECT FROM users_customeruser u WHERE u.id = gone.id)
"""
OF_EVENTS = """
    WHERE e.partner_id = app.current_partner() AND e.subject_id = ANY (users)
        AND NOT EXISTS (SELECT FROM users_customeruser u WHERE u.id = e.subject_id)
"""


class Migration(migrations.Migration):
    dependencies = [("users", "0022_batch_filters"), ("partners", "0004_inline_tenant")]

    operations = [
        migrations.RunSQL(FORGET.format(which=OF_USERS), FORGET.format(which=OF_EVENTS)),
    ]
