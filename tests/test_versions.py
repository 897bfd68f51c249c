"""The number of the version, and which versions of other packages are claimed."""

import re
import shutil
import subprocess
from configparser import ConfigParser
from pathlib import Path

import numpy as np
import pytest
import sklearn
import torch

import skaug

ROOT = Path(__file__).parents[1]
SETUP = ConfigParser()
SETUP.read(ROOT / "setup.cfg")
NEEDED = SETUP["options"]["install_requires"]


def found(pattern, file):
    """The first group of the first match in a file of the root."""
    return re.search(pattern, (ROOT / file).read_text(), re.MULTILINE)[1]


def oldest(requirements):
    """Oldest versions that some lines of setup.cfg allow, by name."""
    return dict(re.findall(r"^([\w-]+)(?:\[\w+\])?>=([\d.]+)", requirements, re.M))


def test_the_version_is_that_of_the_citation_and_of_the_changes():
    assert found(r"^version: (.+)", "CITATION.cff") == skaug.__version__
    assert found(r"^## \[(\d.*)\] - ", "CHANGES.md") == skaug.__version__
    date = found(r"^## \[\d.*\] - (.+)", "CHANGES.md")
    assert found(r"^date-released: (.+)", "CITATION.cff") == date


def test_the_oldest_versions_that_are_claimed_are_those_that_are_tested():
    extras = SETUP["options.extras_require"]
    parts = [NEEDED, *(extras[name] for name in ("plot", "compare", "test"))]
    pinned = (ROOT / "constraints-oldest.txt").read_text()
    pins = dict(re.findall(r"^([\w-]+)==(\S+)", pinned, re.MULTILINE))
    for name, version in oldest("\n".join(parts)).items():
        assert re.fullmatch(rf"{re.escape(version)}(\.0)*", pins[name]), name
    oldest_python = found(r"^OLDEST_PYTHON .*python([\d.]+)", "Makefile")
    assert found(r"^python_requires = >=(.+)", "setup.cfg") == oldest_python


@pytest.mark.skipif(
    not (shutil.which("make") and (ROOT / ".git").exists()), reason="needs make and git"
)
def test_a_package_index_gets_links_that_lead_somewhere(tmp_path):
    address = "https://forge.example/people/skaug"
    command = ["make", "source", f"ADDRESS={address}", f"SOURCE={tmp_path}"]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    readme = (tmp_path / "README.md").read_text()
    links = re.findall(r"\]\((\S+?)\)", readme)
    at = rf"{address}/(raw|blob)/v{re.escape(skaug.__version__)}/(.+)"
    elsewhere = {link for link in links if "://" in link and address not in link}
    leads = [re.fullmatch(at, link) for link in links if link not in elsewhere]
    assert len(leads) > 20 and all(leads), links
    for lead in leads:
        assert (tmp_path / lead[2]).exists(), lead[2]
        assert (lead[1] == "raw") == lead[2].endswith(".png")
    assert f"Source = {address}\n" in (tmp_path / "setup.cfg").read_text()


def test_show_versions_names_all_that_is_needed(capsys):
    assert skaug.show_versions() is None
    packages = re.search("Packages(.+)Threads", capsys.readouterr().out, re.DOTALL)[1]
    rows = dict(re.findall(r"^    (\S+) +(.+)", packages, re.MULTILINE))
    assert set(oldest(NEEDED)) <= set(rows)
    assert rows["skaug"].startswith(f"{skaug.__version__} in ")
    assert rows["numpy"] == np.__version__
    assert rows["scikit-learn"] == sklearn.__version__
    assert torch.__version__.startswith(rows["torch"])


def test_show_versions_tells_threads_and_devices(capsys):
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        skaug.show_versions()
    finally:
        torch.set_num_threads(before)
    printed = capsys.readouterr().out
    assert re.search(r"^    torch +3 in an operation", printed, re.MULTILINE)
    devices = printed.partition("Devices of torch")[2]
    assert len(re.findall(r"cuda:\d", devices)) == torch.cuda.device_count()
