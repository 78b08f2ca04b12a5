#!/usr/bin/env python3
"""A backend that launches fifty jobs which really compute something, waits for them, collects
their output, and says what became of one that fails.

    sudo python3 examples/jobs.py

The jobs are plain programs of this machine (runtimeClassName: process), each as an ordinary user in
a pid namespace and cgroup of its own.
"""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "bindings", "python"))

from skiff import Cluster  # noqa: E402

COUNT_PRIMES = """BEGIN { for (n = from; n < to; n++) { prime = n > 1
  for (d = 2; d * d <= n && prime; d++) if (n % d == 0) prime = 0
  count += prime } print count }"""


def job(name: str, *command: str) -> dict:
    return {
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name},
        "spec": {"backoffLimit": 0, "template": {"spec": {
            "runtimeClassName": "process", "restartPolicy": "Never",
            "containers": [{"name": "work", "command": list(command)}]}}},
    }


def main() -> None:
    if os.geteuid() != 0:
        sys.exit("jobs.py: running programs in pods needs root: sudo python3 examples/jobs.py")
    begun = time.monotonic()
    with Cluster(runtime="process") as cluster:
        names = []
        for i in range(50):
            name = f"primes-{i}"
            cluster.create(job(name, "awk", "-v", f"from={i * 1000}", "-v", f"to={i * 1000 + 1000}",
                               COUNT_PRIMES))
            names.append(name)
        cluster.create(job("broken", "sh", "-c", "echo about to fail; exit 7"))
        total = 0
        for result in cluster.wait_jobs(names, timeout=120):
            assert result.succeeded, result
            total += int(cluster.logs(result.containers[0].pod))
        print(f"50 jobs counted {total} primes below 50000 in {time.monotonic() - begun:.1f} s")
        failed = cluster.wait_job("broken", timeout=60)
        end = failed.containers[0]
        print(f"job broken failed ({failed.reason}): exit code {end.exit_code}, having said "
              f"{cluster.logs(end.pod).decode().strip()!r}")


if __name__ == "__main__":
    main()
