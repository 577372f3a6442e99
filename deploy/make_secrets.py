"""
Writes deploy/.env and the key files of docker-compose.yml; what is there already stays.

Keep copies of deploy/secrets/ apart from the copies of the database: together they open everything.
"""

import base64
import secrets
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main(host):
    """Make what is missing, for a portal at this host name."""
    settings = HERE / ".env"
    if not settings.exists():
        lines = (HERE / "example.env").read_text().splitlines()
        made = [line.replace("=random", f"={secrets.token_urlsafe(48)}") for line in lines]
        text = "\n".join(made[1:]).replace("PORTAL_HOST=portal.example.com", f"PORTAL_HOST={host}")
        settings.touch(mode=0o600)
        settings.write_text(text + "\n")
    keys = HERE / "secrets"
    keys.mkdir(mode=0o700, exist_ok=True)
    for name in ("hash.key", "seal.key", "link.key"):
        if not (keys / name).exists():
            key = base64.b64encode(secrets.token_bytes(32)).decode()
            (keys / name).write_text(f"{key}\n")
            # The folder keeps others out; the service's own account must be able to read.
            (keys / name).chmod(0o444)
    print(f"Now set EMAIL_URL and MAIL_FROM in {settings}.")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("Usage: python3 deploy/make_secrets.py portal.example.com")
    main(sys.argv[1])
