"""Import this before nbformat, which then loads in a tenth of its two seconds.

Its checks of a notebook's form come from jsonschema, and that builds a parser of international web addresses when it is
imported, if the package is there. A notebook's form has none of them, and jsonschema can do without.
"""

import sys

sys.modules.setdefault("rfc3987_syntax", None)  # as if it were not installed
