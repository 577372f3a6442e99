from django.db import migrations

from partners.schema import SEARCH_PATH

# Names leave the record by one way only: where the rows of the users themselves are deleted, in that
# statement. A function that took ids could be handed any: those of members, customers, products. For
# the same reason only acts on users are blotted, so that a row with a borrowed id forgets nothing.
FORGET = f"""
GRANT SELECT (action, batch_id, by_id, client), UPDATE (client) ON audit_event TO portal_search;
SET LOCAL ROLE portal_search;
DROP FUNCTION app.forget_users(uuid[]);
CREATE FUNCTION app.forget_purged_users() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
{SEARCH_PATH} AS $body$
DECLARE
    partners uuid[];
    users uuid[];
BEGIN
    SELECT array_agg(partner_id ORDER BY id), array_agg(id ORDER BY id) INTO partners, users
        FROM purged;
    UPDATE audit_event e SET
        subject_name = 'sha256:' || encode(sha256(convert_to(e.subject_name, 'UTF8')), 'hex'),
        by_name = CASE WHEN e.by_name = e.subject_name THEN '' ELSE e.by_name END,
        -- Where the user came from; where a member did, the address is the member's.
        client = CASE WHEN e.by_id IS NULL THEN NULL ELSE e.client END,
        before = '{{}}', after = '{{}}'
    FROM unnest(partners, users) AS gone(partner_id, id)
    WHERE e.partner_id = gone.partner_id AND e.subject_id = gone.id
        AND e.subject_name NOT LIKE 'sha256:%' AND e.subject_id IS DISTINCT FROM e.batch_id
        AND (e.action LIKE 'user.%' OR e.action LIKE 'sheet.%');
    RETURN NULL;
END $body$;
RESET ROLE;
CREATE TRIGGER forgotten AFTER DELETE ON users_customeruser
    REFERENCING OLD TABLE AS purged FOR EACH STATEMENT EXECUTE FUNCTION app.forget_purged_users();
"""

REMEMBER = f"""
DROP TRIGGER forgotten ON users_customeruser;
SET LOCAL ROLE portal_search;
DROP FUNCTION app.forget_purged_users();
CREATE FUNCTION app.forget_users(users uuid[]) RETURNS void LANGUAGE sql VOLATILE
SECURITY DEFINER {SEARCH_PATH} AS $body$
    UPDATE audit_event e SET
        subject_name = 'sha256:' || encode(sha256(convert_to(e.subject_name, 'UTF8')), 'hex'),
        by_name = CASE WHEN e.by_name = e.subject_name THEN '' ELSE e.by_name END,
        before = '{{}}', after = '{{}}'
    FROM unnest(users) AS gone(id)
    WHERE e.partner_id = app.current_partner() AND e.subject_id = gone.id
        AND NOT EXISTS (SELECT FROM users_customeruser u WHERE u.id = gone.id)
        AND e.subject_name NOT LIKE 'sha256:%'
$body$;
REVOKE ALL ON FUNCTION app.forget_users(uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.forget_users(uuid[]) TO portal_app;
RESET ROLE;
"""


class Migration(migrations.Migration):
    dependencies = [("users", "0027_kept_counts"), ("audit", "0004_client")]

    operations = [migrations.RunSQL(FORGET, REMEMBER)]
