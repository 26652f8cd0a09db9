"""The package's metadata, all of it read from settings.ini."""

from configparser import ConfigParser
from pathlib import Path

from setuptools import find_packages, setup

here = Path(__file__).parent
config = ConfigParser(delimiters=["="])
config.read(here / "settings.ini", encoding="utf-8")
settings = config["DEFAULT"]
name = settings["lib_name"]
readme = here / "README.md"  # `make readme` builds it, and needs the package installed first

setup(
    name=name,
    version=settings["version"],
    description=settings["description"],
    long_description=readme.read_text(encoding="utf-8") if readme.exists() else "",
    long_description_content_type="text/markdown",
    author=settings["author"],
    url=settings["git_url"],
    license="Apache-2.0",
    keywords=settings["keywords"],
    python_requires=f">={settings['min_python']}",
    packages=find_packages(include=[name, f"{name}.*"]),
    package_data={name: ["py.typed", "data/*.xz", "weights/*.safetensors", "weights/*.md", "weights/*.json", "weights/*.xz", "flights/*.flight", "widgets/*.js", "widgets/*.css"]},
    install_requires=settings["requirements"].split(),
    extras_require={
        "onnx": settings["onnx_requirements"].split(),
        "site": settings["site_requirements"].split(),
        "course": settings["course_requirements"].split(),
        "dev": [word for name in ("course", "site", "dev") for word in settings[f"{name}_requirements"].split()],
    },
    entry_points={
        "nbdev": [f"{name}={name}._modidx:d"],
        "console_scripts": settings["console_scripts"].split(),
    },
    zip_safe=False,
)
