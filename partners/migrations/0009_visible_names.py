from importlib import import_module

from django.db import migrations

before = import_module("partners.migrations.0008_clean_names").Migration.operations


class Migration(migrations.Migration):
    """Clean the names once more: of the characters that partners.names has learned since."""

    dependencies = [("partners", "0008_clean_names")]

    operations = [
        migrations.RemoveConstraint("member", "member_name_clean"),
        migrations.RemoveConstraint("partner", "partner_name_clean"),
        *before,
    ]
