"""Taking a file from a browser."""

from io import BytesIO

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler


class KeepNoMore(FileUploadHandler):
    """
    Keeps nothing of a file beyond the limit, but goes on counting.

    So a file of many gigabytes fills no disk, the form still says how large it was, and the
    fields that follow it in the request are read.
    """

    def receive_data_chunk(self, raw_data, start):
        """Hand the data on to the handlers that keep it, as long as it is within the limit."""
        return raw_data if start <= settings.UPLOAD_LIMIT_BYTES else None

    def file_complete(self, file_size):
        """Stand in for a file that is too large: its size is all there is of it."""
        if file_size <= settings.UPLOAD_LIMIT_BYTES:
            return None
        return UploadedFile(BytesIO(), self.file_name, self.content_type, file_size)
