"""Sign a thumbnail URL: ``python sign.py KEY /thumb url=https://example.com expires=1800000000``.

Or in a program: ``signed(key, "/thumb", {"url": page, "thumb_width": "320"})``.
"""

import hashlib
import hmac
import sys
from urllib.parse import quote


def signed(key: str, path: str, parameters: dict[str, str]) -> str:
    """The path with its query and signature."""
    pairs = sorted(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in parameters.items())
    query = "&".join(pairs)
    text = f"tintype1\n{path}\n{query}"
    return f"{path}?{query}&sig={hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()}"


if __name__ == "__main__":
    key, path, *pairs = sys.argv[1:]
    print(signed(key, path, dict(pair.split("=", 1) for pair in pairs)))
