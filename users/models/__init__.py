"""The people of a customer, and what is done to them. One module a noun."""

from .batches import Batch, Chunk, Line, Upload
from .files import Bundle, BundlePart, ImportColumn, LostRepair
from .handovers import Handover
from .people import CountDifference, CustomerUser, UserCount, UserPermission, UserSession

__all__ = [
    "Batch",
    "Bundle",
    "BundlePart",
    "Chunk",
    "CountDifference",
    "CustomerUser",
    "Handover",
    "ImportColumn",
    "Line",
    "LostRepair",
    "Upload",
    "UserCount",
    "UserPermission",
    "UserSession",
]
