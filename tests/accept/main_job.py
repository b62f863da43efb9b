"""Shows that the main job is done: each line of it with a figure, and pass or FAIL.

Signs, reads and counts with code of its own.
"""

from __future__ import annotations

import argparse
import sys

from crash import Crash
from ident import Idents
from kafka_read import CANONICAL, Topics
from once import Once
from product import Product
from report import Report
from run_lines import run_lines
from stack import Stack
from up_down import REGISTRY, UpDown, busy_ports


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests/accept/run main_job", description=__doc__)
    add = parser.add_argument
    add("--with-tests", action="store_true", help="also run the suite: once cold, then --loops times")
    add("--loops", type=int, default=5, help="warm runs of the suite, the last two beside busy loops")
    add("--no-up", action="store_true", help="use a Kafka that is there; neither make up nor make down")
    add("--brokers", default="127.0.0.1:9092", help="the Kafka to use (%(default)s)")
    add("--deliveries", type=int, default=20_000, help="how many around the crash (%(default)s)")
    return parser.parse_args()


def main() -> int:
    settings = arguments()
    if not settings.no_up and (busy := busy_ports()):
        print(f"in use already: {', '.join(busy)}; run `make down` first", file=sys.stderr)
        return 2

    def lines(report: Report, stack: Stack) -> None:
        tag = stack.folder.name
        up_down = UpDown(report, stack, settings.brokers, tag)
        try:
            if settings.no_up:
                report.skip("make up, make up again, make down", "left out by --no-up")
            else:
                with report.line("make up"):
                    up_down.up()
            own_instance(report, stack, settings, tag)
            if not settings.no_up:
                with report.line("make down"):
                    up_down.down()
            suite(report, up_down, settings)
        finally:
            # The services before the Kafka that they use.
            stack.stop_all()
            up_down.down()

    return run_lines(lines)


def own_instance(report: Report, stack: Stack, settings: argparse.Namespace, tag: str) -> None:
    """All that is shown on an instance, and topics, of the acceptance's own."""
    idents = Idents(tag)
    with report.line("cardea all, started"):
        product = Product(stack, settings.brokers, tag)
        topics = Topics(settings.brokers, product.prefix)
        try:
            product.create_topics()
            report.say(f"ready after {product.start():.1f} s")
            product.subscribe()
            once = Once(report, product, topics, idents)
            for step in (once.kinds, once.repeats, once.forgeries, once.identity):
                with report.line(f"{step.__name__}: {step.__doc__}"):
                    step()
            with report.line(f"kill -9 in the middle of {settings.deliveries} deliveries"):
                Crash(report, product, topics, idents).run(settings.deliveries)
            with report.line("Stock Avro deserializer"):
                deserializer(report, product, topics, settings)
            code = product.stop()
            report.add("SIGTERM: cardea all drains", f"exit code {code}", code == 0)
        finally:
            product.stop()
            topics.delete()


def deserializer(report: Report, product: Product, topics: Topics, settings: argparse.Namespace) -> None:
    """Reads every canonical record of the run, and those of `make up`, through a registry address."""
    events = topics.canonical(product.registry)
    read = {topic: sum(event.topic == topic for event in events) for topic in CANONICAL}
    if not settings.no_up:
        events += Topics(settings.brokers, "cardea.").canonical(REGISTRY)
    unequal = sum(
        event.value["type"] != event.ce_type or event.value["event_id"] != event.ce_id for event in events
    )
    counts = ", ".join(f"{topic} {count}" for topic, count in read.items())
    figure = f"{len(events)} records ({counts}), {unequal} whose type or id is not that of the headers"
    report.add("Stock Avro deserializer reads all four topics", figure, all(read.values()) and not unequal)


def suite(report: Report, up_down: UpDown, settings: argparse.Namespace) -> None:
    if settings.with_tests:
        with report.line("make test"):
            up_down.suite(settings.loops)
        return
    report.skip("make test from a cold build", "limit 25 minutes; add --with-tests")
    report.skip("make test five times in a row, warm", "two of them beside two busy loops; add --with-tests")


if __name__ == "__main__":
    sys.exit(main())
