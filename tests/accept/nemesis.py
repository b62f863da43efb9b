"""What goes wrong, and when: plans made from a seed, and two threads that carry them out."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from fleet import Fleet
from nodes import NODES, Nodes
from report import Report

# A frozen normalizer sleeps past its session (6 s), sometimes past its transaction (10 s) as well.
ZOMBIE_S = (7.0, 15.0)
DOWN_S, FREEZE_S = (1.0, 8.0), (2.0, 20.0)
INSTANCES_MIN, INSTANCES_MAX = 2, 4


@dataclass(frozen=True)
class Trouble:
    """How often each thing happens."""

    kills: int
    rebalances: int
    zombies: int
    # Rounds in which every node is killed once.
    node_rounds: int
    moves: int
    freezes: int


LONG = Trouble(kills=50, rebalances=20, zombies=5, node_rounds=2, moves=4, freezes=2)
SHORT = Trouble(kills=8, rebalances=4, zombies=1, node_rounds=1, moves=1, freezes=0)


def shuffled(steps: dict[str, int], chance: random.Random) -> list[str]:
    plan = [step for step, count in steps.items() for _ in range(count)]
    chance.shuffle(plan)
    return plan


def node_plan(trouble: Trouble, chance: random.Random) -> list[tuple[str, int]]:
    """Each node is killed in turn, in an order of its own every round; the rest lies between."""
    plan = [("kill", node) for _ in range(trouble.node_rounds) for node in chance.sample(NODES, len(NODES))]
    for step, count in (("move", trouble.moves), ("freeze", trouble.freezes)):
        for _ in range(count):
            plan.insert(chance.randint(0, len(plan)), (step, chance.choice(NODES)))
    return plan


class Nemesis:
    """Kills, stops, adds and freezes normalizers while another thread does so to the nodes."""

    def __init__(self, report: Report, fleet: Fleet, nodes: Nodes, trouble: Trouble, seed: int) -> None:
        self.done: Counter[str] = Counter()
        self._report = report
        self._fleet = fleet
        self._nodes = nodes
        self._chance = random.Random(seed)
        # A thread of its own must not shift the other's chances.
        self._node_chance = random.Random(seed + 1)
        counts = {"kill": trouble.kills, "rebalance": trouble.rebalances, "zombie": trouble.zombies}
        self._steps = shuffled(counts, self._chance)
        self._node_steps = node_plan(trouble, self._node_chance)
        self._born = 0
        self._failed: list[BaseException] = []

    def begin(self) -> None:
        """Starts the normalizers that everything begins with."""
        for _ in range(INSTANCES_MIN):
            self._add()
        self._fleet.wait_ready()

    def run(self) -> None:
        threads = [threading.Thread(target=self._guard, args=[part]) for part in (self._plague, self._shake)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self._failed:
            raise self._failed[0]

    def _guard(self, part: Callable[[], None]) -> None:
        try:
            part()
        except BaseException as error:  # noqa: BLE001
            self._failed.append(error)

    def _plague(self) -> None:
        for number, step in enumerate(self._steps):
            if self._failed:
                return
            self._report.progress(f"normalizers: {number} of {len(self._steps)} done")
            time.sleep(self._chance.uniform(0.1, 4.0))
            self._fleet.revive()
            getattr(self, f"_{step}")()
            self.done[step] += 1

    def _kill(self) -> None:
        name = self._any()
        self._fleet.kill(name)
        self._fleet.restart(name)

    def _rebalance(self) -> None:
        count = len(self._fleet.normalizers)
        if count <= INSTANCES_MIN or (count < INSTANCES_MAX and self._chance.random() < 0.5):
            self._add()
        else:
            self._fleet.stop(self._any())

    def _zombie(self) -> None:
        name = self._any()
        self._fleet.freeze(name)
        time.sleep(self._chance.uniform(*ZOMBIE_S))
        self._fleet.thaw(name)

    def _add(self) -> None:
        self._born += 1
        self._fleet.start(f"n{self._born}", "--workers", str(self._chance.choice((1, 2))))

    def _any(self) -> str:
        return self._chance.choice(sorted(self._fleet.normalizers))

    def _shake(self) -> None:
        for step, node in self._node_steps:
            if self._failed:
                return
            time.sleep(self._node_chance.uniform(2.0, 6.0))
            self._report.say(f"{step} {'partitions' if step == 'move' else f'node {node}'}")
            if step == "kill":
                self._nodes.kill(node)
                time.sleep(self._node_chance.uniform(*DOWN_S))
                self._nodes.start(node)
            elif step == "freeze":
                self._nodes.freeze(node)
                time.sleep(self._node_chance.uniform(*FREEZE_S))
                self._nodes.thaw(node)
            else:
                self._nodes.move(self._fleet.prefix, self._node_chance)
            self.done[f"node {step}"] += 1
