"""Convert the service's dates to microseconds since 1970 in UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

NOT_A_TIME = -(2**63)  # NaT in NumPy and pandas
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class NoDateError(ValueError):
    """A string that is not a date; the message is the string."""


class Instants(dict[str | None, int]):
    """Microseconds since 1970 by the text of a timestamp; each distinct text is parsed once."""

    def __missing__(self, text: str | None) -> int:
        self[text] = microseconds = NOT_A_TIME if text is None else _instant(text)
        return microseconds


# The format of .NET. Python's parser would also accept "2018-W11-5" and other forms.
_STAMP = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)?)?", re.ASCII)


def _instant(text: str) -> int:
    try:
        if not _STAMP.fullmatch(text):
            raise NoDateError(text)
        moment = datetime.fromisoformat(text)
        # The default date of .NET, in any time zone, means that there is no date. It must not reach
        # pandas: version 3 reads it as a real day in the year 1.
        if moment.year == 1:
            return NOT_A_TIME
        return in_microseconds(
            moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        )
    except (ValueError, OverflowError):
        raise NoDateError(text) from None


def in_microseconds(moment: datetime) -> int:
    """Return an aware time as microseconds since 1970 in UTC."""
    return (moment - _EPOCH) // _MICROSECOND
