"""Public keys for SSH: `ssh-rsa` of at least 2,048 bits and `ssh-ed25519`, as Azure takes them for Linux."""

LEAST_RSA_BITS = 2048
MOST_KEYS = 8
_LONGEST = 8192


def ssh_key_problem(line: str) -> str | None:
    """Return why a line is not a public key that Azure takes, or None."""
    from cryptography.exceptions import UnsupportedAlgorithm  # not at a cold start
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import load_ssh_public_key

    kind = line.split(" ", 1)[0]
    if kind not in {"ssh-rsa", "ssh-ed25519"} or len(line) > _LONGEST or not line.isprintable():
        return "This is not an SSH public key of the type ssh-rsa or ssh-ed25519, on one line."
    try:
        key = load_ssh_public_key(line.encode())
    except (ValueError, UnsupportedAlgorithm):
        return "This SSH public key cannot be read. Send the whole line of the file that ends in .pub."
    if isinstance(key, RSAPublicKey) and key.key_size < LEAST_RSA_BITS:
        return f"This RSA key has {key.key_size} bits. Azure takes {LEAST_RSA_BITS} or more."
    return None if isinstance(key, RSAPublicKey | Ed25519PublicKey) else "This SSH public key is of another type than its line names."
