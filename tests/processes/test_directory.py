"""Processes of one hub read one directory into one cache while it is published anew."""

import subprocess
import sys
from pathlib import Path

from tests.world import ON_SQLITE, World

ROOT = Path(__file__).resolve().parents[2]
PROCESSES = 3
OPENER = """
import sys
from pathlib import Path
from hub.settings import load_settings
from hub.wiring import open_hub

settings = load_settings(Path(sys.argv[1]), processes=3)
for _ in range(12):
    hub = open_hub(settings)
    print(hub.directories.current.version, flush=True)
    hub.close()
"""


@ON_SQLITE
def test_processes_that_start_while_the_directory_is_published(world: World) -> None:
    world.open(processes=PROCESSES).close()
    words = [sys.executable, "-c", OPENER, str(world.data)]
    started = [
        subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(PROCESSES)
    ]
    published = 0
    while any(process.poll() is None for process in started):
        published += 1
        world.update("test-geo", kinds=("doc.alert",) if published % 2 else ("doc.alert", "doc.alert.update"))
    for process in started:
        said, errors = process.communicate()
        assert process.returncode == 0, errors.decode()[-2000:]
        versions = [int(line) for line in said.split()]
        assert versions == sorted(versions)
    assert published > 1
    world.check()
