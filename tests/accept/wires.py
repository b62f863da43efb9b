"""The six provider wires: how each signs, written from providers.md and from nothing of the product."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass, replace

PROVIDERS = ("glofox", "alocity", "gxp", "genea", "accessgrid", "cvent")

# Text, as every provider hands its secret out; a different one each, so that no proof fits twice.
SECRETS = {provider: f"whsec_accept_{provider}_0123456789" for provider in PROVIDERS}


@dataclass(frozen=True)
class Request:
    """One webhook request, as it goes over the wire."""

    provider: str
    path: str
    headers: dict[str, str]
    body: bytes


def mac(algorithm: str, secret: str, signed: bytes) -> bytes:
    return hmac.new(secret.encode(), signed, algorithm).digest()


def proof(provider: str, secret: str, path: str, body: bytes, signed_at_s: int) -> dict[str, str]:
    """The headers by which the provider proves the body."""
    match provider:
        case "glofox":
            return {"signature": mac("sha256", secret, body).hex()}
        case "alocity":
            signature = mac("sha256", secret, b"%d." % signed_at_s + body)
            encoded = base64.b64encode(signature).decode()
            return {"Alocity-Signature": f"t:{signed_at_s},sig:{encoded}"}
        case "gxp":
            signature = mac("sha256", secret, body).hex()
            if path.endswith("/cvent"):
                return {"X-Cvent-Signature": signature}
            return {"X-GxP-Signature": f"sha256={signature}"}
        case "genea":
            return {"X-Sequr-Signature": f"sha1={mac('sha1', secret, body).hex()}"}
        case "accessgrid":
            return {"Authorization": f"Bearer {secret}"}
        case "cvent":
            return {"Authorization": secret}
    raise ValueError(f"no such provider: {provider}")


def sign(provider: str, path: str, body: bytes, signed_at_s: int) -> Request:
    """Signs a body as the provider would send it."""
    cloud_events = provider == "accessgrid"
    headers = {
        "Content-Type": "application/cloudevents+json" if cloud_events else "application/json",
        **proof(provider, SECRETS[provider], path, body, signed_at_s),
    }
    if provider == "cvent":
        digest = hashlib.sha256(body).hexdigest()
        headers |= {"User-Agent": "Cvent-Webhooks", "request-id": digest[:32]}
    if provider == "accessgrid":
        headers |= {"User-Agent": "AccessGrid-Webhooks/1.0"}
    return Request(provider, path, headers, body)


def tamper(request: Request, ident: str) -> Request:
    """Changes one byte of what the proof covers: of the body, or of the token where no body is signed.

    The byte is a digit of `ident`, so that the body stays good JSON and only the proof is wrong.
    """
    if request.provider in ("accessgrid", "cvent"):
        token = request.headers["Authorization"]
        changed = token[:-1] + ("8" if token[-1] == "9" else "9")
        return replace(request, headers=request.headers | {"Authorization": changed})
    at = request.body.index(ident.encode()) + len(ident) - 1
    digit = b"1" if request.body[at : at + 1] == b"0" else b"0"
    return replace(request, body=request.body[:at] + digit + request.body[at + 1 :])
