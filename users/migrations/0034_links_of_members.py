from django.db import migrations, models

# The record of a mail was written right after it. A link of which the record does not know the
# sender opens no more.
FILL_IN = """
UPDATE users_handover h SET
    member_id = CASE WHEN h.kind = 'sheet_link' THEN
        (SELECT m.id FROM partners_member m WHERE m.partner_id = h.partner_id AND m.email = lower(h."to"))
    END,
    sent_by = (
        SELECT e.by_id FROM audit_event e
        WHERE e.partner_id = h.partner_id AND e.batch_id = h.batch_id
            AND e.action = 'sheet.mailed' AND e.at >= h.created_at
        ORDER BY e.id LIMIT 1
    )
"""


class Migration(migrations.Migration):
    dependencies = [("users", "0033_locked_until"), ("audit", "0003_append_to_indexes")]

    operations = [
        migrations.AddField(
            model_name="handover",
            name="member_id",
            field=models.UUIDField(null=True),
        ),
        migrations.AddField(
            model_name="handover",
            name="sent_by",
            field=models.UUIDField(null=True),
        ),
        migrations.RunSQL(FILL_IN, migrations.RunSQL.noop),
    ]
