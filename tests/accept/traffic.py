"""Deliveries of all providers at a constant rate, a tenth of them a second time."""

from __future__ import annotations

import random
from collections.abc import Iterator

from ident import Idents
from kinds import Kind, all_kinds
from sender import Log, Sender, paced
from wires import Request, sign

# One event each, of every provider and every canonical topic but account.
MIX = [
    ("glofox", "MEMBER_ACCESS_INFO_UPDATED"),
    ("genea", "SEQUR_ACCESS_GRANTED live shape"),
    ("alocity", "door.state"),
    ("gxp", "access-event"),
    ("accessgrid", "ag.access_pass.activated"),
    ("genea", "SEQUR_ACCESS_DENIED_INVALID_PIN"),
    ("cvent", "InviteeOrGuestCancelled"),
    ("gxp", "out: access.granted"),
    ("alocity", "accesslog.created 0"),
    ("gxp", "mqtt-gateway-status online"),
]
CONNECTIONS = 32
REPEATED = 0.1
# A repetition comes at once, or after so many others.
REPEATED_WITHIN = 3_000
# Doors of the kind that names one; few, so that order has something to prove.
DOORS = 40
DOOR = b"0b6f5a5e-93a9-4d2c-8a55-577000b15e53"


class Mix:
    """Makes the request of a number, always the same one."""

    def __init__(self, idents: Idents, first: int, signed_at_s: int) -> None:
        by_name = {(kind.provider, kind.name): kind for kind in all_kinds()}
        self._kinds = [by_name[name] for name in MIX]
        self._idents = idents
        self._first = first
        self._signed_at_s = signed_at_s

    def kind(self, number: int) -> Kind:
        return self._kinds[number % len(self._kinds)]

    def request(self, number: int) -> Request:
        made = self.kind(number).request(self._idents.of(self._first + number), self._signed_at_s)
        if DOOR not in made.body:
            return made
        body = made.body.replace(DOOR, DOOR[:-4] + b"%04x" % (number // len(MIX) % DOORS))
        return sign(made.provider, made.path, body, self._signed_at_s)


class Traffic:
    """Goes on until it is stopped; what fails is repeated until it is accepted."""

    def __init__(self, port: int, mix: Mix, rate: float, seed: int, deadline_s: float) -> None:
        self._stopped = False
        self._sender = Sender(port, paced(self._numbers(random.Random(seed)), rate), mix.request, deadline_s)
        self._sender.start(CONNECTIONS)

    @property
    def log(self) -> Log:
        return self._sender.log

    def stop(self) -> None:
        self._stopped = True

    def done(self) -> bool:
        return self._sender.done()

    def _numbers(self, chance: random.Random) -> Iterator[int]:
        number = 0
        while not self._stopped:
            if number and chance.random() < REPEATED:
                yield max(0, number - chance.randint(1, REPEATED_WITHIN))
            else:
                yield number
                number += 1
