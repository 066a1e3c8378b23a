"""Text as it is seen in the end."""

from __future__ import annotations

import pytest

from pcnotebooks.report.terminal import joined, on_screen


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("no command\tat all\n", "no command\tat all\n"),
        ("".join(f"\r{n}% fetched" for n in range(101)) + "\n", "100% fetched\n"),
        ("longer line\rshort", "shorter line"[:5] + "r line"),
        ("12345\r\x1b[Kab", "ab"),
        ("12345\x1b[3D\x1b[K", "12"),
        ("abcdef\r\x1b[3C\x1b[1K", "   def"),
        ("gone\x1b[2K\rhere", "here"),
        ("abc\b\bX", "aXc"),
        ("\b\bX", "X"),
        ("one\r\ntwo\r\n", "one\ntwo\n"),
        ("one\ntwo\x1b[A\rONE", "ONE\ntwo"),
        ("first: 10%\nsecond: 20%\x1b[1A\rfirst: 30%\nsecond: 40%", "first: 30%\nsecond: 40%"),
        ("kept\nlost\nlost\x1b[2A\r\x1b[Jend", "end"),
        ("abc\x1b[1GX", "Xbc"),
        ("\x1b[1;31mred\x1b[0m \x1b[38;5;9mtoo\x1b[m", "red too"),
        ("\x1b]8;;https://example.com\x1b\\report\x1b]8;;\x1b\\", "report"),
        ("\x1b]8;id=1;https://example.com\x07report\x1b]8;;\x07", "report"),
        ("\x1b]0;a title\x07\x1bPq#0\x1b\\\x1b(B\x1b=shown\x00\x07\x0c", "shown"),
        ("an end without one \x1b]8;;https://example.com", "an end without one "),
        ("株式\b会", "株会"),
        ("\x1b[31mA\x1b[0m is kept, and so is \x1b[1mD\x1b[0m.", "A is kept, and so is D."),
        ("A\nB\n\x1b[1A\x1b[2KC\n", "A\nC\n"),
        ("old\nold\x1b[1F\x1b[2Knew\x1b[E\x1b[Knew", "new\nnew"),
        ("\x9d8;;https://example.com\x9creport\x9d8;;\x9c is \x9b31mred\x9b0m", "report is red"),
        ("Citro\xc3\xabn\x9d keeps its words", "Citro\xc3\xabn keeps its words"),
    ],
)
def test_what_is_seen_in_the_end(text: str, seen: str):
    """Lines written over, erased and coloured, links by their words."""
    assert on_screen(text) == seen


def test_no_number_is_too_large():
    """A command asks for no memory of its own choice."""
    text = on_screen("\x1b[99999999999999999999CX\x1b[99999999999999BY")
    assert len(text) < 5_000
    assert text.endswith("Y")


def test_writes_to_one_stream_are_one():
    """Until another output comes between."""
    out = {"output_type": "stream", "name": "stdout"}
    err = {"output_type": "stream", "name": "stderr"}
    shown = {"output_type": "display_data", "data": {"text/plain": "x"}}
    outputs = [{**out, "text": "10%"}, {**out, "text": ["\r", "20%"]}, {**err, "text": "a"}, shown,
               shown, {**err, "text": "b"}]  # fmt: skip
    assert joined(outputs) == [
        {**out, "text": "10%\r20%"}, {**err, "text": "a"}, shown, shown, {**err, "text": "b"},
    ]  # fmt: skip
