"""nbformat without what it never uses: most of the time that importing it takes."""

from __future__ import annotations

import sys

GRAMMARS = "rfc3987_syntax"


def prepare() -> None:
    """Call before nbformat, nbclient, nbconvert or papermill are imported: a tenth of the time (0.15 s for 1.35).

    They check notebooks with jsonschema, which builds the grammars of RFC 3987 (internationalised addresses) as soon as
    it is imported where Jupyter's server has brought them; the schema of notebooks has no such address.
    """
    if "jsonschema" in sys.modules or GRAMMARS in sys.modules:
        return
    sys.modules[GRAMMARS] = None  # an import of it fails, which jsonschema expects
    try:
        import jsonschema  # noqa: F401
    finally:
        del sys.modules[GRAMMARS]
