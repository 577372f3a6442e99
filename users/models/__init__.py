"""The people of a customer, and what is done to them. One module a noun."""

from .batches import Batch, Chunk, Line, Upload
from .handovers import Handover
from .people import CustomerUser, UserCount, UserPermission, UserSession

__all__ = [
    "Batch",
    "Chunk",
    "CustomerUser",
    "Handover",
    "Line",
    "Upload",
    "UserCount",
    "UserPermission",
    "UserSession",
]
