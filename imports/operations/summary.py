"""All lines of a planned import, as far as a repair of some of them concerns the others."""

from dataclasses import dataclass

from django.db import connection

from batches.models import Batch, Line

SEAT_SHORT = "seat_short"
# What a line says of somebody who is not in a complete list, and leaves.
LEAVE = "leave"
# What a line of a complete list says where its user is named by another row too.
NAMED = "named"


@dataclass(slots=True)
class Seen:
    """A line as far as the others depend on it: its name, its place and its licenses."""

    line: int
    state: str
    act: str
    user_name: str
    # The user, where it is about one who is there.
    known: str | None
    give: str = "[]"
    take: str = "[]"
    # The names of the products that it was found to get no seat of, as JSON.
    short: str = "[]"
    has_problems: bool = False
    # The user, of those who are there, whom the row was about before anything was repaired.
    first_known: str | None = None
    # Of a row: another one that has no line names the same user. Of who leaves: a row names them.
    is_named: bool = False


def look_over(batch: Batch) -> dict[int, Seen]:
    """Each line of the batch by its number; one statement."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT number, coalesce((input->>'line')::integer, number), state,
                coalesce(input->>'act', ''), input->>'user_name',
                CASE WHEN input->>'act' = '{LEAVE}' THEN user_id::text ELSE input->>'user_id' END,
                coalesce(input->>'give', input->>'products', '[]'),
                coalesce(input->>'take', '[]'),
                jsonb_path_query_array(problems, '$[*] ? (@.code == "{SEAT_SHORT}").value')::text,
                jsonb_path_exists(problems, '$[*] ? (@.code != "{SEAT_SHORT}")'),
                CASE WHEN input->'read' ? 'user_name' THEN input->'read'->'user_name'->>'user_id'
                    ELSE input->>'user_id' END,
                input ? '{NAMED}'
            FROM {Line._meta.db_table} WHERE batch_id = %s ORDER BY number
            """,
            [batch.pk],
        )
        return {number: Seen(*rest) for number, *rest in cursor.fetchall()}
