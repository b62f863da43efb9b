"""The sources file changes under load: secrets are replaced, sources come and go."""

from __future__ import annotations

import time
from dataclasses import replace

from changes import LOAD_S, changing, write
from fleet import Fleet
from ident import Idents
from load import Target
from nodes import Nodes
from program import sources_yaml
from report import Report
from sender import post
from stack import Stack, wait_until
from traffic import MIX, Mix
from trial import trial
from wires import PROVIDERS, SECRETS, Request, proof

SEEN_S = 30.0
RELOADS = 10
NEW = {provider: secret.replace("accept", "renewed") for provider, secret in SECRETS.items()}


def rotation(report: Report, stack: Stack, nodes: Nodes) -> None:
    """Every secret is replaced: the new one added, used, the old one removed."""
    with trial(report, stack, nodes) as made:
        mix = Mix(made.idents, 0, int(time.time()))
        signing = Signing(mix)
        both = sources_yaml()
        for provider in PROVIDERS:
            line = f"      - text: {SECRETS[provider]}\n"
            both = both.replace(line, line + f"      - text: {NEW[provider]}\n")
        only_new = sources_yaml()
        for provider in PROVIDERS:
            only_new = only_new.replace(SECRETS[provider], NEW[provider])
        fleet = made.fleet
        with changing(made, stack, Target([fleet.ingest]), signing.request) as run:
            write(fleet.sources, both)
            wait_until("the new secrets to count", lambda: signing.status(fleet, NEW) < 300, SEEN_S)
            signing.secrets = NEW
            # What was signed before may still be on its way.
            time.sleep(LOAD_S)
            write(fleet.sources, only_new)
            wait_until("the old secrets to be refused", lambda: signing.status(fleet, SECRETS) == 401, SEEN_S)
        run.judge("Secrets replaced", "old and new live together, then the new ones")


def reload(report: Report, stack: Stack, nodes: Nodes) -> None:
    """The sources file gains and loses a source, and is broken once."""
    with trial(report, stack, nodes) as made:
        mix = Mix(made.idents, 0, int(time.time()))
        fleet = made.fleet
        good = sources_yaml()
        more = good + "  - id: more\n    provider: genea\n    tenant: accept\n    secrets:\n"
        more += f"      - text: {SECRETS['genea']}\n"
        probe = next(one for one in probes() if one.provider == "genea")
        probe = replace(probe, path="/hooks/more")
        with changing(made, stack, Target([fleet.ingest]), mix.request) as run:
            write(fleet.sources, "sources: [")
            time.sleep(LOAD_S)
            for _ in range(RELOADS):
                for text, status in ((more, 200), (good, 404)):
                    write(fleet.sources, text)
                    wait_until(
                        "the change", lambda status=status: post(fleet.ingest, probe) == status, SEEN_S
                    )
        run.judge("Sources reloaded", f"{2 * RELOADS} changes, and a file that is none")


class Signing:
    """Signs with the secrets that are set."""

    def __init__(self, mix: Mix) -> None:
        self.secrets = SECRETS
        self._mix = mix

    def request(self, number: int) -> Request:
        return signed(self._mix.request(number), self.secrets)

    def status(self, fleet: Fleet, secrets: dict[str, str]) -> int:
        """The worst status that one request of each provider gets."""
        return max(post(fleet.ingest, signed(request, secrets)) for request in probes())


def probes() -> list[Request]:
    """Requests that only ask whether a change is seen: of identifiers that are not the run's."""
    mix = Mix(Idents(), 0, int(time.time()))
    return [mix.request(number) for number in range(len(MIX))]


def signed(request: Request, secrets: dict[str, str]) -> Request:
    """The same request, proved by another secret."""
    now_s = int(time.time())
    headers = proof(request.provider, secrets[request.provider], request.path, request.body, now_s)
    return replace(request, headers=request.headers | headers)
