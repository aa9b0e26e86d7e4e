"""Hub and both edges killed -9 again and again at moments nobody chose, under a load both ways: nothing lost or twice.

The seed decides who is killed and after how much progress; it is printed, and `LIAISON_FAULTS_SEED` repeats it (the
moment inside a step stays the machine's). In the end the checker looks at every message.
"""

from pathlib import Path

from tests.faults.check import check
from tests.faults.cluster import AUT, MDA, cluster
from tests.faults.load import Load
from tests.faults.production import reached, seeded, steps

KILLS = 12


def test_killed_at_random_under_load(tmp_path: Path) -> None:
    chance = seeded()
    victims = [chance.choice(("hub", AUT, MDA)) for _ in range(KILLS)]
    with cluster(tmp_path / "world") as found:
        found.start("hub", AUT, MDA)
        load = Load(found)
        for victim, _ in zip(victims, steps(found, load, chance, KILLS), strict=True):
            found.kill(victim)
        reached(found, load, load.whole)
        found.settle(load.messages, load.messages)
        found.ready("hub", AUT, MDA)
        assert found.killed.total() == KILLS
        assert check(found) == load.messages
        found.stop(AUT, MDA, "hub")
