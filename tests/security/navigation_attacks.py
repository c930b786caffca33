"""Pages that try to navigate the browser to a canary, each in a different way."""

from __future__ import annotations

from collections.abc import Callable

from tests.security.addresses import OTHER

Response = tuple[int, dict[str, str], str]
NavigationAttack = Callable[[str], Response]

_DESTINATIONS = {
    "loopback": f"http://127.0.0.1:{OTHER}/hit/navigation",
    "loopback-six": f"http://[::1]:{OTHER}/hit/navigation",
    "localhost": f"http://localhost:{OTHER}/hit/navigation",
    "number": f"http://2130706433:{OTHER}/hit/navigation",
    "metadata": "http://169.254.169.254/latest/meta-data/",
    "name": "http://inside.attacker.com/hit/navigation",
    "mixed": "http://mixed.attacker.com/hit/navigation",
    "file": "file:///etc/passwd",
    "data": "data:text/html,<title>canary</title>",
    "script": "javascript:document.title='canary'",
    "settings": "chrome://version",
    "view-source": "view-source:file:///etc/passwd",
}


def _redirect(status: int, to: str = "") -> NavigationAttack:
    return lambda canary: (status, {"Location": to or f"{canary}/hit/navigation"}, "")


def _page(html: str) -> NavigationAttack:
    return lambda canary: (
        200,
        {},
        f"<!doctype html><title>harmless</title>{html.replace('$', canary + '/hit/navigation')}",
    )


def _script(code: str) -> NavigationAttack:
    return _page(f"<body><script>{code}</script>")


NAVIGATIONS: dict[str, NavigationAttack] = {
    **{f"redirect-{status}": _redirect(status) for status in (301, 302, 303, 307, 308)},
    **{f"redirect-to-{name}": _redirect(302, to) for name, to in _DESTINATIONS.items()},
    "redirect-twice": _redirect(302, "/go?status=302&to=http%3A%2F%2F10.0.0.5%2Fhit%2Fnavigation"),
    "refresh-header": lambda canary: (200, {"Refresh": f"0;url={canary}/hit/navigation"}, "x"),
    "meta-refresh": _page("<meta http-equiv=refresh content='0;url=$'>"),
    "meta-refresh-late": _page("<meta http-equiv=refresh content='1;url=$'>"),
    "location": _script("location = '$'"),
    "location-replace": _script("location.replace('$')"),
    "location-late": _script("onload = () => setTimeout(() => { location = '$' }, 700)"),
    "location-again": _script("setInterval(() => { location = '$' }, 50)"),
    "navigation": _script("navigation.navigate('$')"),
    "open-self": _script("window.open('$', '_self')"),
    "form-get": _page("<form action='$'></form><script>document.forms[0].submit()</script>"),
    "form-post": _page("<form action='$' method=post><input name=a></form><script>document.forms[0].submit()</script>"),
    "link": _page("<a href='$'>x</a><script>document.links[0].click()</script>"),
    "link-download": _page("<a href='$' download>x</a><script>document.links[0].click()</script>"),
    "frame-moves-top": _page("<iframe srcdoc=\"<script>top.location = '$'</script>\"></iframe>"),
    "popup-moves-opener": _script(
        "const w = open('about:blank'); w && w.eval(\"opener.location = '$'\"); location = '$'"
    ),
    "history": _script("history.pushState(0, '', '/go'); location = '$'"),
    "unload": _script("onbeforeunload = () => { location = '$' }; location = '/x'"),
    "base": _page("<base href='$'><a href=x>x</a><script>document.links[0].click()</script>"),
    "javascript": _script("location = \"javascript:location = '$'\""),
    "blob": _script(
        "location = URL.createObjectURL(new Blob(['<script>location = `$`<', '/script>'], { type: 'text/html' }))"
    ),
    **{f"script-to-{name}": _script(f"location = {to!r}") for name, to in _DESTINATIONS.items() if name != "script"},
}

HTTPS_NAVIGATIONS = ("redirect-302", "redirect-307", "meta-refresh", "location", "location-late", "form-post", "link",
            "script-to-loopback", "redirect-to-metadata")  # fmt: skip
"""Attacks that run from an https page too."""
