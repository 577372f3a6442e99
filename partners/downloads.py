"""Answers that a browser keeps as a file, sent while they are made."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from functools import partial
from itertools import chain, islice

from django.http import StreamingHttpResponse
from django.urls.converters import StringConverter
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from partners import tenancy
from spreadsheets import csv_writer, xlsx_writer

TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}

ROW_BATCH_SIZE = 100


class FileKind(StringConverter):
    """Matches the ends of file names in URLs, as `<file_kind:kind>`."""

    regex = "|".join(TYPES)


def file_response(
    rows: Iterable[Sequence[object]], name: str, kind: str, *, title: str = ""
) -> StreamingHttpResponse:
    """
    Answer with the rows as a .csv or .xlsx file of today's date; the first row is the header.

    The rows are fetched as they are sent, in the language and the time zone of the request, and
    the transaction ends with the last of them. The caller records the download.

    :param title: the name of the worksheet, where it is not of users.
    """
    rows = tenancy.stream(in_request_locale(rows))
    write = csv_writer.write_csv
    if kind == "xlsx":
        write = partial(xlsx_writer.write_xlsx, title=title or _("Users"))

    def write_until_closed() -> Iterator[bytes]:
        # A browser that goes away must not leave a transaction open.
        with closing(rows):
            yield from write(rows)

    response = StreamingHttpResponse(write_until_closed(), content_type=TYPES[kind])
    return as_attachment(response, f"{name}-{timezone.localdate().isoformat()}.{kind}")


def in_request_locale(rows: Iterable[Sequence[object]]) -> Iterator[Sequence[object]]:
    """Yield the rows, made in the language and the time zone of the request, which is over."""
    language, zone = translation.get_language(), timezone.get_current_timezone()
    iterator = iter(rows)

    def take():
        with translation.override(language), timezone.override(zone):
            return list(islice(iterator, ROW_BATCH_SIZE))

    return chain.from_iterable(iter(take, []))


def as_attachment(response, name: str):
    """Make the browser keep the answer as a file, and run nothing in it."""
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "sandbox"
    return response
