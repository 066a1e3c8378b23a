from .clouds import CLOUDS, Cloud, get_cloud
from .errors import (
    ConfigurationError,
    NetworkError,
    PayloadError,
    PcNotebooksError,
    ReportError,
    ServiceError,
    SignInError,
)
from .frames import (
    balance_changes,
    balances_by_type,
    invoice_frame,
    payment_recency,
    reconcile,
    select,
    totals_frame,
)
from .payloads import Payload
from .sample import sample_payload

__version__: str
__all__ = [
    "CLOUDS",
    "Cloud",
    "ConfigurationError",
    "NetworkError",
    "Payload",
    "PayloadError",
    "PcNotebooksError",
    "ReportError",
    "ServiceError",
    "SignInError",
    "balance_changes",
    "balances_by_type",
    "get_cloud",
    "invoice_frame",
    "payment_recency",
    "reconcile",
    "sample_payload",
    "select",
    "totals_frame",
]
