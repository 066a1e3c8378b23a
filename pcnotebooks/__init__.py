"""Microsoft Partner Center invoice summaries as pandas frames, charts, notebooks and a report.

Every public name is imported from here (``__init__.pyi`` lists them); what it needs is loaded
when it is first used, so that ``import pcnotebooks`` itself costs next to nothing.
"""

import ast
import pkgutil

import lazy_loader

# Read by the module's loader: the package may be in a zip, where lazy_loader looks for a file.
_stub = ast.parse(pkgutil.get_data(__name__, "__init__.pyi") or b"")
_names = {
    str(node.module): [name.name for name in node.names]
    for node in _stub.body
    if isinstance(node, ast.ImportFrom) and node.level == 1
}
_load, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs=_names)

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """Load a public name; an installation without Jupyter has not the libraries of each."""
    try:
        return _load(name)
    except ModuleNotFoundError as error:
        from .errors import missing_library  # noqa: PLC0415  only if one is missing

        raise missing_library(error.name, name) from None
