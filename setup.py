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
    package_data={name: ["py.typed", "data/*.xz"]},
    install_requires=settings["requirements"].split(),
    extras_require={"dev": settings["dev_requirements"].split()},
    entry_points={
        "console_scripts": ["mnist_s6_train=mnist_s6.train:main", "mnist_s6_predict=mnist_s6.predict:main"],
        "nbdev": [f"{name}={name}._modidx:d"],
    },
    zip_safe=False,
)
