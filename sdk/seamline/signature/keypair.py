"""Key pairs: reading public keys as providers print them, and keys for development. Needs the extra ``asymmetric``."""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from seamline.errors import ConfigError
from seamline.signature.secret import from_base64

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    PrivateKey = Ed25519PrivateKey | EllipticCurvePrivateKey | RSAPrivateKey

#: Shortest RSA key that is accepted, in bits.
MIN_RSA_BITS = 2048


def need(module: str) -> Any:
    """A module of the extra ``asymmetric``. Raises ConfigError that says what to install."""
    try:
        return import_module(module)
    except ImportError:
        package = module.partition(".")[0]
        raise ConfigError(f"this signature needs {package}: pip install 'seamline[asymmetric]'") from None


@lru_cache(maxsize=64)
def load_public(text: str, kind: str) -> Any | None:
    """The public key of a kind (ed25519, ecdsa, rsa) from PEM or base64; None: it is not one."""
    serialization = need("cryptography.hazmat.primitives.serialization")
    try:
        if "-----BEGIN" in text:
            key = serialization.load_pem_public_key(text.strip().encode())
        else:
            key = _from_bytes(_raw(text), kind, serialization)
    except Exception:  # the library raises half a dozen types for what is not a key
        return None
    return key if _is(key, kind, "PublicKey") else None


@lru_cache(maxsize=8)
def load_private(text: str, kind: str) -> Any:
    """The private key of a kind from PEM. Raises ConfigError."""
    serialization = need("cryptography.hazmat.primitives.serialization")
    try:
        key = serialization.load_pem_private_key(text.strip().encode(), password=None)
    except Exception:  # the library raises half a dozen types for what is not a key
        key = None
    if key is None or not _is(key, kind, "PrivateKey"):
        raise ConfigError(
            f"cannot sign: the secret is no {kind} private key in PEM (only the provider has the real one)"
        )
    return key


@lru_cache(maxsize=8)
def development_key(kind: str) -> str:
    """A private key in PEM, made anew in each process: for tests, simulators and ``seamline send``."""
    serialization = need("cryptography.hazmat.primitives.serialization")
    pem: bytes = _generate(kind).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return pem.decode()


@lru_cache(maxsize=64)
def public_pem(private: str) -> str:
    """The public half of a private key in PEM."""
    serialization = need("cryptography.hazmat.primitives.serialization")
    key = serialization.load_pem_private_key(private.encode(), password=None).public_key()
    pem: bytes = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return pem.decode()


def _generate(kind: str) -> PrivateKey:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    if kind == "ecdsa":
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(public_exponent=65537, key_size=MIN_RSA_BITS)


def _raw(text: str) -> bytes:
    if len(text) == 64:
        try:
            return bytes.fromhex(text)
        except ValueError:
            pass
    return from_base64("".join(text.split()))


def _from_bytes(raw: bytes, kind: str, serialization: Any) -> Any:
    if kind == "ed25519" and len(raw) == 32:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        return Ed25519PublicKey.from_public_bytes(raw)
    return serialization.load_der_public_key(raw)


def _is(key: Any, kind: str, half: str) -> bool:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    if kind == "ed25519":
        return isinstance(key, getattr(ed25519, f"Ed25519{half}"))
    if kind == "ecdsa":
        return isinstance(key, getattr(ec, f"EllipticCurve{half}")) and isinstance(key.curve, ec.SECP256R1)
    return isinstance(key, getattr(rsa, f"RSA{half}")) and key.key_size >= MIN_RSA_BITS
