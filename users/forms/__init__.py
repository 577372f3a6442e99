"""Text in; clean, typed values of this customer out. One module a page."""

from .batches import Place
from .filters import FilterUsers

__all__ = ["FilterUsers", "Place"]
