from django.db import migrations, models

import partners.names


def clean_names(apps, schema_editor):
    """Clean the names of members and partners; one of nothing visible becomes the address."""
    using = schema_editor.connection.alias
    for name, fallback in (("Member", "email"), ("Partner", "slug")):
        model = apps.get_model("partners", name)
        for row in model.objects.using(using).only("name", fallback).iterator():
            clean = partners.names.clean_text(row.name) or getattr(row, fallback)[:120]
            if clean != row.name:
                row.name = clean
                row.save(using=using, update_fields=["name"])


class Migration(migrations.Migration):
    dependencies = [("partners", "0007_proven_addresses")]

    operations = [
        migrations.RunPython(clean_names, migrations.RunPython.noop),
        migrations.AddConstraint(
            model_name="member",
            constraint=models.CheckConstraint(
                condition=~models.Q(name__regex=partners.names.INVISIBLE),
                name="member_name_clean",
            ),
        ),
        migrations.AddConstraint(
            model_name="partner",
            constraint=models.CheckConstraint(
                condition=~models.Q(name__regex=partners.names.INVISIBLE),
                name="partner_name_clean",
            ),
        ),
    ]
