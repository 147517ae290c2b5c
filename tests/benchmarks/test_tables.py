"""The list of public tables: where they come from, and that the other reading is independent."""

from __future__ import annotations

import re
import subprocess
import sys

from benchmarks.tables import independent
from benchmarks.tables.__main__ import HERE
from counterpoise.core import yaml12

LISTED = yaml12.load((HERE / "tables.yaml").read_text())
HOSTS = {"files.pythonhosted.org", "registry.npmjs.org", "raw.githubusercontent.com", "zenodo.org"}


def test_every_table_has_a_source_with_a_checksum_at_a_public_address() -> None:
    assert len(LISTED["tables"]) >= 30
    for source in LISTED["sources"].values():
        assert re.fullmatch("https://([^/]+)/.+", source["url"])[1] in HOSTS  # type: ignore[index]
        assert re.fullmatch("[0-9a-f]{64}", source.get("sha256") or source["unpacked_sha256"])
        assert source["package"]
        assert source["licence"]
    used = {one["source"] for one in LISTED["tables"].values()}
    assert used == set(LISTED["sources"])
    assert set(independent.SPECS) <= set(LISTED["tables"])


def test_the_independent_reading_imports_nothing_of_this_project() -> None:
    code = (
        "import sys, benchmarks.tables.independent\n"
        "sys.exit(any(name.split('.')[0] == 'counterpoise' for name in sys.modules))"
    )
    subprocess.run([sys.executable, "-c", code], cwd=HERE.parents[1], check=True)
