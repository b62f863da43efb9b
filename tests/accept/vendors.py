"""How often, and when, each vendor repeats a delivery that was not accepted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, repeat

SOON_S = 0.2


@dataclass(frozen=True)
class Rule:
    """The waits before the second, the third, ... attempt; without an end if `on_s` is set."""

    name: str
    waits_s: tuple[float, ...] = ()
    on_s: float | None = None

    def waits(self) -> Iterator[float]:
        """The wait before each attempt, the first included."""
        return chain((0.0,), self.waits_s, () if self.on_s is None else repeat(self.on_s))


UNTIL_ACCEPTED = Rule("until accepted", on_s=SOON_S)

# Where a page is silent, the rule is the one that forgives least. AccessGrid's six hours are a time without
# an end here: every outage is shorter than either.
RULES = {
    "glofox": (Rule("glofox, 3 attempts", (0.0, 0.0)),),
    "genea": (
        Rule("genea, 1 retry in 10 s", (5.0,)),
        Rule("genea, 3 retries in 10 s", (1.0, 2.0, 4.0)),
        Rule("genea, 3 attempts 10 s apart", (10.0, 10.0)),
    ),
    "gxp": (Rule("gxp, none"),),
    "alocity": (Rule("alocity, none"),),
    "accessgrid": (Rule("accessgrid, until accepted", on_s=1.0),),
    "cvent": (Rule("cvent, none"),),
}


def rule_of(provider: str, number: int) -> Rule:
    """The rule of a delivery: all of a provider's in turn."""
    rules = RULES[provider]
    # A mix names a provider at few of its places, so that only another digit takes turns.
    return rules[number // 10 % len(rules)]
