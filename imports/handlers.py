"""Taking a file from a browser."""

from django.conf import settings
from django.core.files.uploadhandler import TemporaryFileUploadHandler


class LimitedFile(TemporaryFileUploadHandler):
    """
    Keeps nothing of a file beyond the limit, but goes on counting.

    So a file of many gigabytes fills no disk, the form still says how large it was, and the
    fields that follow it in the request are read.
    """

    def receive_data_chunk(self, raw_data, start):
        """Write the data to the temporary file, as long as it is within the limit."""
        if start <= settings.UPLOAD_LIMIT_BYTES:
            super().receive_data_chunk(raw_data, start)
