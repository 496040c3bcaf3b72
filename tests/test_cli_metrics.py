"""`captiond status --metrics`: what Prometheus reads of it."""

from __future__ import annotations

import subprocess
import sys
import time

from cli_helpers import House
from prometheus_client.parser import text_string_to_metric_families

from captiond.cli.metrics import metrics


def samples(text: str) -> dict[str, float]:
    """Return each sample by its name with its labels."""
    return {
        "".join([sample.name, *(f" {value}" for value in sample.labels.values())]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_metrics_tell_how_things_stand(tmp_path):
    """Every figure of `status`, under names and kinds that Prometheus takes."""
    house = House(tmp_path / "house")
    house.fill(paused="the quota is used up")
    code, out, err = house.run("status", "--metrics")
    assert (code, err) == (0, "")
    found = samples(out)
    assert abs(time.time() - found.pop("captiond_beat_timestamp_seconds")) < 60
    assert abs(time.time() - 60 - found.pop("captiond_start_time_seconds")) < 60
    assert found == {
        "captiond_up": 1,
        "captiond_paused": 1,
        "captiond_photos_found_total event": 1200,
        "captiond_photos_found_total scan": 34,
        "captiond_photos queued": 1,
        "captiond_photos inflight": 0,
        "captiond_photos captioned": 4,
        "captiond_photos failed": 3,
        "captiond_photos refused": 1,
        "captiond_photos skipped": 1,
        "captiond_photos missing": 0,
        "captiond_queue arrivals": 1,
        "captiond_queue backlog": 0,
        "captiond_queue jobs": 0,
        "captiond_requests_total": 4,
        "captiond_spent_usd_total": 0.004,
        "captiond_tokens_total input": 400,
        "captiond_tokens_total output": 40,
        "captiond_unanswered_usd": 0,
    }
    kinds = {family.name: family.type for family in text_string_to_metric_families(out)}
    assert kinds["captiond_photos_found"] == "counter"
    assert kinds["captiond_photos"] == "gauge"
    assert all(family.documentation for family in text_string_to_metric_families(out))


def test_metrics_of_a_daemon_that_died(tmp_path):
    """It is down, and its last sign of life tells since when."""
    with subprocess.Popen(["true"]) as gone:
        pass
    house = House(tmp_path / "house")
    house.fill(pid=gone.pid)
    found = samples(house.run("status", "--metrics")[1])
    assert (found["captiond_up"], found["captiond_paused"]) == (0, 0)
    assert found["captiond_beat_timestamp_seconds"] > 0


def test_metrics_before_the_first_start():
    """Nothing is told of a daemon that never ran but that it is down."""
    assert samples(metrics(None, {"queued": 0}, {"backlog": 0}, {}, running=False)) == {
        "captiond_up": 0,
        "captiond_photos queued": 0,
        "captiond_queue backlog": 0,
    }


def test_a_status_without_metrics_loads_no_prometheus():
    """The library is imported for `--metrics` alone."""
    script = "import sys, captiond.cli.status; sys.exit('prometheus_client' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
