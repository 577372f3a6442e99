"""What the pages above all floors read. One module a page or a part of one."""

from .activity import find_acts
from .attention import find_needs
from .customers import CUSTOMER_STATES, get_customer_page, get_overview
from .figures import get_chart, get_dashboard, get_figures
from .health import is_healthy
from .searching import find_everything

__all__ = [
    "CUSTOMER_STATES",
    "find_acts",
    "find_everything",
    "find_needs",
    "get_chart",
    "get_customer_page",
    "get_dashboard",
    "get_figures",
    "get_overview",
    "is_healthy",
]
