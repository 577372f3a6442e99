from django.db import migrations, models

# Until now no member could change their address, so the one they have is the one they had then.
FILL_IN = """
ALTER TABLE audit_event DISABLE TRIGGER append_only;
UPDATE audit_event e SET by_email = m.email FROM partners_member m WHERE m.id = e.by_id;
ALTER TABLE audit_event ENABLE TRIGGER append_only;
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0004_client"), ("partners", "0004_inline_tenant")]

    operations = [
        migrations.AddField(
            model_name="event",
            name="by_email",
            field=models.CharField(db_default="", default="", max_length=254),
        ),
        migrations.RunSQL(FILL_IN, migrations.RunSQL.noop),
    ]
