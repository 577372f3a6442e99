from django.db import migrations, models

# A chunk is known by the numbers of its lines: so none of a hundred thousand lines is written once
# more when a batch starts.
FROM_LINES = """
UPDATE users_chunk c SET first = l.first, last = l.last
FROM (SELECT batch_id, chunk, min(number) AS first, max(number) AS last
      FROM users_line WHERE chunk > 0 GROUP BY 1, 2) l
WHERE c.batch_id = l.batch_id AND c.number = l.chunk;
"""

TO_LINES = """
UPDATE users_line l SET chunk = c.number FROM users_chunk c
WHERE c.batch_id = l.batch_id AND l.number BETWEEN c.first AND c.last AND c.last > 0;
"""


class Migration(migrations.Migration):
    dependencies = [("users", "0015_count_in_one_pass")]

    operations = [
        migrations.AddField("chunk", "first", models.PositiveIntegerField(default=0)),
        migrations.AddField("chunk", "last", models.PositiveIntegerField(default=0)),
        migrations.RunSQL(FROM_LINES, TO_LINES),
        migrations.RemoveField("line", "chunk"),
    ]
