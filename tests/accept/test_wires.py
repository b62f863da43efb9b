"""The signatures, against the vectors that were computed with openssl."""

import unittest

from wires import PROVIDERS, SECRETS, proof, sign, tamper

GLOFOX = (
    b'{"Type":"MEMBER_ACCESS_INFO_UPDATED","Metadata":{"trace_id":"0f8fad5b-d9cb-469f-a165-70867728950e",'
    b'"location_id":"64a1f0c2d3e4b5a697887766","version":"1"},"Timestamp":"2026-05-12T18:00:00Z",'
    b'"Payload":{"user_id":"64a1f0c2d3e4b5a697880001","identifiers":{"barcode":"100200300","fob_id":"F-77"}}}'
)
GENEA = (
    b'{"uuid":"12722658","event_time":"2021-01-28T10:46:56.804Z","event_type":"AUDIT",'
    b'"event_action":"CREATED"}'
)
TEXT = "whsec_test_0123456789"
BASE64_LIKE = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
PAGE = "your-secret-key"
STATUS = b'{"gateway_id":"GW-001","status":"online"}'
DOOR = b'{"serialNumber":"SN-0001","doorState":1}'


class Vectors(unittest.TestCase):
    def check(self, provider: str, secret: str, body: bytes, header: str, value: str) -> None:
        headers = proof(provider, secret, "/hooks/demo", body, 1767225600)
        self.assertEqual(headers, {header: value})

    def test_glofox(self) -> None:
        self.assertEqual(len(GLOFOX), 293)
        expected = "b4d11ca6941908525e03119ab9f088094a67f570e96ebf1fcbc86456e63e6bf8"
        self.check("glofox", TEXT, GLOFOX, "signature", expected)

    def test_alocity(self) -> None:
        for secret, expected in (
            (TEXT, "4CL5OHSM1sJ8jjokIpB/ltzjakn8uZHto8EjZhGHUho="),
            (BASE64_LIKE, "85vBnMKu0aVYvPkHUi5MLkco6C2am0yPH4tSv9vN5fM="),
        ):
            self.check("alocity", secret, DOOR, "Alocity-Signature", f"t:1767225600,sig:{expected}")

    def test_gxp(self) -> None:
        for body, expected in (
            (STATUS, "3416aad71c9d62d796454e2be5a6853d09b49193188e4d696bb9fd9c5bf8b5b4"),
            (b'{"u":"a/b"}', "35f43227bed4bb44f03a69089bef4a7ddb8ca80488d32d401f474c7bab07583f"),
            (rb'{"u":"a\/b"}', "f00da75244d409d997618c139a15bf6810359ec424b1beda982abe15ac232609"),
        ):
            self.check("gxp", PAGE, body, "X-GxP-Signature", f"sha256={expected}")

    def test_genea(self) -> None:
        expected = "sha1=de199de9ca860217e9efbc91a61db8473ee484ff"
        self.check("genea", TEXT, GENEA, "X-Sequr-Signature", expected)

    def test_tokens(self) -> None:
        self.check("accessgrid", TEXT, b"{}", "Authorization", f"Bearer {TEXT}")
        self.check("cvent", TEXT, b"{}", "Authorization", TEXT)

    def test_tampering_changes_one_byte_and_no_signature(self) -> None:
        for provider in PROVIDERS:
            request = sign(provider, "/hooks/demo", b'{"id":"00ff"}', 1767225600)
            changed = tamper(request, "00ff")
            before = request.body + "".join(request.headers.values()).encode()
            after = changed.body + "".join(changed.headers.values()).encode()
            self.assertEqual(sum(a != b for a, b in zip(before, after, strict=True)), 1, provider)

    def test_secrets_differ(self) -> None:
        self.assertEqual(len(set(SECRETS.values())), len(PROVIDERS))


if __name__ == "__main__":
    unittest.main()
