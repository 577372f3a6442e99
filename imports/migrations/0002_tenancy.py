from django.db import migrations

from partners.schema import Key, definer_function, tenant_table


class Migration(migrations.Migration):
    dependencies = [("imports", "0001_initial"), ("batches", "0002_tenancy")]

    operations = [
        tenant_table(
            "imports_importcolumn",
            Key("import_column_customer_key", "customer_id", "customers_customer"),
        ),
        tenant_table(
            "imports_upload",
            Key("upload_batch_key", "batch_id", "batches_batch"),
            Key("upload_by_key", "by_id", "partners_member", "RESTRICT"),
            search_reads="id, partner_id, batch_id, plan, created_at",
        ),
        tenant_table(
            "imports_uploadpart", Key("upload_part_upload_key", "upload_id", "imports_upload")
        ),
        tenant_table(
            "imports_unmatchedrow", Key("unmatched_row_upload_key", "upload_id", "imports_upload")
        ),
        # Partners with files, rows of files that became no users, or rows that belong to none of
        # their customers, that are past their time. Such rows are removed with the notices.
        definer_function(
            "app.find_partners_with_expired_files() RETURNS SETOF uuid LANGUAGE sql STABLE",
            """
            SELECT u.partner_id FROM imports_upload u JOIN batches_batch b ON b.id = u.batch_id
                WHERE b.created_at < now() - interval '24 hours'
            UNION
            SELECT partner_id FROM batches_batch WHERE kind = 'import' AND rows_wiped_at IS NULL
                AND (state = 'canceled' OR created_at < now() - interval '24 hours'
                    AND state NOT IN ('running', 'paused'))
            UNION
            SELECT partner_id FROM imports_upload
                WHERE created_at < now() - interval '30 days' AND plan ? 'notices'
            """,
        ),
    ]
