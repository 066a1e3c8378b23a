"""What is public is documented, has an example that runs, and costs nothing until used."""

import doctest
import inspect
import os
import subprocess
import sys
from pathlib import Path
from shutil import make_archive, unpack_archive

import pytest

import pcnotebooks

NAMES = sorted(pcnotebooks.__all__)
OBJECTS = {name: getattr(pcnotebooks, name) for name in NAMES}
CALLABLES = {
    name: value
    for name, value in OBJECTS.items()
    if callable(value) and not (isinstance(value, type) and issubclass(value, Exception))
}

# The parameters of every public callable, as the design has them. None: not laid down there.
SIGNATURES = {
    "Cloud": "(name, label, authority, api)",
    "Dashboard": None,
    "DeviceCode": "(url, code, expires_at, message, cloud, tenant, client_id)",
    "Explorer": None,
    "History": "(location=None)",
    "Payload": "(body, cloud, partner, retrieved_at, request_id=None, correlation_id=None,"
    " resource='invoice_summaries', pages=())",
    "Session": "(cloud, credential, *, partner=None)",
    "ageing_by_currency": "(frame)",
    "balance_changes": "(*payloads, exact=False)",
    "balances_by_type": "(frame)",
    "cloud_picker": "()",
    "csv_text": "(*payloads, as_of=None, terms_days=60)",
    "dashboard": "(*, cloud=None, profile=None, client_id=None, tenant=None, history=None,"
    " payloads=())",
    "explore": "(frame)",
    "fetch_all": "(sessions, *, resources=('invoice_summaries', 'invoices'), progress=True)",
    "fetch_invoice_summaries": "(session, *, timeout=(10, 60))",
    "fetch_invoices": "(session, *, timeout=(10, 60))",
    "get_cloud": "(name)",
    "summary_frame": "(*payloads, exact=False)",
    "invoice_summaries": "(session)",
    "invoice_changes": "(*payloads, exact=False)",
    "invoice_ageing": "(frame, *, as_of=None, terms_days=60)",
    "invoice_frame": "(*payloads, exact=False)",
    "invoices": "(session)",
    "payment_recency": "(frame, *, as_of=None, terms_days=60)",
    "plot_ageing": "(frame, *, as_of=None, terms_days=60, ax=None, theme='auto', title=None)",
    "plot_balance_trend": "(frame, *, ax=None, theme='auto', title=None)",
    "plot_balances": "(frame, *, ax=None, theme='auto', title=None)",
    "plot_panels": "(frame, plot=plot_balances, *, theme='auto', title=None)",
    "plot_payment_recency": "(frame, *, as_of=None, ax=None, theme='auto', title=None)",
    "reconcile": "(*payloads)",
    "reconcile_invoices": "(*payloads)",
    "render_notebook": "(notebook, path, *, parameters=None, code=False)",
    "render_report": "(payloads, path=None, *, as_of=None, terms_days=60, title=None, locale='en')",
    "save_invoice_pdfs": "(session, invoices, folder, *, progress=True)",
    "sample_history": "()",
    "sample_payload": "(resource='invoice_summaries')",
    "select": "(frame, *, partner=None, cloud=None, currency=None, invoice_type=None)",
    "sign_in": "(cloud=None, *, profile=None, client_id=None, tenant=None, method=None,"
    " prompt=None, cache=None, timeout=None)",
    "sign_in_async": None,
    "sign_out": "(session=None)",
    "totals_frame": "(*payloads, exact=False)",
    "write_csv": "(path, *payloads, as_of=None, terms_days=60)",
    "write_excel": "(path, *payloads, as_of=None, terms_days=60)",
}
METHODS = {
    "History.append": "(self, payload, *, sample=False, compact=True)",
    "History.changes": "(self, *, partner=None, cloud=None, currency=None, since=None, until=None,"
    " resource='invoice_summaries', exact=False)",
    "History.invoices": "(self, *, partner=None, cloud=None, currency=None, since=None,"
    " until=None, at=None, exact=False)",
    "History.compact": "(self, before=None)",
    "History.summaries": "(self, *, partner=None, cloud=None, currency=None, since=None,"
    " until=None, at=None, exact=False)",
    "History.payloads": "(self, *, partner=None, cloud=None, since=None, until=None)",
    "History.index": "(self)",
    "History.rebuild": "(self)",
    "History.totals": "(self, *, partner=None, cloud=None, currency=None, since=None, until=None,"
    " at=None, exact=False)",
    "History.verify": "(self)",
    "Payload.save": "(self, path)",
    "Payload.load": "(path, *, cloud=None, partner=None, retrieved_at=None, resource=None)",
    "Session.from_token": "(cloud, token, *, partner=None)",
}

# What asks a service cannot run without an account: its example is shown, not run.
NEEDS_ACCOUNT = {
    "fetch_all",
    "fetch_invoice_summaries",
    "fetch_invoices",
    "invoice_summaries",
    "invoices",
    "save_invoice_pdfs",
    "sign_in",
    "sign_in_async",
    "sign_out",
}
SLOW = {"render_notebook"}  # starts a kernel: its example runs once, with its module's
HEAVY = ["pandas", "numpy", "matplotlib", "msal", "requests", "ipywidgets", "IPython"]


def written(value) -> str:
    """Return a signature as the design writes it: names, kinds and defaults."""
    signature = inspect.signature(value)
    plain = [
        parameter.replace(
            annotation=parameter.empty,
            default=parameter.default
            if not inspect.isfunction(parameter.default)
            else Named(parameter.default),
        )
        for parameter in signature.parameters.values()
    ]
    return str(signature.replace(parameters=plain, return_annotation=signature.empty))


class Named:
    """A default that is a function, shown by its name."""

    def __init__(self, function):
        self.function = function

    def __repr__(self):
        return self.function.__name__


def test_the_names_are_those_of_the_module():
    """What is listed can be had, and what can be had is listed by dir()."""
    assert set(NAMES) <= set(dir(pcnotebooks))
    assert len(NAMES) == len(set(NAMES)) == len(pcnotebooks.__all__)
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = pcnotebooks.no_such_name


@pytest.mark.parametrize("name", CALLABLES)
def test_every_callable_has_an_example_that_runs(name):
    """The docstring shows how it is used, and what is shown is so."""
    value = CALLABLES[name]
    assert inspect.getdoc(value)
    finder = doctest.DocTestFinder(recurse=isinstance(value, type))
    module = inspect.getmodule(value)
    tests = [test for test in finder.find(value, name, module=module) if test.examples]
    assert tests, f"{name} has no example"
    if name in SLOW:
        return
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    ran = [runner.run(test) for test in tests]
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
    assert not any(result.failed for result in ran)
    assert name in NEEDS_ACCOUNT or sum(result.attempted for result in ran)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in CALLABLES])
def test_everything_else_is_documented(name):
    """Errors say when they are raised."""
    value = OBJECTS[name]
    assert not isinstance(value, type) or len(inspect.getdoc(value)) > 20


@pytest.mark.parametrize("name", CALLABLES)
def test_signatures_are_those_of_the_design(name):
    """Parameters, their order, kinds and defaults are a promise."""
    assert name in SIGNATURES, f"{name} is public, and its signature is not laid down"
    if SIGNATURES[name] is not None:
        assert written(CALLABLES[name]) == SIGNATURES[name]


@pytest.mark.parametrize("name", METHODS)
def test_methods_are_those_of_the_design(name):
    """So are those of the methods."""
    owner, method = name.split(".")
    assert written(getattr(OBJECTS[owner], method)) == METHODS[name]


@pytest.mark.parametrize(
    "first", ["import pcnotebooks", "import pcnotebooks; pcnotebooks.CLOUDS; dir(pcnotebooks)"]
)
def test_importing_loads_nothing_heavy(first):
    """A fresh process imports the package, and none of what costs time."""
    code = f"{first}; import sys; print([name for name in {HEAVY} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_the_analysis_half_needs_no_network_half():
    """A saved answer becomes figures without requests or msal in memory."""
    code = (
        "import pcnotebooks as pc, sys; pc.balances_by_type(pc.summary_frame(pc.sample_payload()));"
        "print([name for name in ('requests', 'msal', 'matplotlib', 'ipywidgets')"
        " if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_the_sign_in_panel_needs_no_figures():
    """A panel is there before pandas is, which takes longer than all else."""
    code = (
        "import pcnotebooks, sys; pcnotebooks.sign_in_async;"
        "print([name for name in ('pandas', 'numpy', 'matplotlib') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


# None in sys.modules is an import that fails; make test-headless tries a real absence.
WITHOUT = """
import sys
sys.modules |= dict.fromkeys(["matplotlib", "ipywidgets", "nbformat", "openpyxl", "weasyprint"])
import pcnotebooks as pc
calls = {
    "plot_balances": (), "dashboard": (), "render_notebook": ("02_balances", "x.html"),
    "write_excel": ("x.xlsx", pc.sample_payload()),
    "render_report": (pc.sample_payload(), "x.pdf"),
}
for name, arguments in calls.items():
    try:
        getattr(pc, name)(*arguments)
    except pc.ConfigurationError as error:
        print(name, "|", error.remedy)
"""


def test_a_missing_library_is_named_with_its_command(tmp_path):
    """One error in words for each, also from a public name that cannot be loaded."""
    run = subprocess.run(
        [sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    remedies = dict(line.split(" | ") for line in run.stdout.splitlines())
    usual = "Run: pip install pcnotebooks"
    assert remedies["plot_balances"] == remedies["dashboard"] == usual
    assert remedies["render_notebook"] == usual
    assert remedies["write_excel"] == 'Run: pip install "pcnotebooks[excel]"'
    assert 'pip install "pcnotebooks[pdf]"' in remedies["render_report"]


# What pip writes down about a package is missing for one that was copied, zipped or frozen.
COPIED = """
import importlib.metadata as metadata
real = metadata.Distribution.from_name.__func__
def from_name(cls, name):
    if name in ("pcnotebooks", "msal"):
        raise metadata.PackageNotFoundError(name)
    return real(cls, name)
metadata.Distribution.from_name = classmethod(from_name)
import pcnotebooks as pc
assert "copied" in pc.__file__
given = pc.sample_payload()
assert f"pcnotebooks {pc.__version__}" in pc.render_report(given)
pc.write_excel("x.xlsx", given)
assert pc.explore(pc.summary_frame(given)).html()
from pcnotebooks.service.client import USER_AGENT
from pcnotebooks.doctor import diagnose
from pcnotebooks.cli.main import main
print(USER_AGENT)
print(next(iter(diagnose("sample"))))
import sys
sys.argv = ["pcnotebooks", "--version"]
main()
"""


@pytest.mark.parametrize("form", ["folder", "zip"])
def test_a_copy_without_metadata_works(form, tmp_path):
    """A copied folder, a zip on the path: the version is the package's own."""
    package = Path(pcnotebooks.__file__).parent
    place = make_archive(str(tmp_path / "copied"), "zip", package.parent, package.name)
    if form == "folder":
        unpack_archive(place, tmp_path / "copied")
        place = str(tmp_path / "copied")
    run = subprocess.run(
        [sys.executable, "-c", COPIED], capture_output=True, text=True, check=True, cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": place},
    )  # fmt: skip
    agent, finding, version = run.stdout.splitlines()
    assert agent == f"pcnotebooks/{pcnotebooks.__version__}"
    assert "'pass'" in finding
    assert f"pcnotebooks {pcnotebooks.__version__}, pandas" in finding
    assert version == f"pcnotebooks {pcnotebooks.__version__}"
