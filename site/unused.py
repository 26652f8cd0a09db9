"""Files that Sphinx and the theme lay down and no page asks for: they leave, the site has to be light."""

from pathlib import Path

from sphinx.application import Sphinx

UNUSED = "base-stemmer.js", "english-stemmer.js", "basic.css", "skeleton.css", "debug.css", "file.png", "../objects.inv"


def drop(app: Sphinx, error: Exception | None) -> None:
    """Remove them from a site that is built."""
    if not error:
        for name in UNUSED:
            Path(app.outdir, "_static", name).unlink()


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx."""
    app.connect("build-finished", drop)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
