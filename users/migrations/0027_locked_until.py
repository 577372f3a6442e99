from django.db import migrations, models
from django.db.models import Q

# As in 0023; an event that no member made also forgets where it came from.
FORGET = """
SET LOCAL ROLE portal_search;
CREATE OR REPLACE FUNCTION app.forget_users(users uuid[]) RETURNS void LANGUAGE sql VOLATILE
SECURITY DEFINER SET search_path = pg_catalog, public AS $body$
    UPDATE audit_event e SET
        subject_name = 'sha256:' || encode(sha256(convert_to(e.subject_name, 'UTF8')), 'hex'),
        by_name = CASE WHEN e.by_name = e.subject_name THEN '' ELSE e.by_name END,
        {client}
        before = '{{}}', after = '{{}}'
    FROM unnest(users) AS gone(id)
    WHERE e.partner_id = app.current_partner() AND e.subject_id = gone.id
        AND NOT EXISTS (SELECT FROM users_customeruser u WHERE u.id = gone.id)
        AND e.subject_name NOT LIKE 'sha256:%'
$body$;
RESET ROLE;
"""
CLIENT = "client = CASE WHEN e.by_id IS NULL THEN NULL ELSE e.client END,"


class Migration(migrations.Migration):
    dependencies = [
        ("users", "0026_search_filtered"),
        ("audit", "0004_client"),
    ]

    operations = [
        # How often it was tried is counted in partners_tries now.
        migrations.RemoveField("customeruser", "tries"),
        migrations.RemoveField("customeruser", "tries_since"),
        migrations.AddField("customeruser", "locked_until", models.DateTimeField(null=True)),
        migrations.AddIndex(
            "customeruser",
            models.Index(
                fields=["customer", "locked_until"],
                condition=Q(locked_until__isnull=False),
                name="user_locked",
            ),
        ),
        migrations.RunSQL(
            "GRANT SELECT (by_id, client), UPDATE (client) ON audit_event TO portal_search",
            "REVOKE SELECT (by_id, client), UPDATE (client) ON audit_event FROM portal_search",
        ),
        migrations.RunSQL(FORGET.format(client=CLIENT), FORGET.format(client="")),
    ]
