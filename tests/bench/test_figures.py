"""The arithmetic of the bench: what it says of a scaling or a slope is only as good as this."""

import pytest

from bench.bed import Sizes
from bench.figures import flat, latencies, longest_gap, percentile, scaling, slope, spread, spreads
from bench.production import against_floors
from bench.production import flat as one_line


def run(per_second: float, hub: float, generator: float = 0.0, **engines: float) -> dict[str, object]:
    cpu = {"hub": hub, "generator": generator, **engines}
    return {"per_second": [per_second] * 3, "cpu_ms_per_message": {name: [one] * 3 for name, one in cpu.items()}}


def test_a_spread_is_median_least_and_most() -> None:
    assert spread([3.0, 1.0, 2.0]) == [2.0, 1.0, 3.0]


def test_spreads_go_into_groups_and_leave_words_out() -> None:
    runs = [{"rate": 1, "cpu": {"hub": 2.0}, "word": "x"}, {"rate": 3, "cpu": {"hub": 4.0}, "word": "x"}]
    assert spreads(runs) == {"rate": [2, 1, 3], "cpu": {"hub": [3.0, 2.0, 4.0]}}


@pytest.mark.parametrize(("share", "found"), [(0.0, 1.0), (0.5, 51.0), (0.99, 100.0), (1.0, 100.0)])
def test_a_percentile_of_the_first_hundred(share: float, found: float) -> None:
    assert percentile([float(one) for one in range(1, 101)], share) == found


def test_latencies_are_sorted_first() -> None:
    assert latencies([0.003, 0.001, 0.002]) == {"count": 3, "p50_ms": 2.0, "p90_ms": 3.0, "p99_ms": 3.0, "max_ms": 3.0}


def test_a_slope_is_that_of_the_line() -> None:
    assert slope([(0, 5), (10, 25), (20, 45)]) == pytest.approx(2)
    assert slope([(1, 5), (1, 9)]) == 0


@pytest.mark.parametrize(
    ("values", "cost", "holds"),
    [
        ([1.0, 1.1, 0.5], True, True),
        ([1.0, 1.2], True, False),
        ([1.0, 0.9, 3.0], False, True),
        ([1.0, 0.8], False, False),
    ],
)
def test_only_what_is_worse_counts_against_flatness(values: list[float], *, cost: bool, holds: bool) -> None:
    assert flat(values, cost=cost)["worse_by_10%_at_most"] is holds


def test_two_processes_on_a_machine_that_the_generator_shares() -> None:
    """Half a millisecond a message each way; with the generator's quarter gone two would be twice as fast."""
    one, two = run(1000, hub=1.0), run(1600, hub=1.0, generator=0.25)
    found = scaling(one, two, cores=2)
    assert found["raw"] == 1.6
    assert found["generator_taken_out"] == pytest.approx(2.0)
    assert found["hub_processor_time"] == 2.0


def test_engines_are_taken_out_where_there_are_any() -> None:
    one, two = run(500, hub=1.0, postgres=1.0), run(800, hub=1.25, postgres=1.0)
    found = scaling(one, two, cores=2)
    assert found["generator_taken_out"] == 1.6
    assert found["generator_and_engines_taken_out"] == 2.0
    assert found["hub_processor_time"] == 1.6


def test_the_longest_gap_needs_no_order() -> None:
    assert longest_gap([9.0, 1.0, 2.0]) == 7.0
    assert longest_gap([1.0]) == 0.0


def test_an_engine_is_held_against_its_own_slowest_floor() -> None:
    def floors(rate: float) -> dict[str, list[float]]:
        return {"per_second": [rate] * 3}

    report = {
        "floors": {
            "dual_verification": floors(4000),
            "sqlite_64_a_commit": floors(50_000),
            "postgres_64_a_commit": {"psycopg_unnest": floors(2000)},
            "kafka_1_brokers_groups_of_64": {"relay_records": floors(9000)},
        },
        "accept": {engine: {"batches": {"1_processes": run(1000, hub=1.0)}} for engine in ("sqlite", "postgres_kafka")},
    }
    assert against_floors(report, 64) == {
        "sqlite": {"slowest_floor": "dual_verification", "batches": 0.25},
        "postgres_kafka": {"slowest_floor": "postgres_psycopg", "batches": 0.5},
    }


def test_lists_of_numbers_stand_on_a_line_each() -> None:
    assert one_line('{\n "a": [\n  1,\n  2\n ]\n}') == '{\n "a": [ 1, 2 ]\n}'


def test_sizes_are_the_default_ones_unless_said() -> None:
    assert Sizes(rounds=1).messages == Sizes().messages
