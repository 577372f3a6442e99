"""What the pages above all floors read. One module a page or a part of one."""

from .activity import find_acts
from .attention import find_needs
from .customers import CUSTOMER_STATES, get_customer_page, get_overview
from .figures import get_chart, get_dashboard, get_figures
from .health import get_health, get_readiness
from .log import PERIODS, find_logged, get_customer_choice, get_log, in_cells
from .searching import find_everything

__all__ = [
    "CUSTOMER_STATES",
    "PERIODS",
    "find_acts",
    "find_everything",
    "find_logged",
    "find_needs",
    "get_chart",
    "get_customer_choice",
    "get_customer_page",
    "get_dashboard",
    "get_figures",
    "get_health",
    "get_log",
    "get_overview",
    "get_readiness",
    "in_cells",
]
