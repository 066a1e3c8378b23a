"""Where figures come from: the sample, saved payloads, Partner Center, or the history."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Self

import typer

import pcnotebooks as pc
from pcnotebooks.cli.printing import show
from pcnotebooks.errors import ConfigurationError, PayloadError

if TYPE_CHECKING:
    from pcnotebooks.service.fetch_many import Answer


@dataclass(frozen=True, kw_only=True)
class Source:
    """What the options of a command name."""

    sample: bool = False
    files: Sequence[Path] = ()
    profiles: Sequence[str] = ()
    history: str | None = None
    cloud: str | None = None
    partners: Sequence[str] = ()
    retrieved_at: str | None = None
    at: str | None = None

    @classmethod
    def of(
        cls,
        *,
        sample: bool,
        payload: Sequence[Path] | None,
        more: Sequence[Path] | None,
        profile: Sequence[str] | None,
        history: str | None,
        cloud: str | None,
        partner: Sequence[str] | None,
        retrieved_at: str | None,
        at: str | None = None,
    ) -> Self:
        """Return the source that options name, in the form in which typer gives them."""
        source = cls(
            sample=sample,
            files=[*(payload or ()), *(more or ())],
            profiles=profile or (),
            history=history,
            cloud=cloud,
            partners=partner or (),
            retrieved_at=retrieved_at,
            at=at,
        )
        if at and source.live:
            raise typer.BadParameter(
                "--at needs payloads that were kept: give --history or --payload. Partner Center"
                " states today's figures only."
            )
        return source

    @property
    def live(self) -> list[str | None]:
        """The profiles to fetch; None means what the environment sets.

        A cloud alone is one to ask. With files, a history or the sample it labels or chooses.
        """
        asks = self.cloud and not (self.sample or self.files or self.history)
        return [*self.profiles] or ([None] if asks else [])

    @property
    def named(self) -> list[str]:
        """The options that name a source."""
        given = {
            "--sample": self.sample,
            "--payload": self.files,
            "--profile or --cloud": self.live,
            "--history": self.history,
        }
        return [option for option, value in given.items() if value]

    def chosen(self, payload: pc.Payload) -> bool:
        """Return whether a payload is of the partners, the cloud and the days asked for."""
        return (
            payload.partner in (self.partners or [payload.partner])
            and payload.cloud == (self.cloud or payload.cloud)
            and (self.at is None or payload.retrieved_at.date() <= date.fromisoformat(self.at))
        )

    def saved(self) -> Iterator[pc.Payload]:
        """Read the files: a raw answer states neither its cloud nor its partner nor its time."""
        for file in self.files:
            try:
                yield pc.Payload.load(file)
            except PayloadError:
                if self.cloud is None:
                    raise
                yield self._labelled(file)

    def _labelled(self, file: Path) -> pc.Payload:
        if len(self.partners) > 1:
            raise typer.BadParameter(f"{file} is a raw answer, which is of one --partner.")
        at = None if self.retrieved_at is None else datetime.fromisoformat(self.retrieved_at)
        partner = next(iter(self.partners), None)
        return pc.Payload.load(file, cloud=self.cloud, partner=partner, retrieved_at=at)

    def fetched(self, *resources: str) -> Mapping[str | None, tuple[Answer, ...]]:
        """Fetch resources of every profile; of each its payloads, or the errors in their place."""
        if not self.live:
            return {}
        from pcnotebooks.service.fetch_many import fetch_profiles

        return fetch_profiles(
            self.live, lambda name: signed_in(self.cloud, name), resources=resources
        )


def require_known(
    known: Collection[tuple[str, str]], partners: Sequence[str] | None, cloud: str | None
) -> None:
    """Raise for a partner or cloud of which nothing is there: a check would find nothing for ever.

    Parameters
    ----------
    known
        Partner and cloud of each account; if there are none, nothing is refused.
    partners, cloud
        Those that were asked for.
    """
    for place, what, asked in (
        (0, "partner", partners or ()),
        (1, "cloud", [cloud] if cloud else ()),
    ):
        there = sorted({account[place] for account in known})
        if wrong := [name for name in asked if there and name not in there]:
            raise ConfigurationError(
                f"There is nothing of the {what} {wrong[0]!r}.",
                remedy=f"Choose from: {', '.join(map(repr, there))}.",
            )


def accounts_in(kept: pc.History) -> set[tuple[str, str]]:
    """Return partner and cloud of everything in a history."""
    found = kept.index()
    return set(zip(found["partner"].astype(str), found["cloud"].astype(str), strict=True))


def signed_in(cloud: str | None, profile: str | None) -> pc.Session:
    """Sign in, and ask on standard error: standard output has the command's result alone."""
    return pc.sign_in(cloud, profile=profile, prompt=ask)


def ask(code: pc.DeviceCode) -> None:
    """Print what a user has to do to sign in, on standard error."""
    from pcnotebooks.session.device_code import code_in_words

    for line in code_in_words(code).splitlines():
        show(line, err=True)
