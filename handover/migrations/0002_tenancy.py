from django.db import migrations

from partners.schema import Key, definer_function, tenant_table, trigger_function


class Migration(migrations.Migration):
    dependencies = [
        ("handover", "0001_initial"),
        ("batches", "0002_tenancy"),
        ("users", "0002_tenancy"),
    ]

    operations = [
        tenant_table(
            "handover_handover",
            Key("handover_batch_key", "batch_id", "batches_batch"),
            search_reads="partner_id, token_hash, state, created_at",
        ),
        # An email holds an address of the user. It goes in the statement that deletes the user,
        # whichever path that takes.
        trigger_function(
            "app.delete_emails_of_purged_users",
            """
            BEGIN
                DELETE FROM handover_handover h USING purged u
                    WHERE h.partner_id = u.partner_id AND h.user_id = u.id;
                RETURN NULL;
            END
            """,
            "emails_purged AFTER DELETE ON users_customeruser"
            " REFERENCING OLD TABLE AS purged FOR EACH STATEMENT",
        ),
        # The partner of a one-time link, before there is a tenant.
        definer_function(
            "app.find_handover(hash text) RETURNS uuid LANGUAGE sql STABLE",
            "SELECT h.partner_id FROM handover_handover h WHERE h.token_hash = hash AND hash <> ''",
        ),
        definer_function(
            "app.find_partners_with_queued_mails() RETURNS SETOF uuid LANGUAGE sql STABLE",
            """
            SELECT DISTINCT partner_id FROM handover_handover WHERE state = 'queued'
                AND created_at < now() - interval '15 seconds'
            """,
        ),
        definer_function(
            "app.find_partners_with_expired_secrets() RETURNS SETOF uuid LANGUAGE sql STABLE",
            """
            SELECT DISTINCT partner_id FROM batches_batch
                WHERE sheet_key <> '' AND sheet_expires_at < now()
            """,
        ),
        # Partners with passwords that expire within a day.
        definer_function(
            "app.find_partners_to_remind() RETURNS SETOF uuid LANGUAGE sql STABLE",
            """
            SELECT DISTINCT partner_id FROM batches_batch
                WHERE sheet_key <> '' AND sheet_expires_at > now()
                    AND sheet_expires_at <= now() + interval '24 hours'
            """,
        ),
    ]
