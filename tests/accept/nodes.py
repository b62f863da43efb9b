"""A Kafka of three nodes, whose nodes can be killed and frozen and whose partitions can be moved."""

from __future__ import annotations

import fcntl
import json
import random
import shutil
import subprocess
import threading

from confluent_kafka import ElectionType
from confluent_kafka.admin import AdminClient

from kafka_read import client
from stack import ROOT, Stack, environment

SCRIPT = str(ROOT / "deploy" / "kafka" / "kafka")
REASSIGN = "org.apache.kafka.tools.reassign.ReassignPartitionsCommand"
COUNT = 3
START_S, MOVE_S = 240.0, 90.0
NODES = range(1, COUNT + 1)
# Where Kafka keeps who owns what.
INTERNAL = ("__transaction_state", "__consumer_offsets")


class Nodes:
    """Stopped by `stop`, and ten seconds after this process has ended, however it did."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._dir = stack.folder / "kafka"
        lease = stack.folder / "lease"
        # Held open: Kafka lives as long as somebody has this lock.
        self._lease = lease.open("w")
        fcntl.flock(self._lease, fcntl.LOCK_SH)
        options = ["--port", "0", "--nodes", str(COUNT), "--lease", str(lease)]
        self.brokers = self._script("start", *options).strip()
        self._admin = AdminClient(client(self.brokers))

    def kill(self, node: int) -> None:
        self._script("kill-node", "--node", str(node))

    def start(self, node: int) -> None:
        self._script("start-node", "--node", str(node))

    def start_all(self) -> None:
        """Starts them side by side: none serves before there is a majority."""
        threads = [threading.Thread(target=self.start, args=[node]) for node in NODES]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def freeze(self, node: int) -> None:
        self._script("kill-node", "--node", str(node), "--signal", "STOP")

    def thaw(self, node: int) -> None:
        self._script("kill-node", "--node", str(node), "--signal", "CONT")

    def move(self, prefix: str, chance: random.Random) -> None:
        """Takes a replica from half of the partitions, gives it back, and lets others lead."""
        found = sorted(self._admin.list_topics(timeout=10).topics.items())
        places = [
            (name, number)
            for name, topic in found
            if name.startswith(prefix) or name in INTERNAL
            for number in topic.partitions
            if chance.random() < 0.5
        ]
        orders = [chance.sample(NODES, COUNT) for _ in places]
        for copies in (COUNT - 1, COUNT):
            self._reassign({place: order[:copies] for place, order in zip(places, orders, strict=True)})
        self._admin.elect_leaders(ElectionType.PREFERRED).result(MOVE_S)

    def _reassign(self, replicas: dict[tuple[str, int], list[int]]) -> None:
        plan = {
            "version": 1,
            "partitions": [
                {"topic": topic, "partition": number, "replicas": order}
                for (topic, number), order in replicas.items()
            ],
        }
        file = self._stack.folder / "move.json"
        file.write_text(json.dumps(plan))
        where = ["--bootstrap-server", self.brokers, "--reassignment-json-file", str(file)]
        argv = [SCRIPT, "tool", REASSIGN, *where]
        code, _, text = self._stack.run("move", [*argv, "--execute"], MOVE_S)
        if code:
            raise RuntimeError(f"partitions could not be moved: {text.strip()[-300:]}")
        for _ in range(30):
            _, _, text = self._stack.run("move", [*argv, "--verify"], MOVE_S)
            if "still in progress" not in text:
                return
        raise TimeoutError("partitions are still being moved")

    def keep_logs(self) -> None:
        """Copies what the nodes logged: it goes with their data."""
        for log in self._dir.glob("node-*/kafka.log*"):
            shutil.copy(log, self._stack.folder / f"{log.parent.name}.{log.name}")

    def stop(self) -> None:
        if self._dir.exists():
            self._script("stop")

    def _script(self, command: str, *options: str) -> str:
        done = subprocess.run(
            [SCRIPT, command, "--dir", str(self._dir), *options],
            env=environment(None),
            capture_output=True,
            text=True,
            timeout=START_S,
        )
        if done.returncode:
            raise RuntimeError(f"kafka {command}: {done.stderr.strip()[-300:]}")
        return done.stdout
