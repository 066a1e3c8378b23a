"""Read figures from the sample, saved payloads, Partner Center or the history."""

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
    """The source of figures that the options of a command name."""

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
        """Return the source that options name, as typer passes them."""
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
        """The profiles to fetch; None means the settings of the environment.

        If only a cloud is given, it is asked. With files, a history or the sample, the cloud labels
        raw answers or selects payloads.
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
        """Return whether a payload matches the chosen partners, cloud and day."""
        return (
            payload.partner in (self.partners or [payload.partner])
            and payload.cloud == (self.cloud or payload.cloud)
            and (self.at is None or payload.retrieved_at.date() <= date.fromisoformat(self.at))
        )

    def saved(self) -> Iterator[pc.Payload]:
        """Read the files; raw answers, which name no cloud, partner or time, get the given ones."""
        for file in self.files:
            try:
                yield pc.Payload.load(file)
            except PayloadError:
                if self.cloud is None:
                    raise
                yield self._labelled(file)

    def _labelled(self, file: Path) -> pc.Payload:
        if len(self.partners) > 1:
            raise typer.BadParameter(f"{file} is a raw answer: give a single --partner.")
        at = None if self.retrieved_at is None else datetime.fromisoformat(self.retrieved_at)
        partner = next(iter(self.partners), None)
        return pc.Payload.load(file, cloud=self.cloud, partner=partner, retrieved_at=at)

    def fetched(self, *resources: str) -> Mapping[str | None, tuple[Answer, ...]]:
        """Fetch resources of every profile; an error takes the place of a payload."""
        if not self.live:
            return {}
        from pcnotebooks.service.fetch_many import fetch_profiles

        return fetch_profiles(
            self.live, lambda name: signed_in(self.cloud, name), resources=resources
        )


def require_known(
    known: Collection[tuple[str, str]], partners: Sequence[str] | None, cloud: str | None
) -> None:
    """Raise for an unknown partner or cloud: a misspelt name would never give a finding.

    Parameters
    ----------
    known
        Partner and cloud of each account; if there are none, no name is refused.
    partners, cloud
        The chosen names.
    """
    for place, what, asked in (
        (0, "partner", partners or ()),
        (1, "cloud", [cloud] if cloud else ()),
    ):
        there = sorted({account[place] for account in known})
        if wrong := [name for name in asked if there and name not in there]:
            raise ConfigurationError(
                f"There is no {what} {wrong[0]!r}.",
                remedy=f"Choose from: {', '.join(map(repr, there))}.",
            )


def accounts_in(kept: pc.History) -> set[tuple[str, str]]:
    """Return partner and cloud of everything in a history."""
    found = kept.index()
    return set(zip(found["partner"].astype(str), found["cloud"].astype(str), strict=True))


def signed_in(cloud: str | None, profile: str | None) -> pc.Session:
    """Sign in, with instructions on standard error: standard output is only for results."""
    return pc.sign_in(cloud, profile=profile, prompt=ask)


def ask(code: pc.DeviceCode) -> None:
    """Print the sign-in instructions on standard error."""
    from pcnotebooks.session.device_code import code_in_words

    for line in code_in_words(code).splitlines():
        show(line, err=True)
