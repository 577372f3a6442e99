from django.db import migrations

from partners.schema import Key, definer_function, tenant_table

# Leaves room on each page for the results of its lines: an updated line stays on its page, and no
# index changes.
ROOM = "ALTER TABLE batches_line SET (fillfactor = 50)"
NO_ROOM = "ALTER TABLE batches_line RESET (fillfactor)"


class Migration(migrations.Migration):
    dependencies = [("batches", "0001_initial"), ("customers", "0002_tenancy")]

    operations = [
        tenant_table(
            "batches_batch",
            Key("batch_customer_key", "customer_id", "customers_customer"),
            Key("batch_by_key", "by_id", "partners_member", "RESTRICT"),
            search_reads="id, partner_id, kind, state, created_at, started_at, halted_by,"
            " sheet_key, sheet_expires_at, rows_wiped_at",
        ),
        tenant_table("batches_line", Key("line_batch_key", "batch_id", "batches_batch")),
        tenant_table(
            "batches_job",
            Key("job_batch_key", "batch_id", "batches_batch"),
            search_reads="partner_id, batch_id, state, enqueued_at",
        ),
        migrations.RunSQL(ROOM, NO_ROOM),
        # Partners with jobs for which no worker was woken in the last minute.
        definer_function(
            "app.find_partners_with_pending_jobs() RETURNS SETOF uuid LANGUAGE sql STABLE",
            """
            SELECT DISTINCT partner_id FROM batches_job WHERE state = 'pending'
                AND (enqueued_at IS NULL OR enqueued_at < now() - interval '60 seconds')
            """,
        ),
        # For the health page, which has no tenant. Batches that a member paused do not count.
        definer_function(
            "app.get_oldest_pending() RETURNS timestamptz LANGUAGE sql STABLE",
            """
            SELECT min(coalesce(b.started_at, b.created_at))
            FROM (SELECT DISTINCT batch_id FROM batches_job WHERE state = 'pending') j
            JOIN batches_batch b ON b.id = j.batch_id
            WHERE b.halted_by <> 'member'
            """,
        ),
    ]
