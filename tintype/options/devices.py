"""Device presets: viewport, scale and user agent."""

from __future__ import annotations

from dataclasses import dataclass

_IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15"
    " (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1"
)
_IPAD = (
    "Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) AppleWebKit/605.1.15"
    " (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1"
)
_ANDROID = (
    "Mozilla/5.0 (Linux; Android 14; {model}) AppleWebKit/537.36"
    " (KHTML, like Gecko) Chrome/131.0.0.0 {mobile}Safari/537.36"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DevicePreset:
    """One preset. ``width`` and ``height`` are CSS pixels; ``title`` is its name in hosted APIs."""

    title: str
    width: int
    height: int
    scale: float = 1
    user_agent: str = ""

    @property
    def mobile(self) -> bool:
        """Whether the preset has a touch screen and mobile layout; desktop presets are only a viewport."""
        return bool(self.user_agent)


def _phone(title: str, width: int, height: int, scale: float, user_agent: str) -> DevicePreset:
    return DevicePreset(title=title, width=width, height=height, scale=scale, user_agent=user_agent)


def _android(title: str, width: int, height: int, scale: float, *, tablet: bool = False) -> DevicePreset:
    agent = _ANDROID.format(model=title, mobile="" if tablet else "Mobile ")
    return _phone(title, width, height, scale, agent)


DEVICES: dict[str, DevicePreset] = {
    "iphone-se": _phone("iPhone SE", 375, 667, 2, _IPHONE),
    "iphone-13": _phone("iPhone 13", 390, 844, 3, _IPHONE),
    "iphone-14": _phone("iPhone 14", 390, 844, 3, _IPHONE),
    "iphone-14-pro": _phone("iPhone 14 Pro", 393, 852, 3, _IPHONE),
    "iphone-15": _phone("iPhone 15", 393, 852, 3, _IPHONE),
    "iphone-15-pro-max": _phone("iPhone 15 Pro Max", 430, 932, 3, _IPHONE),
    "pixel-7": _android("Pixel 7", 412, 915, 2.625),
    "pixel-8": _android("Pixel 8", 412, 915, 2.625),
    "galaxy-s23": _android("Galaxy S23", 360, 780, 3),
    "ipad": _phone("iPad", 810, 1080, 2, _IPAD),
    "ipad-mini": _phone("iPad Mini", 744, 1133, 2, _IPAD),
    "ipad-pro": _phone("iPad Pro", 1024, 1366, 2, _IPAD),
    "galaxy-tab-s8": _android("Galaxy Tab S8", 800, 1280, 2, tablet=True),
    "desktop": DevicePreset(title="Desktop", width=1280, height=720),
    "desktop-1080p": DevicePreset(title="Desktop 1080p", width=1920, height=1080),
    "desktop-1440p": DevicePreset(title="Desktop 1440p", width=2560, height=1440),
    "desktop-4k": DevicePreset(title="Desktop 4K", width=3840, height=2160),
    "macbook-air": DevicePreset(title="MacBook Air", width=1440, height=900, scale=2),
}


def slug(name: str) -> str:
    """``"iPhone 14 Pro"`` and ``"iphone-14-pro"`` name the same preset."""
    return "-".join(name.strip().lower().replace("_", " ").replace("-", " ").split())
