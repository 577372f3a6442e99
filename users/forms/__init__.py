"""Text in; clean, typed values of this customer out. One module a page."""

from .batches import FilterBatches, Place
from .choosing import Choice
from .columns import MapColumns
from .editing import EditUser
from .filters import FilterUsers
from .handing_over import HandOver, MailSheet
from .holding import HoldPurge
from .importing import ImportFile, ImportMany, ReadFile
from .licenses import ManageLicenses
from .many import EditMany
from .person import AddUser, check_name
from .repairing import RepairAll, RepairLine
from .starting import Note, RenameRestored, StartBatch

__all__ = [
    "AddUser",
    "Choice",
    "EditMany",
    "EditUser",
    "FilterBatches",
    "FilterUsers",
    "HandOver",
    "HoldPurge",
    "ImportFile",
    "ImportMany",
    "MailSheet",
    "ManageLicenses",
    "MapColumns",
    "Note",
    "Place",
    "ReadFile",
    "RenameRestored",
    "RepairAll",
    "RepairLine",
    "StartBatch",
    "check_name",
]
