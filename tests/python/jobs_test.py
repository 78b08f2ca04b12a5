"""Jobs, waits and logs: what a backend needs most."""
import json
import unittest

import skiff
from support import SOON, ClusterTest, job
from support import pod as pod_manifest


class Jobs(ClusterTest):
    def test_complete_and_failed_are_results(self):
        good = self.cluster.run_job(job("good", "done"), timeout=SOON)
        self.assertTrue(good.succeeded)
        self.assertEqual((good.name, good.reason), ("good", "CompletionsReached"))
        self.assertEqual(good.containers[0].reason, "Completed")
        self.assertEqual(self.cluster.logs(good.containers[0].pod), b"done\n")
        bad = self.cluster.run_job(job("bad", exit_code=3), timeout=SOON)
        self.assertFalse(bad.succeeded)
        self.assertEqual(bad.reason, "BackoffLimitExceeded")
        self.assertEqual((bad.containers[0].exit_code, bad.containers[0].reason), (3, "Error"))

    def test_many_are_waited_for_as_they_end(self):
        names = [f"many-{i}" for i in range(30)]
        for i, name in enumerate(names):
            self.cluster.create(job(name, exit_code=i % 2))
        results = list(self.cluster.wait_jobs(iter(names + names[:3]), timeout=SOON))
        self.assertEqual(sorted(r.name for r in results), sorted(names))
        for result in results:
            self.assertEqual(result.succeeded, int(result.name[5:]) % 2 == 0)
        self.assertEqual(list(self.cluster.wait_jobs([])), [])
        self.assertEqual(len(list(self.cluster.wait_jobs(names, timeout=0))), len(names))

    def test_the_loop_over_many_may_be_left(self):
        self.cluster.create(job("endless", run_seconds=None))
        self.cluster.create(job("short"))
        for result in self.cluster.wait_jobs(["endless", "short"]):
            self.assertEqual(result.name, "short")
            break

    def test_the_timeout_is_for_all_of_them(self):
        for i in range(8):
            self.cluster.create(job(f"endless-{i}", run_seconds=None))
        self.cluster.create(job("short"))
        self.cluster.wait_job("short", timeout=SOON)
        results = []
        with self.assertRaisesRegex(TimeoutError, "8 jobs .* endless-0, .*…"):
            for result in self.cluster.wait_jobs([f"endless-{i}" for i in range(8)] + ["short"],
                                                 timeout=0.1):
                results.append(result.name)
        self.assertEqual(results, ["short"])
        with self.assertRaisesRegex(skiff.TimeoutError, "endless-1"):
            self.cluster.wait_job("endless-1", timeout=0.05)

    def test_a_job_that_is_not_there_or_goes_away_is_not_found(self):
        with self.assertRaises(skiff.NotFoundError):
            self.cluster.wait_job("absent")
        with self.assertRaises(skiff.NotFoundError):
            next(self.cluster.wait_jobs(["absent"]))
        self.cluster.create(job("endless", run_seconds=None))
        waiting = self.cluster.wait_jobs(["endless"], timeout=SOON)
        self.cluster.delete("job", "endless")
        with self.assertRaises(skiff.NotFoundError):
            next(waiting)

    def test_a_job_that_is_removed_once_it_ends_has_a_result(self):
        manifest = job("brief")
        manifest["spec"]["ttlSecondsAfterFinished"] = 0
        for _ in range(20):
            self.assertTrue(self.cluster.run_job(manifest, timeout=SOON).succeeded)
            self.cluster.wait("jobs.batch", "brief", "delete", timeout=SOON)
        self.assertTrue(self.cluster.run_job(json.dumps(manifest), timeout=SOON).succeeded)
        manifest["metadata"]["name"] = "brief-2"
        self.cluster.create(manifest)
        try:
            for result in self.cluster.wait_jobs(["brief-2"], timeout=SOON):
                self.assertTrue(result.succeeded)
        except skiff.NotFoundError:
            pass  # It was gone before it was first looked at.


class Waiting(ClusterTest):
    def test_a_wait_sees_the_change_that_another_makes(self):
        import threading
        timer = threading.Timer(0.1, lambda: self.cluster.create(pod_manifest("late")))
        timer.start()
        self.cluster.wait("pod", "late", "create", timeout=SOON)
        self.cluster.wait("pod", "late", "condition=Ready", timeout=SOON)
        self.cluster.wait("pod", "late", "jsonpath={.status.phase}=Running", timeout=SOON)
        timer.join()
        self.cluster.delete("pod", "late", grace=0)
        self.cluster.wait("pod", "late", "delete", timeout=SOON)

    def test_names_that_mean_something_to_selectors_are_names(self):
        for name in ("a,b", "a=b", "a\\", "x,metadata.namespace=kube-system"):
            with self.assertRaises(TimeoutError):
                self.cluster.wait("cm", name, "create", timeout=0.02)

    def test_ctrl_c_is_heeded_at_once(self):
        self.cluster.create(job("endless", run_seconds=None))
        watch = self.cluster.watch("secrets", fields="metadata.name=none")
        self.cluster.create(pod_manifest("calm"))
        self.cluster.wait("pod", "calm", "condition=Ready", timeout=SOON)
        for call in (lambda: self.cluster.wait("cm", "x", "create"),
                     lambda: self.cluster.wait_job("endless"),
                     lambda: list(self.cluster.wait_jobs(["endless"])),
                     lambda: next(iter(watch)),
                     lambda: list(self.cluster.follow_logs("calm"))):
            self.assertLess(self.interrupted(call), 5)
        self.assertEqual(self.cluster.list("cm", fields="metadata.name=x"), [])


class Logs(ClusterTest):
    def setUp(self):
        super().setUp()
        self.pod = self.cluster.run_job(job("talk", "hello"), timeout=SOON).containers[0].pod

    def test_logs_are_read_from_a_byte_offset(self):
        self.assertEqual(self.cluster.logs(self.pod, offset=3), b"lo\n")
        self.assertEqual(self.cluster.logs(self.pod, "work", offset=2 ** 80), b"")
        with self.assertRaises(skiff.NotFoundError):
            self.cluster.logs("nobody")

    def test_logs_are_followed_from_a_byte_offset_to_their_end(self):
        self.assertEqual(b"".join(self.cluster.follow_logs(self.pod)), b"hello\n")
        self.assertEqual(b"".join(self.cluster.follow_logs(self.pod, offset=4)), b"o\n")
        with self.assertRaises(skiff.NotFoundError):
            next(self.cluster.follow_logs("nobody"))

    def test_a_follower_waits_for_the_start(self):
        self.cluster.create(job("next", "there"))
        watch = self.cluster.watch("pods", labels="job-name=next")
        pod = watch.next(SOON).object["metadata"]["name"]
        self.assertEqual(b"".join(self.cluster.follow_logs(pod, "work")), b"there\n")
        with skiff.Cluster(runtime="fake", nodes=0) as empty:
            empty.create(pod_manifest("never"))
            with self.assertRaisesRegex(skiff.ConflictError, "does not have a host assigned"):
                next(empty.follow_logs("never", start_timeout=0.05))

    def test_a_follower_may_leave_before_the_end(self):
        self.cluster.create(pod_manifest("calm", "said"))
        self.cluster.wait("pod", "calm", "condition=Ready", timeout=SOON)
        follower = self.cluster.follow_logs("calm")
        self.assertEqual(next(follower), b"said\n")
        follower.close()

    def test_a_stream_is_taken_up_where_it_broke(self):
        opened = []
        real = self.cluster.open_logs

        class Breaking:
            def __init__(self, stream):
                self.stream = stream
                self.left = 2

            def __enter__(self):
                return self

            def __exit__(self, *_):
                self.stream.close()

            def next(self):
                self.left -= 1
                if self.left == 0:
                    raise skiff.UnavailableError("broken")
                piece = self.stream.next(SOON)
                return piece[:2]

        def open_logs(pod, container, namespace, offset):
            opened.append(offset)
            return Breaking(real(pod, container, namespace, offset))

        self.cluster.open_logs = open_logs
        self.assertEqual(b"".join(self.cluster.follow_logs(self.pod)), b"hello\n")
        self.assertEqual(opened, [0, 2, 4, 6])

    def test_closing_the_cluster_ends_a_follower(self):
        self.cluster.create(pod_manifest("calm", "said"))
        self.cluster.wait("pod", "calm", "condition=Ready", timeout=SOON)
        follower = self.cluster.follow_logs("calm")
        next(follower)
        self.cluster.close()
        with self.assertRaises(skiff.UnavailableError):
            next(follower)


if __name__ == "__main__":
    unittest.main()
