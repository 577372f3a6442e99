"""Statements about many rows, each column of which is sent as one array."""

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from django.db import connection
from django.db.models import (
    BooleanField,
    F,
    Func,
    Value,
)
from django.db.models.expressions import RawSQL
from psycopg.types.array import ListDumper

# Hardly ever in a text, and never in JSON, where a control character is escaped.
SEPARATOR = "\x1f"


class FastListDumper(ListDumper):
    """
    Writes an array in one go, where all of it is texts, ids, numbers or bytes.

    Psycopg escapes item by item, and each quote and backslash of an item by a call of its own: for
    the arrays of JSON that bulk work sends, that takes longer than all of its other Python.
    """

    def dump(self, obj):
        """Write the list as an array; what is of no such kind, or mixed, is left to psycopg."""
        kinds = set(map(type, obj))
        if kinds == {int}:
            return ("{" + ",".join(map(str, obj)) + "}").encode()
        if kinds == {bytes}:
            # Each is \x and its digits, and a backslash in an array is doubled.
            return ('{"\\\\x' + '","\\\\x'.join([value.hex() for value in obj]) + '"}').encode()
        if kinds == {UUID}:
            return ("{" + ",".join([value.hex for value in obj]) + "}").encode()
        if kinds == {str}:
            text = SEPARATOR.join(obj)
            # A separator that is in a text too would make two of it; a NUL is psycopg's to refuse.
            if text.count(SEPARATOR) == len(obj) - 1 and "\0" not in text:
                text = text.replace("\\", "\\\\").replace('"', '\\"')
                return ('{"' + text.replace(SEPARATOR, '","') + '"}').encode()
        return super().dump(obj)


def call_function(name: str, *arguments) -> list[tuple]:
    """Return the rows of a function of schema app, which may read past row security."""
    marks = ", ".join(["%s"] * len(arguments))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM app.{name}({marks})", arguments)
        return cursor.fetchall()


def execute(
    sql: str, rows: Mapping[str, Sequence | None] | None = None, **parameters
) -> list[tuple]:
    """
    Run a statement in one round trip, however many rows it is about; return what it returns.

    `rows` are columns such as {"id uuid": [...], "name text": [...]}, which the statement reads as
    the table `r` where it has ROWS; a column that is None is NULL in every row. Other parameters
    are named: %(customer)s. SQL names the types, as Postgres cannot know that of an empty list.
    """
    columns = {}
    if rows is not None:
        columns = {column.partition(" ")[0]: values for column, values in rows.items()}
        arrays = (
            f"%({name})s::{kind}[]" for name, _space, kind in (c.partition(" ") for c in rows)
        )
        sql = sql.replace("ROWS", f"unnest({', '.join(arrays)}) AS r({', '.join(columns)})")
    with connection.cursor() as cursor:
        cursor.execute(sql, columns | parameters)
        return cursor.fetchall() if cursor.description else []


def among(values: Iterable, kind: str = "uuid") -> RawSQL:
    """
    These ids, or values of another kind, for a filter that ends in `__in`.

    One array, however many: a hundred thousand placeholders take Postgres seconds.
    """
    return RawSQL(f"SELECT unnest(%s::{kind}[])", [list(values)])


class IsOneOf(Func):
    """
    Whether a column has one of these values, as a condition for a filter.

    As `among`, but Postgres knows how many they are, and reads a whole customer where they are
    most of it, instead of looking each of them up.
    """

    output_field = BooleanField()

    def __init__(self, column: str, values: Iterable, kind: str = "uuid"):
        template = f"(%(expressions)s::{kind}[]))"
        super().__init__(F(column), Value(list(values)), template=template, arg_joiner=" = ANY(")
