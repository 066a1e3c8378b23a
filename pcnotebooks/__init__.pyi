from .api import fetch_invoice_summaries
from .auth import DeviceCode, Session, sign_in, sign_out
from .charts import plot_balance_trend, plot_balances, plot_panels, plot_payment_recency
from .clouds import CLOUDS, Cloud, get_cloud
from .dashboards import dashboard
from .errors import (
    ConfigurationError,
    NetworkError,
    PayloadError,
    PcNotebooksError,
    ReportError,
    ServiceError,
    SignInError,
)
from .explorer import cloud_picker, explore
from .export import csv_text, write_csv, write_excel
from .frames import (
    balance_changes,
    balances_by_type,
    invoice_frame,
    payment_recency,
    reconcile,
    select,
    totals_frame,
)
from .history import History
from .notebook import render_notebook
from .panel import sign_in_async
from .payloads import Payload
from .report import render_report
from .sample import sample_history, sample_payload
from .summaries import fetch_all, invoice_summaries

__version__: str
__all__ = [
    "CLOUDS",
    "Cloud",
    "ConfigurationError",
    "DeviceCode",
    "History",
    "NetworkError",
    "Payload",
    "PayloadError",
    "PcNotebooksError",
    "ReportError",
    "ServiceError",
    "Session",
    "SignInError",
    "balance_changes",
    "balances_by_type",
    "cloud_picker",
    "csv_text",
    "dashboard",
    "explore",
    "fetch_all",
    "fetch_invoice_summaries",
    "get_cloud",
    "invoice_frame",
    "invoice_summaries",
    "payment_recency",
    "plot_balance_trend",
    "plot_balances",
    "plot_panels",
    "plot_payment_recency",
    "reconcile",
    "render_notebook",
    "render_report",
    "sample_history",
    "sample_payload",
    "select",
    "sign_in",
    "sign_in_async",
    "sign_out",
    "totals_frame",
    "write_csv",
    "write_excel",
]
