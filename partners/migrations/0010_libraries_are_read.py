from django.db import migrations

# Written by migrations alone; a row less in the first would make them run again.
TABLES = (
    "django_migrations, django_content_type, auth_permission, auth_group, auth_group_permissions"
)


class Migration(migrations.Migration):
    dependencies = [
        ("partners", "0009_visible_names"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [
        migrations.RunSQL(
            f"REVOKE INSERT, UPDATE, DELETE ON {TABLES} FROM portal_app",
            f"GRANT INSERT, UPDATE, DELETE ON {TABLES} TO portal_app",
        ),
    ]
