"""Figures of several workers, told as one."""

import subprocess
import sys
from pathlib import Path

from bullpen.telemetry import multiprocess
from tests.stubs.exposition import Exposition
from tests.stubs.serving import PROJECT

# The library's switch is one for a whole process, so each worker here is one, as in life.
WORKER = """
import sys
from pathlib import Path
from bullpen.telemetry import Metrics, multiprocess

folder, number, size, busy, up = Path(sys.argv[1]), *map(int, sys.argv[2:])
multiprocess.join(folder, worker=number)
metrics = Metrics(version="1")
metrics.follow(metrics.credential_age_seconds.labels("api_key"), lambda: size)
metrics.refresh()
metrics.errors_total.labels("not_found", "general").inc(size)
metrics.queue_wait_seconds.labels("general").observe(0.2)
metrics.pool_size.labels("agent").set(size)
metrics.pool_utilization_percent.labels("agent").set(busy)
metrics.dependency_up.labels("redis").set(up)
metrics.config_broken.labels("limits.yaml").set(1 - up)
sys.stdout.write(metrics.render().decode())
"""


def worked(folder: Path, number: int, *, size: int, busy: int, up: int) -> Exposition:
    """What a worker tells that has lived a short life."""
    told = (str(each) for each in (folder, number, size, busy, up))
    run = subprocess.run(
        [sys.executable, "-c", WORKER, *told], cwd=PROJECT, capture_output=True, text=True, check=True, timeout=60
    )
    return Exposition(run.stdout)


def test_a_scrape_is_about_all_workers(tmp_path: Path) -> None:
    """Counts and sizes are added; a share is the mean; of flags the worse one counts; who it is is said once."""
    worked(tmp_path, 1, size=5, busy=10, up=1)
    scrape = worked(tmp_path, 2, size=3, busy=30, up=0)
    assert scrape.value("bullpen_errors_total", error_type="not_found") == 8
    assert scrape.value("bullpen_queue_wait_seconds_count") == 2
    assert scrape.value("bullpen_queue_wait_seconds_bucket", le="0.25") == 2
    assert scrape.value("bullpen_pool_size", pool_type="agent") == 8
    assert scrape.value("bullpen_pool_utilization_percent", pool_type="agent") == 20
    assert scrape.value("bullpen_dependency_up", dependency="redis") == 0
    assert scrape.value("bullpen_config_broken", file="limits.yaml") == 1
    assert scrape.value("bullpen_credential_age_seconds", kind="api_key") == 5
    assert scrape.value("bullpen_build_info", version="1") == 1
    assert scrape.value("bullpen_memory_usage_bytes") > 2_000_000


def test_a_successor_goes_on_counting(tmp_path: Path) -> None:
    """What a dead worker had at the moment is forgotten; what it counted is where its successor begins."""
    worked(tmp_path, 1, size=5, busy=10, up=0)
    files = set(tmp_path.iterdir())
    multiprocess.forget(tmp_path, worker=1)
    assert {file.name for file in files - set(tmp_path.iterdir())} == {
        f"gauge_{mode}_1.db" for mode in ("livesum", "livemin", "livemax", "liveall")
    }
    scrape = worked(tmp_path, 1, size=2, busy=50, up=1)
    assert scrape.value("bullpen_errors_total", error_type="not_found") == 7
    assert scrape.value("bullpen_pool_size", pool_type="agent") == 2
    assert scrape.value("bullpen_pool_utilization_percent", pool_type="agent") == 50
    assert set(tmp_path.iterdir()) == files


def test_alone_nothing_is_shared() -> None:
    """A process that joined nobody has no folder and no number."""
    assert (multiprocess.folder(), multiprocess.worker()) == (None, None)
