"""The upload handler for files of users."""

from django.conf import settings
from django.core.files.uploadhandler import TemporaryFileUploadHandler


class LimitedFile(TemporaryFileUploadHandler):
    """
    Keeps nothing of a file beyond the limit, but counts its size.

    A file of many gigabytes does not fill the disk, the form still knows its size, and the fields
    after it in the request are read.
    """

    def receive_data_chunk(self, raw_data, start):
        if start <= settings.UPLOAD_LIMIT_BYTES:
            super().receive_data_chunk(raw_data, start)
