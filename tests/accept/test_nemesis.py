"""What goes wrong is a matter of the seed alone."""

import random
import unittest
from collections import Counter

from nemesis import LONG, SHORT, node_plan, shuffled
from nodes import NODES


class Plans(unittest.TestCase):
    def test_the_same_seed_makes_the_same_plan(self) -> None:
        plans = [node_plan(LONG, random.Random(seed)) for seed in (1, 1, 2)]
        self.assertEqual(plans[0], plans[1])
        self.assertNotEqual(plans[0], plans[2])

    def test_every_step_stands_in_the_plan_as_often_as_asked(self) -> None:
        self.assertEqual(
            Counter(shuffled({"kill": 5, "zombie": 2}, random.Random(1))), {"kill": 5, "zombie": 2}
        )
        for trouble in (LONG, SHORT):
            plan = node_plan(trouble, random.Random(1))
            killed = Counter(node for step, node in plan if step == "kill")
            self.assertEqual(killed, dict.fromkeys(NODES, trouble.node_rounds))
            self.assertEqual(sum(step == "move" for step, _ in plan), trouble.moves)


if __name__ == "__main__":
    unittest.main()
