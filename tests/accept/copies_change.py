"""Certificates and the copies of ingest themselves are replaced under load."""

from __future__ import annotations

import ssl
import time
from pathlib import Path

from changes import LOAD_S, changing, write
from load import Target
from nodes import Nodes
from program import Service
from report import Report
from stack import Stack, free_port, wait_until
from traffic import Mix
from trial import trial

SEEN_S, READY_S, CERTIFICATE_S = 30.0, 60.0, 30.0
RESTARTS = 2


def certificate(report: Report, stack: Stack, nodes: Nodes) -> None:
    """The certificate is replaced while every request comes over a connection of its own."""
    folder = stack.folder / "tls"
    folder.mkdir()
    first, second = (make_certificate(stack, folder, name) for name in ("first", "second"))
    now = (folder / "now.crt", folder / "now.key")
    for file, use in zip(first, now, strict=True):
        write(use, file.read_text())
    options = ["--ingest-tls-cert", str(now[0]), "--ingest-tls-key", str(now[1])]
    with trial(report, stack, nodes, lambda fleet: fleet.serve(*options)) as made:
        mix = Mix(made.idents, 0, int(time.time()))
        expected = [ssl.PEM_cert_to_DER_cert(files[0].read_text()) for files in (first, second)]

        def served() -> bytes:
            pem = ssl.get_server_certificate(("127.0.0.1", made.fleet.ingest), timeout=5)
            return ssl.PEM_cert_to_DER_cert(pem)

        trusting = ssl.create_default_context()
        trusting.check_hostname = False
        for files in (first, second):
            trusting.load_verify_locations(files[0])
        target = Target([made.fleet.ingest], trusting, idle_max=0)
        with changing(made, stack, target, mix.request) as run:
            before = served()
            for file, use in zip(second, now, strict=True):
                write(use, file.read_text())
                time.sleep(LOAD_S)
            wait_until("the new certificate", lambda: served() == expected[1], SEEN_S)
        figure = "certificate first, its key 3 s later" if before == expected[0] else "not the first one"
        run.judge("Certificate replaced", figure)


def make_certificate(stack: Stack, folder: Path, name: str) -> tuple[Path, Path]:
    """A certificate that signs itself, and its key."""
    files = folder / f"{name}.crt", folder / f"{name}.key"
    argv = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    argv += ["-days", "2", "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1"]
    code, _, text = stack.run(
        "openssl", [*argv, "-out", str(files[0]), "-keyout", str(files[1])], CERTIFICATE_S
    )
    if code:
        raise RuntimeError(f"openssl: {text.strip()[-200:]}")
    return files


def rolling(report: Report, stack: Stack, nodes: Nodes) -> None:
    """Two copies are restarted in turn behind a balancer that passes over a closed port."""
    with trial(report, stack, nodes) as made:
        fleet = made.fleet
        mix = Mix(made.idents, 0, int(time.time()))
        ports = [fleet.ingest, free_port()]
        copies = {ports[0]: fleet.taking}

        def start(port: int) -> None:
            # A spool belongs to one copy.
            own = ["--spool-dir", str(stack.folder / f"spool-{port}")] if port == ports[1] else []
            copies[port] = fleet.take(port, *own)
            wait_until("a copy to be ready", copies[port].ready, READY_S)

        start(ports[1])
        codes = []
        with changing(made, stack, Target(ports, idle_max=0), mix.request) as run:
            for port in ports * RESTARTS:
                codes.append(end(stack, copies[port]))
                start(port)
                time.sleep(LOAD_S)
        figure = f"{len(codes)} restarts, exit codes {', '.join(map(str, codes))}"
        run.judge("Rolling restart of two copies", figure)


def end(stack: Stack, copy: Service) -> int:
    stack.stop(copy.process)
    return copy.process.returncode
