from django.db import migrations

from partners.schema import tenant_table, trigger_function

# The database sets the id and the time of an event, so portal_app cannot insert these columns.
RIGHTS = """
REVOKE INSERT, UPDATE, DELETE ON audit_event FROM portal_app;
GRANT INSERT (partner_id, by_id, by_name, by_email, action, customer_id, subject_id, subject_name,
    batch_id, client, before, after) ON audit_event TO portal_app;
GRANT UPDATE (subject_name, by_name, client, before, after) ON audit_event TO portal_search;
"""
NO_RIGHTS = """
REVOKE INSERT (partner_id, by_id, by_name, by_email, action, customer_id, subject_id, subject_name,
    batch_id, client, before, after) ON audit_event FROM portal_app;
GRANT INSERT, UPDATE, DELETE ON audit_event TO portal_app;
"""

# The trigger stops the owner as well. TRUNCATE is stopped by the missing grant alone, because tests
# flush as the owner. portal_search removes the names of purged users (users.0003).
REFUSE = """
BEGIN
    IF TG_OP = 'UPDATE' AND current_user = 'portal_search' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'events are append-only' USING ERRCODE = '42501';
END
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial"), ("partners", "0002_tenancy")]

    operations = [
        tenant_table(
            "audit_event",
            search_reads="id, partner_id, by_id, by_name, action, subject_id, subject_name,"
            " batch_id, client",
        ),
        migrations.RunSQL(RIGHTS, NO_RIGHTS),
        trigger_function(
            "app.refuse_change",
            REFUSE,
            "append_only BEFORE UPDATE OR DELETE ON audit_event FOR EACH ROW",
        ),
    ]
