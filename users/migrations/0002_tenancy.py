from django.db import migrations

from partners.schema import composite_key, own_rows_only

TABLES = [
    "users_customeruser",
    "users_usercount",
    "users_batch",
    "users_line",
    "users_chunk",
    "users_upload",
    "users_handover",
    "users_usersession",
]

CUSTOMER_KEYS = [
    ("users_customeruser", "user_customer_key"),
    ("users_usercount", "user_count_customer_key"),
    ("users_batch", "batch_customer_key"),
]

BATCH_KEYS = [
    ("users_line", "line_batch_key"),
    ("users_chunk", "chunk_batch_key"),
    ("users_upload", "upload_batch_key"),
    ("users_handover", "handover_batch_key"),
]


class Migration(migrations.Migration):
    dependencies = [("users", "0001_initial"), ("customers", "0002_tenancy")]

    operations = [
        *[own_rows_only(table) for table in TABLES],
        *[
            composite_key(table, name, "partner_id, customer_id", "customers_customer", "CASCADE")
            for table, name in CUSTOMER_KEYS
        ],
        composite_key(
            "users_batch", "batch_by_key", "partner_id, by_id", "partners_member", "RESTRICT"
        ),
        *[
            composite_key(table, name, "partner_id, batch_id", "users_batch", "CASCADE")
            for table, name in BATCH_KEYS
        ],
        composite_key(
            "users_usersession",
            "user_session_user_key",
            "partner_id, customer_id, user_id",
            "users_customeruser",
            "CASCADE",
        ),
    ]
