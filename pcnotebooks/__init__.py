"""Microsoft Partner Center invoice summaries as pandas frames, charts, notebooks and a report.

Every public name is imported from here (``__init__.pyi`` lists them); what it needs is loaded
when it is first used, so that ``import pcnotebooks`` itself costs next to nothing.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

__version__ = "0.1.0"
