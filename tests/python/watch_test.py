"""Watches."""
import asyncio
import selectors
import threading
import unittest

import skiff
from support import SOON, ClusterTest, config_map


class Watching(ClusterTest):
    nodes = 0

    def test_iterating_gives_what_is_there_and_every_change(self):
        self.cluster.apply(config_map("a", k="1"))
        seen = []
        with self.cluster.watch("cm", "default", fields="metadata.name=a") as watch:
            for event in watch:
                self.assertEqual(event.object["metadata"]["name"], "a")
                seen.append(event.type)
                if event.type == "ADDED":
                    self.cluster.apply(config_map("a", k="2"))
                elif event.type == "MODIFIED":
                    self.cluster.delete("cm", "a")
                else:
                    break
        self.assertEqual(seen, ["ADDED", "MODIFIED", "DELETED"])
        self.assertTrue(watch.closed)

    def test_next_waits_no_longer_than_it_is_told(self):
        with self.cluster.watch("cm", fields="metadata.name=none") as watch:
            self.assertIsNone(watch.next(0))
            self.assertIsNone(watch.next(0.02))
            self.assertIsNone(watch.next(-1))

    def test_a_closed_watch_is_closed(self):
        watch = self.cluster.watch("cm")
        watch.close()
        watch.close()
        self.assertRaisesRegex(ValueError, "closed", watch.next)
        self.assertRaisesRegex(ValueError, "closed", watch.fileno)
        self.assertEqual(list(watch), [])

    def test_closing_the_cluster_ends_its_watches_and_says_so(self):
        watch = self.cluster.watch("cm", fields="metadata.name=a")
        self.cluster.apply(config_map("a"))
        self.cluster.wait("cm", "a", "create", timeout=SOON)
        self.assertEqual(watch.next(SOON).type, "ADDED")
        self.cluster.close()
        self.assertGreaterEqual(watch.fileno(), 0)
        for _ in range(2):
            with self.assertRaisesRegex(skiff.UnavailableError, "closed"):
                watch.next()
        with self.assertRaises(skiff.UnavailableError):
            list(watch)
        watch.close()
        with self.assertRaises(skiff.UnavailableError):
            self.cluster.watch("cm")

    def test_a_watch_may_outlive_every_mention_of_its_cluster(self):
        watch = skiff.Cluster(runtime="fake", nodes=0).watch("namespaces")
        self.assertEqual(watch.next(SOON).type, "ADDED")
        with self.assertWarns(ResourceWarning):
            del watch

    def test_closing_wakes_the_thread_that_waits(self):
        for closed in range(2):
            watch = self.cluster.watch("cm", fields="metadata.name=none")
            ends = []

            def wait():
                try:
                    ends.append(list(watch))
                except skiff.UnavailableError as end:
                    ends.append(end)

            threads = [threading.Thread(target=wait) for _ in range(3)]
            for thread in threads:
                thread.start()
            if closed:
                self.cluster.close()
            else:
                watch.close()
            for thread in threads:
                thread.join(SOON)
                self.assertFalse(thread.is_alive())
            self.assertEqual(len(ends), 3)
            watch.close()

    def test_selectors_and_asyncio_can_poll_it(self):
        with self.cluster.watch("cm", fields="metadata.name=a") as watch:
            with selectors.DefaultSelector() as selector:
                selector.register(watch, selectors.EVENT_READ)
                self.assertEqual(selector.select(0), [])
                self.cluster.apply(config_map("a"))
                self.assertEqual(len(selector.select(SOON)), 1)
                self.assertEqual(watch.next(0).type, "ADDED")
                self.assertEqual(selector.select(0), [])

            async def one_more():
                loop = asyncio.get_running_loop()
                future = loop.create_future()
                loop.add_reader(watch.fileno(),
                                lambda: future.done() or future.set_result(watch.next(0)))
                self.cluster.delete("cm", "a")
                event = await asyncio.wait_for(future, SOON)
                loop.remove_reader(watch.fileno())
                return event

            self.assertEqual(asyncio.run(one_more()).type, "DELETED")

    def test_a_bad_selector_is_refused(self):
        with self.assertRaises(skiff.InvalidError):
            self.cluster.watch("cm", labels="a in")
        with self.assertRaises(skiff.NotFoundError):
            self.cluster.watch("widgets")


if __name__ == "__main__":
    unittest.main()
