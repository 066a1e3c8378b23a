"""Microsoft Partner Center invoice summaries as pandas frames, charts, notebooks and a report.

Import every public name from here (``__init__.pyi`` lists them). The libraries of a name are loaded
on its first use, so that ``import pcnotebooks`` itself is fast.
"""

import ast
import pkgutil

import lazy_loader

# Read by the module's loader, because lazy_loader needs a file and the package may be in a zip.
_stub = ast.parse(pkgutil.get_data(__name__, "__init__.pyi") or b"")
_names = {
    str(node.module): [name.name for name in node.names]
    for node in _stub.body
    if isinstance(node, ast.ImportFrom) and node.level == 1
}
_load, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs=_names)

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """Load a public name; an installation without Jupyter may lack its libraries."""
    try:
        return _load(name)
    except ModuleNotFoundError as error:
        from .errors import missing_library  # noqa: PLC0415  only if one is missing

        raise missing_library(error.name, name) from None
