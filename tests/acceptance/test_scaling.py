"""`GET /pool/scaling`: how the server sees its load, and what it does about it."""

import time
from pathlib import Path

import httpx

from tests.stubs.catalogue import write_catalogue
from tests.stubs.serving import Server

ONE = {"agent_type": "basic", "task": "Hello"}


def test_the_load_is_told(client: httpx.Client) -> None:
    """Policy with the documented thresholds, the signals of this moment, and how the baselines are kept."""
    before = client.get("/pool/scaling").json()["signals"]["requests_per_minute"]
    assert client.post("/agent/execute", json={"agent_type": "general", "task": "Hello"}).status_code == 200
    answer = client.get("/pool/scaling")
    assert answer.status_code == 200
    told = answer.json()
    assert told["enabled"] is True
    assert (told["policy"]["up_above"], told["policy"]["cooldown"]) == (85, 300)
    assert told["signals"]["requests_per_minute"] > 0
    assert told["signals"]["requests_per_minute"] <= before + 1
    assert told["signals"]["memory_percent"] > 0
    assert told["tuning"]["baselines"]["requests_per_minute"]["baseline"] == 100


def test_a_decision_is_listed_with_its_reasons(tmp_path: Path) -> None:
    """A look after a moment, and the same in the metrics for the cluster to act on."""
    settings = {
        "MODEL_NAME": "offline",
        "CONFIG_DIR": str(write_catalogue(tmp_path, agents=[{"type": "basic", "model": "offline:offline"}], tools={})),
        "SCALING__EVERY": "0.1",
        "SCALING__MIN": "1",
        "SCALING__START_LANES": "3",
    }
    with Server(tmp_path, settings=settings) as server, server.client() as client:
        assert client.post("/agent/execute", json=ONE).status_code == 200
        end = time.monotonic() + 30
        while not (decisions := client.get("/pool/scaling").json()["decisions"]) and time.monotonic() < end:
            time.sleep(0.05)
        assert decisions[-1]["reasons"]
        assert decisions[-1]["lanes"] == 3
        assert client.get("/pool/stats").json()["max_pool_size"] == 3
        assert "bullpen_desired_replicas 1.0" in client.get("/metrics").text


def test_switched_off_nothing_is_decided(tmp_path: Path) -> None:
    """With one setting each; the load is told all the same."""
    settings = {
        "MODEL_NAME": "offline",
        "SCALING__ENABLED": "false",
        "SCALING__EVERY": "0.05",
        "TUNING__ENABLED": "false",
    }
    with Server(tmp_path, settings=settings) as server, server.client() as client:
        end = time.monotonic() + 30
        while "bullpen_scaling_usage_percent{" not in client.get("/metrics").text and time.monotonic() < end:
            time.sleep(0.05)
        told = client.get("/pool/scaling").json()
    assert (told["enabled"], told["tuning"]["enabled"], told["decisions"]) == (False, False, [])
    assert told["signals"]["memory_percent"] > 0
