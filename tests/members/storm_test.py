"""Three members are killed, stopped, cut off and filled up while clients write: what was
acknowledged is there, each watcher saw every change once and in order, nothing was done twice."""

import http.client
import json
import random
import sys
import threading
import time

from support import Cluster, Refused, until

CLIENTS = 6
MAPS = "/api/v1/namespaces/default/configmaps"


class Writer(threading.Thread):
    """Counts up in a ConfigMap of its own, through whichever member answers."""

    def __init__(self, cluster, number):
        super().__init__(daemon=True)
        self.cluster = cluster
        self.name = f"counter-{number}"
        self.random = random.Random(number)
        self.acknowledged = 0  # The highest count that was.
        self.writes = 0
        self.wrong = []
        self.stop = False

    def body(self, count, version):
        meta = {"name": self.name}
        if version:
            meta["resourceVersion"] = version
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta,
                "data": {"count": str(count)}}

    def run(self):
        while not self.stop:
            member = self.random.choice(self.cluster.members)
            try:
                self.step(member)
            except OSError:
                time.sleep(0.05)
            except Refused as error:
                if error.code not in (409, 500, 503, 504, 507, 429):
                    self.wrong.append(f"{self.name}: {error}")
                time.sleep(0.05)

    def step(self, member):
        try:
            now = member.call("GET", f"{MAPS}/{self.name}", timeout=5)
            count, version = int(now["data"]["count"]), now["metadata"]["resourceVersion"]
        except Refused as error:
            if error.code != 404:
                raise
            count, version = 0, None
        # A linearizable read shows at least what was acknowledged, or read before.
        if count < self.acknowledged:
            self.wrong.append(f"{self.name}: acknowledged {self.acknowledged}, read {count}")
        self.acknowledged = count
        if version is None:
            done = member.call("POST", MAPS, self.body(1, None), timeout=5)
        else:
            done = member.call("PUT", f"{MAPS}/{self.name}", self.body(count + 1, version),
                               timeout=5)
        self.acknowledged = int(done["data"]["count"])
        self.writes += 1


class Watcher(threading.Thread):
    """Follows every ConfigMap through one member, and resumes there after each break."""

    def __init__(self, member, version):
        super().__init__(daemon=True)
        self.member = member
        self.version = version
        self.seen = []  # (resourceVersion, name, count)
        self.expired = 0
        self.stop = False

    def run(self):
        while not self.stop:
            connection = self.member.connect(timeout=3)
            try:
                connection.request(
                    "GET", f"{MAPS}?watch=1&resourceVersion={self.version}&timeoutSeconds=60")
                answer = connection.getresponse()
                if answer.status != 200:
                    raise OSError(answer.status)
                for line in answer:
                    if not self.take(json.loads(line)):
                        break
            except (OSError, ValueError, http.client.HTTPException):
                time.sleep(0.1)
            finally:
                connection.close()

    def take(self, event):
        if event["type"] == "ERROR":
            self.expired += 1
            return False
        meta = event["object"]["metadata"]
        self.version = meta["resourceVersion"]
        if event["type"] != "BOOKMARK" and meta["name"].startswith("counter-"):
            count = int(event["object"]["data"]["count"])
            self.seen.append((int(self.version), meta["name"], count))
        return True


def check_watcher(watcher):
    versions = [version for version, _, _ in watcher.seen]
    assert versions == sorted(set(versions)), f"{watcher.member.name}: out of order or repeated"
    last = {}
    for _, name, count in watcher.seen:
        before = last.get(name, 0)
        assert count == before + 1, f"{watcher.member.name}: {name} {before} -> {count}"
        last[name] = count
    return watcher.seen


def storm(cluster, seed):
    chance = random.Random(seed)
    kinds = ["kill", "pause", "cut", "fill", "kill all", "cut", "kill"]
    for round_number, kind in enumerate(kinds):
        leader = cluster.leader()
        member = leader if round_number % 2 == 0 else chance.choice(cluster.members)
        print(f"{kind} {member.name}{' (leads)' if member is leader else ''}", flush=True)
        if kind == "kill":
            member.kill()
            time.sleep(2)
            member.start()
        elif kind == "pause":
            member.pause()
            time.sleep(3)
            member.resume()
        elif kind == "cut":
            member.cut()
            time.sleep(3)
            member.mend()
        elif kind == "fill":
            member.fill_disk()
            time.sleep(2)
            member.free_disk()
        else:
            for one in cluster.members:
                one.kill()
            for one in cluster.members:
                one.launch()
            for one in cluster.members:
                one.await_ready()
        time.sleep(1)


def main():
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    cluster = Cluster(3, 7)
    cluster.begin()
    first = cluster.members[0]
    version = first.call("GET", MAPS)["metadata"]["resourceVersion"]
    watchers = [Watcher(member, version) for member in cluster.members]
    writers = [Writer(cluster, number) for number in range(CLIENTS)]
    for thread in watchers + writers:
        thread.start()
    storm(cluster, seed)
    for writer in writers:
        writer.stop = True
    for writer in writers:
        writer.join(timeout=30)
    wrong = [text for writer in writers for text in writer.wrong]
    assert not wrong, wrong[:5]

    final = {}
    for member in cluster.members:
        items = until(lambda: try_list(member), 30, f"{member.name} to serve")
        state = {item["metadata"]["name"]: int(item["data"]["count"]) for item in items["items"]
                 if item["metadata"]["name"].startswith("counter-")}
        final = final or state
        assert state == final, f"{member.name} differs: {state} {final}"
    for writer in writers:
        # One write may have been done whose answer was lost.
        assert writer.acknowledged <= final[writer.name] <= writer.acknowledged + 1, (
            writer.name, writer.acknowledged, final[writer.name])
    total = sum(final.values())
    for watcher in watchers:
        until(lambda: len(watcher.seen) >= total or watcher.expired, 20,
              f"the watcher of {watcher.member.name}: {len(watcher.seen)} of {total}")
        assert not watcher.expired, f"{watcher.member.name}: history is gone"
        assert check_watcher(watcher) == check_watcher(watchers[0])
        watcher.stop = True
    answered = sum(writer.writes for writer in writers)
    print(f"{total} writes, {answered} acknowledged; every watcher saw every one")
    for member in cluster.members:
        assert member.terminate() == 0, member.log()


def try_list(member):
    try:
        return member.call("GET", MAPS)
    except (OSError, Refused):
        return None


main()
