"""Name every colour, for a light and a dark background.

Charts name their colours. matplotlib looks a name up here; a page writes it as a CSS variable, so
that one stylesheet gives pages and charts the reader's colour scheme.
"""

PALETTE = {
    "text": ("#1a1a1a", "#e8e8e8"),
    "muted": ("#5a5f66", "#a7adb5"),
    "rule": ("#d9dce1", "#3a3f46"),
    "page": ("#ffffff", "#14171a"),
    "recurring": ("#1b4f8a", "#5b9bd9"),
    "onetime": ("#b35c00", "#f5b57b"),
    "other-0": ("#0f766e", "#5cc8bd"),
    "other-1": ("#6d3fa0", "#c3a1ec"),
    "other-2": ("#9d174d", "#f29bc0"),
    "other-3": ("#4d5d00", "#c4d36b"),
    "band-0": ("#f1f2f3", "#1e2226"),
    "band-1": ("#e3e5e7", "#282d32"),
    "band-2": ("#d3d6da", "#333940"),
    "band-3": ("#c2c6cb", "#40474f"),
    "age-0": ("#f6dfd8", "#3d2624"),
    "age-1": ("#e6b3a5", "#63332f"),
    "age-2": ("#cf8273", "#94453f"),
    "age-3": ("#a8433f", "#df8f82"),
    "age-4": ("#6b1119", "#fbdcd2"),
    "attention": ("#a4262c", "#ff8f8f"),
    "sample": ("#5b4b00", "#ffe9a3"),
    "sample-page": ("#fff4ce", "#3b3200"),
}
