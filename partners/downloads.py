"""Answers that a browser keeps as a file, sent while they are made."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from functools import partial
from itertools import chain, islice

from django.http import Http404, StreamingHttpResponse
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from partners import tenancy
from spreadsheets import csv_writer, xlsx_writer

TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}

ROWS_AT_ONCE = 100


def check_kind(kind: str) -> None:
    """
    Let only the kinds of files pass that there are.

    :raises Http404: for any other.
    """
    if kind not in TYPES:
        raise Http404


def hand_out(
    rows: Iterable[Sequence[object]], name: str, kind: str, *, title: str = ""
) -> StreamingHttpResponse:
    """
    Answer with the rows as a .csv or .xlsx file of today's date; the first row is the header.

    The rows are fetched as they are sent, in the language and the time zone of the request, and
    the transaction ends with the last of them.

    :param title: what a worksheet is called, where it is not of users.
    """
    rows = tenancy.stream(as_in_request(rows))
    write = (
        partial(xlsx_writer.write_xlsx, title=title or _("Users"))
        if kind == "xlsx"
        else csv_writer.write_csv
    )
    parts = _until_closed(write, rows)
    response = StreamingHttpResponse(parts, content_type=TYPES[kind])
    return as_file(response, f"{name}-{timezone.localdate().isoformat()}.{kind}")


def as_in_request(rows: Iterable[Sequence[object]]) -> Iterator[Sequence[object]]:
    """Yield the rows, made in the language and the time zone of the request, which is over."""
    language, zone = translation.get_language(), timezone.get_current_timezone()

    iterator = iter(rows)

    def take():
        with translation.override(language), timezone.override(zone):
            return list(islice(iterator, ROWS_AT_ONCE))

    return chain.from_iterable(iter(take, []))


def _until_closed(write, rows) -> Iterator[bytes]:
    # A browser that goes away must not leave a transaction open.
    with closing(rows):
        yield from write(rows)


def as_file(response, name):
    """Make the browser keep the answer as a file, and run nothing in it."""
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "sandbox"
    return response
