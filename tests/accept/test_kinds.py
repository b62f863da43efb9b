"""The table of kinds: whole, traceable, in the canonical vocabulary."""

import json
import re
import unittest

from ident import Idents
from kinds import all_kinds
from report import FAIL, PASS, Line, table_rows
from stack import ROOT
from traffic import MIX
from wires import PROVIDERS, tamper

IDENTS = Idents("0badcafe")


class Kinds(unittest.TestCase):
    def test_each_body_is_json_and_carries_its_identifier(self) -> None:
        for n, kind in enumerate(all_kinds()):
            request = kind.request(IDENTS.of(16 * n), 0)
            self.assertIsInstance(json.loads(request.body.replace(b"\0", b"")), dict, kind.name)
            self.assertEqual(IDENTS.number_in(request.body), 16 * n, kind.name)
            self.assertNotIn("$", request.path)

    def test_tampering_makes_another_number_or_leaves_the_body(self) -> None:
        for n, kind in enumerate(all_kinds()):
            ident = IDENTS.of(16 * n)
            number = IDENTS.number_in(tamper(kind.request(ident, 0), ident).body)
            token = kind.provider in ("accessgrid", "cvent")
            self.assertEqual(number, 16 * n + (0 if token else 1), kind.name)

    def test_names_are_unique_and_all_providers_there(self) -> None:
        names = [(kind.provider, kind.name, kind.ce_types) for kind in all_kinds()]
        self.assertEqual(len(set(names)), len(names))
        self.assertEqual({provider for provider, _, _ in names}, set(PROVIDERS))

    def test_every_type_is_a_canonical_one(self) -> None:
        text = (ROOT / "crates/events/src/event_type.rs").read_text()
        known = set(re.findall(r'"([a-z]+\.[a-z_]+)"', text))
        self.assertGreater(len(known), 40)
        self.assertLessEqual({ce_type for kind in all_kinds() for ce_type in kind.ce_types}, known)

    def test_the_mix_of_the_crash_has_one_event_each(self) -> None:
        by_name = {(kind.provider, kind.name): kind for kind in all_kinds()}
        for name in MIX:
            self.assertEqual(len(by_name[name].ce_types), 1, name)
            self.assertFalse(by_name[name].by_delivery, name)


class Table(unittest.TestCase):
    def test_columns_are_aligned_and_plain_without_a_terminal(self) -> None:
        long = Line("a title that is so long that it does not fit", "0 lost, " * 20, FAIL)
        rows = [
            row for line in (long, Line("short", "1 s", PASS)) for row in table_rows(line, coloured=False)
        ]
        self.assertEqual(rows[0].index(FAIL), rows[-1].index(PASS))
        self.assertNotIn("\033", "".join(rows))


if __name__ == "__main__":
    unittest.main()
