"""Show balances, invoices, their ageing and changes without a notebook."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Annotated

import typer

import pcnotebooks as pc
from pcnotebooks.cli.options import (
    AsOf,
    At,
    CloudOfFigures,
    Currencies,
    Invoices,
    Location,
    MoreSaved,
    Output,
    PartnersOfFigures,
    Profiles,
    RetrievedAt,
    Sample,
    Saved,
    Since,
    Terms,
    Unexplained,
    Until,
)
from pcnotebooks.cli.printing import say_error, show
from pcnotebooks.cli.sources import Source, accounts_in, require_known
from pcnotebooks.cli.tables import AsCsv, AsJson, form_of, write
from pcnotebooks.errors import ConfigurationError, NoHistoryError, PcNotebooksError

if TYPE_CHECKING:
    import pandas as pd

# Later than any payload.
_LATEST = "9998-12-31"
# The columns of the text tables, and their headings.
_KEYS = {"partner": "partner", "cloud": "cloud", "currency": "currency"}
_BALANCES = {
    "balance_amount": "balance",
    "payment_status": "payment",
    "last_payment_date": "last paid",
    "latest_invoice_date": "latest invoice",
    "invoice_due_date": "due",
    "days_until_due": "days left",
}
_INVOICES = {
    "invoice_id": "invoice",
    "document_type": "document",
    "invoice_date": "date",
    "due_date": "due",
    "total_charges": "charges",
    "open_amount": "open",
    "days_overdue": "days overdue",
    "ageing": "ageing",
}
_AGEING = ("credit", "not due", "1-30", "31-60", "61-90", "over 90", "not stated")
_CHANGES = {
    "previous_retrieved_at": "from",
    "retrieved_at": "to",
    "balance_change": "change",
    "balance_amount": "balance",
    "payment_date": "payment",
    "payment_amount": "paid",
    "invoice_date": "invoice",
    "unexplained": "unexplained",
}
_INVOICE_CHANGES = {
    "previous_retrieved_at": "from",
    "retrieved_at": "to",
    "invoice_id": "invoice",
    "change": "change",
    "total_charges": "charges",
    "previous_open_amount": "open before",
    "open_amount": "open",
}

_FailIf = Annotated[
    str | None,
    typer.Option("--fail-if", metavar="overdue", help="Exit with 1 if anything is overdue."),
]
_ByType = Annotated[bool, typer.Option("--by-type", help="Show a row for each invoice type.")]


def balances(
    *,
    sample: Sample = False,
    payload: Saved = None,
    more: MoreSaved = None,
    profile: Profiles = None,
    history: Location = None,
    cloud: CloudOfFigures = None,
    partner: PartnersOfFigures = None,
    currency: Currencies = None,
    retrieved_at: RetrievedAt = None,
    by_type: _ByType = False,
    at: At = None,
    as_of: AsOf = None,
    terms_days: Terms = 60,
    fail_if: _FailIf = None,
    json_: AsJson = False,
    csv_: AsCsv = False,
    output: Output = None,
) -> None:
    """Show the balance in each currency, when it was last paid and when it falls due.

    The figures come from the latest payload of each partner and cloud. Without --sample,
    --payload, --profile, --cloud or --history, the default history is used.
    """
    from pcnotebooks.frame.measures import due_by_part

    source = Source.of(
        sample=sample,
        payload=payload,
        more=more,
        profile=profile,
        history=history,
        cloud=cloud,
        partner=partner,
        retrieved_at=retrieved_at,
        at=at,
    )
    _require_overdue(fail_if)
    form = form_of(json_=json_, csv_=csv_, output=output)
    found = _found(source, "invoice_summaries")
    frame = found.frame("summaries" if by_type else "totals", currency)
    shown = pc.payment_recency(frame, as_of=as_of, terms_days=terms_days)
    notes = [f"Due dates are the latest invoice's date plus {terms_days} days. Days are in UTC."]
    if not by_type:
        with warnings.catch_warnings():  # the same warnings were shown above
            warnings.simplefilter("ignore")
            parts = found.frame("summaries", currency)
            parts = pc.payment_recency(parts, as_of=as_of, terms_days=terms_days)
        shown = due_by_part(shown, parts)
        notes.append("The invoice type that falls due first counts; --by-type shows each type.")
    headings = _KEYS | ({"invoice_type": "type"} if by_type else {}) | _BALANCES
    empty = "There are no such balances."
    write(shown, headings, form=form, output=output, notes=notes, empty=empty)
    found.end(fail_if is not None and bool((shown["days_until_due"] < 0).any()))


def invoices(
    *,
    sample: Sample = False,
    payload: Saved = None,
    more: MoreSaved = None,
    profile: Profiles = None,
    history: Location = None,
    cloud: CloudOfFigures = None,
    partner: PartnersOfFigures = None,
    currency: Currencies = None,
    retrieved_at: RetrievedAt = None,
    at: At = None,
    as_of: AsOf = None,
    terms_days: Terms = 60,
    fail_if: _FailIf = None,
    json_: AsJson = False,
    csv_: AsCsv = False,
    output: Output = None,
) -> None:
    """List the invoices with open amount, due date and days overdue.

    The list is the latest of each partner and cloud. Without --sample, --payload, --profile,
    --cloud or --history, the default history is used.
    """
    source = Source.of(
        sample=sample,
        payload=payload,
        more=more,
        profile=profile,
        history=history,
        cloud=cloud,
        partner=partner,
        retrieved_at=retrieved_at,
        at=at,
    )
    _require_overdue(fail_if)
    form = form_of(json_=json_, csv_=csv_, output=output)
    found = _found(source, "invoices")
    aged = pc.invoice_ageing(found.frame("invoices", currency), as_of=as_of, terms_days=terms_days)
    notes = aged.attrs["assumptions"]
    empty = "There are no such invoices."
    write(aged, _KEYS | _INVOICES, form=form, output=output, notes=notes, empty=empty)
    found.end(fail_if is not None and bool((aged["days_overdue"] > 0).any()))


def ageing(
    *,
    sample: Sample = False,
    payload: Saved = None,
    more: MoreSaved = None,
    profile: Profiles = None,
    history: Location = None,
    cloud: CloudOfFigures = None,
    partner: PartnersOfFigures = None,
    currency: Currencies = None,
    retrieved_at: RetrievedAt = None,
    at: At = None,
    as_of: AsOf = None,
    terms_days: Terms = 60,
    fail_if: _FailIf = None,
    json_: AsJson = False,
    csv_: AsCsv = False,
    output: Output = None,
) -> None:
    """Show the open amounts in each currency by days overdue.

    The amounts of all partners in a currency are added. Without --sample, --payload, --profile,
    --cloud or --history, the default history is used.
    """
    source = Source.of(
        sample=sample,
        payload=payload,
        more=more,
        profile=profile,
        history=history,
        cloud=cloud,
        partner=partner,
        retrieved_at=retrieved_at,
        at=at,
    )
    _require_overdue(fail_if)
    form = form_of(json_=json_, csv_=csv_, output=output)
    found = _found(source, "invoices")
    aged = pc.invoice_ageing(found.frame("invoices", currency), as_of=as_of, terms_days=terms_days)
    wide = pc.ageing_by_currency(aged).reset_index()
    headings = {name: name for name in ("currency", *_AGEING)}
    notes = aged.attrs["assumptions"]
    empty = "There are no such invoices."
    write(wide, headings, form=form, output=output, notes=notes, empty=empty)
    found.end(fail_if is not None and bool((aged["days_overdue"] > 0).any()))


def changes(
    *,
    sample: Sample = False,
    payload: Saved = None,
    more: MoreSaved = None,
    profile: Profiles = None,
    history: Location = None,
    cloud: CloudOfFigures = None,
    partner: PartnersOfFigures = None,
    currency: Currencies = None,
    retrieved_at: RetrievedAt = None,
    since: Since = None,
    until: Until = None,
    invoices: Invoices = False,
    unexplained: Unexplained = False,
    json_: AsJson = False,
    csv_: AsCsv = False,
    output: Output = None,
) -> None:
    """Show the changes of balances, or with --invoices of invoices, between payloads.

    This needs two or more payloads of a partner and cloud; --history with --profile compares the
    history with the current figures. Without --sample, --payload, --profile, --cloud or
    --history, the default history is used. The text table leaves out balances that did not
    change.
    """
    source = Source.of(
        sample=sample,
        payload=payload,
        more=more,
        profile=profile,
        history=history,
        cloud=cloud,
        partner=partner,
        retrieved_at=retrieved_at,
    )
    if invoices and unexplained:
        raise typer.BadParameter("--unexplained applies only to balances: leave out --invoices.")
    form = form_of(json_=json_, csv_=csv_, output=output)
    resource = "invoices" if invoices else "invoice_summaries"
    found = _found(source, resource, over_time=True)
    frame = found.changes(currency, since, until)
    # Balances that did not move have a row as well, invoices have none.
    empty = (
        "Nothing changed." if invoices or len(frame) else "There are no two balances to compare."
    )
    if unexplained:
        frame = frame[frame["unexplained"]].reset_index(drop=True)
    elif form == "table" and not invoices:
        moved = (frame["balance_change"] != 0) | frame["payment_seen"] | frame["invoice_seen"]
        frame = frame[moved]
    headings = _KEYS | (_INVOICE_CHANGES if invoices else _CHANGES)
    write(frame, headings, form=form, output=output, empty=empty)
    found.end(unexplained and len(frame) > 0)


def _require_overdue(fail_if: str | None) -> None:
    if fail_if not in {None, "overdue"}:
        raise typer.BadParameter(f"--fail-if {fail_if} is unknown: give --fail-if overdue.")


@dataclass(frozen=True)
class _Found:
    """The payloads of a source, or a history, whose tables are read without decoding payloads."""

    source: Source
    resource: str
    kept: pc.History | None
    payloads: list[pc.Payload]
    failed: bool

    def frame(self, name: str, currency: Iterable[str] | None) -> pd.DataFrame:
        """Return a public frame by its name, from the latest payloads and with exact amounts."""
        from pcnotebooks.frame.rows import latest_payloads

        if self.kept is not None:
            frame = getattr(self.kept, name)(at=self.source.at or _LATEST, exact=True)
        else:
            known = filter(self.source.chosen, self.payloads)
            latest = latest_payloads(known, self.resource)
            frames = {
                "summaries": pc.summary_frame,
                "totals": pc.totals_frame,
                "invoices": pc.invoice_frame,
            }
            frame = frames[name](*latest, exact=True)
        return self._chosen(frame, currency)

    def changes(
        self, currency: Iterable[str] | None, since: str | None, until: str | None
    ) -> pd.DataFrame:
        """Return the changes of balances or invoices, with exact amounts."""
        from pcnotebooks.history.files import moment_of

        if self.kept is not None:
            found = self.kept.changes(since=since, until=until, resource=self.resource, exact=True)
            return self._chosen(found, currency)
        between = pc.invoice_changes if self.resource == "invoices" else pc.balance_changes
        found = between(*self.payloads, exact=True)
        if since is not None:
            found = found[found["retrieved_at"] >= moment_of(since)]
        if until is not None:
            found = found[found["retrieved_at"] <= moment_of(until, end=True)]
        return self._chosen(found, currency)

    def _chosen(self, frame: pd.DataFrame, currency: Iterable[str] | None) -> pd.DataFrame:
        source = self.source
        chosen = pc.select(
            frame, partner=source.partners or None, cloud=source.cloud, currency=currency
        )
        if chosen.empty:
            self._require_resource()
        return chosen

    def _require_resource(self) -> None:
        """Raise if no payload has the resource, since a check without payloads always passes."""
        from pcnotebooks.payload.decode import in_words

        if self.failed or (self.kept is not None and self.kept.is_empty):
            return  # already reported
        if self.kept is not None:
            kept = self.kept.index()
            whose = [kept[name].astype(str) for name in ("partner", "cloud", "resource")]
            there = list(zip(*whose, kept["retrieved_at"].dt.date, strict=True))
        else:
            there = [
                (each.partner, each.cloud, each.resource, each.retrieved_at.date())
                for each in self.payloads
            ]
        source = self.source
        days = [
            day
            for partner, cloud, resource, day in there
            if resource == self.resource
            and (not source.partners or partner in source.partners)
            and source.cloud in (None, cloud)
        ]
        if not days:
            raise ConfigurationError(
                f"None of the payloads is an answer of {in_words(self.resource)}.",
                remedy=f"Fetch it: pcnotebooks fetch --resource {self.resource}, or pcnotebooks"
                " snapshot for the history.",
            )
        if source.at and min(days) > date.fromisoformat(source.at):
            raise ConfigurationError(
                f"No payload of {in_words(self.resource)} is of {source.at} or before.",
                remedy=f"The first one is of {min(days)}: give that day or a later one.",
            )

    def end(self, finding: bool) -> None:
        """End the command: 2 if a profile failed, else 1 for a finding."""
        raise typer.Exit(2 if self.failed else int(finding))


def _found(source: Source, resource: str, *, over_time: bool = False) -> _Found:
    """Read or fetch the payloads of a resource."""
    if source.sample and len(source.named) > 1:
        raise typer.BadParameter(
            "--sample cannot be combined with another source: give one of them."
        )
    if source.named in ([], ["--history"]):
        kept = _kept(source.history)
        if source.partners or source.cloud:
            require_known(accounts_in(kept), source.partners, source.cloud)
        return _Found(source, resource, kept, [], failed=False)
    payloads = [*source.saved()]
    if source.sample:
        payloads += pc.sample_history() if over_time else [pc.sample_payload(resource)]
    if source.history:
        payloads += _kept(source.history).payloads()
    failed = False
    for name, (answer,) in source.fetched(resource).items():
        if isinstance(answer, PcNotebooksError):
            failed = True
            say_error(answer, about=name)
        else:
            payloads.append(answer)
    if not failed:
        accounts = {(payload.partner, payload.cloud) for payload in payloads}
        require_known(accounts, source.partners, source.cloud)
    return _Found(source, resource, None, payloads, failed)


def _kept(location: str | None) -> pc.History:
    """Open an existing history, and report if it is empty."""
    kept = pc.History(location)
    try:
        if kept.is_empty:
            next(kept.payloads(), None)  # raises if it does not exist
            show(f"Nothing is kept in {kept.location} yet.", err=True)
    except NoHistoryError as error:
        if location is None:
            error.remedy = (
                "Give --sample, --payload, --profile, --cloud or --history, or start a history:"
                " pcnotebooks snapshot."
            )
        raise
    return kept
