"""The lock of the folder of forests."""

import subprocess
import sys
from pathlib import Path

from indexer.forest_folder import forest_folder
from tests.leftovers import wait_until


def test_emptying_waits_for_every_fit(data_dir: Path) -> None:
    """Fits share the folder's lock; an exclusive one waits for them."""
    data_dir.mkdir()
    code = "import sys; from pathlib import Path; from indexer.forest_folder import forest_folder\nwith forest_folder(Path(sys.argv[1]), exclusive=True): print('locked')"
    with forest_folder(data_dir, exclusive=False), forest_folder(data_dir, exclusive=False) as folder:
        assert folder == data_dir / "forests"
        emptying = subprocess.Popen(
            [sys.executable, "-c", code, data_dir], cwd=Path(__file__).parents[2], stdout=subprocess.PIPE
        )
        locks = Path("/proc/locks")
        wait_until(lambda: f"-> FLOCK  ADVISORY  WRITE {emptying.pid} " in locks.read_text())
    assert emptying.communicate()[0] == b"locked\n"
