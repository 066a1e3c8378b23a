from .chart.axes import (
    plot_ageing,
    plot_balance_trend,
    plot_balances,
    plot_panels,
    plot_payment_recency,
)
from .clouds import CLOUDS, Cloud, get_cloud
from .errors import (
    ConfigurationError,
    NetworkError,
    PayloadError,
    PcNotebooksError,
    PcNotebooksWarning,
    ReportError,
    ServiceError,
    SignInError,
)
from .frame.ageing import ageing_by_currency, invoice_ageing, reconcile_invoices
from .frame.build import summary_frame, totals_frame
from .frame.changes import invoice_changes
from .frame.invoices import invoice_frame
from .frame.measures import balance_changes, balances_by_type, payment_recency, reconcile
from .frame.selection import select
from .history.history import History
from .payload.payload import Payload
from .payload.sample import sample_history, sample_payload
from .report.notebook import render_notebook
from .report.page import render_report
from .report.spreadsheet import csv_text, write_csv
from .report.workbook import write_excel
from .service.fetch import fetch_invoice_summaries, fetch_invoices
from .service.fetch_many import fetch_all, invoice_summaries, invoices
from .service.pdfs import save_invoice_pdfs
from .session.device_code import DeviceCode
from .session.session import Session
from .session.sign_in import sign_in, sign_out
from .widgets.dashboard import Dashboard, dashboard
from .widgets.explore import Explorer, cloud_picker, explore
from .widgets.sign_in import sign_in_async

__version__: str
__all__ = [
    "CLOUDS",
    "Cloud",
    "ConfigurationError",
    "Dashboard",
    "DeviceCode",
    "Explorer",
    "History",
    "NetworkError",
    "Payload",
    "PayloadError",
    "PcNotebooksError",
    "PcNotebooksWarning",
    "ReportError",
    "ServiceError",
    "Session",
    "SignInError",
    "ageing_by_currency",
    "balance_changes",
    "balances_by_type",
    "cloud_picker",
    "csv_text",
    "dashboard",
    "explore",
    "fetch_all",
    "fetch_invoice_summaries",
    "fetch_invoices",
    "get_cloud",
    "invoice_ageing",
    "invoice_changes",
    "invoice_frame",
    "invoice_summaries",
    "invoices",
    "payment_recency",
    "plot_ageing",
    "plot_balance_trend",
    "plot_balances",
    "plot_panels",
    "plot_payment_recency",
    "reconcile",
    "reconcile_invoices",
    "render_notebook",
    "render_report",
    "sample_history",
    "sample_payload",
    "save_invoice_pdfs",
    "select",
    "sign_in",
    "sign_in_async",
    "sign_out",
    "summary_frame",
    "totals_frame",
    "write_csv",
    "write_excel",
]
