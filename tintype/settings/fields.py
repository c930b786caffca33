"""Declaration of one setting: its environment variable, default, meaning and accepted values."""

from __future__ import annotations

from typing import Any

from pydantic import Field, JsonValue

TRACKING = "utm_*,gclid,gclsrc,dclid,fbclid,msclkid,yclid,twclid,igshid,mc_cid,mc_eid,_hsenc,_hsmi,mkt_tok"
"""Default of ``TINTYPE_TRACKING_PARAMETERS``."""


def setting(name: str, default: Any, meaning: str, accepts: str = "text", **more: Any) -> Any:
    """A field of the settings: environment variable, default as an operator writes it, meaning, accepted values."""
    secret = bool(more.pop("secret", False))
    extra: dict[str, JsonValue] = {"accepts": accepts, "secret": secret}
    return Field(
        default, validation_alias=name, description=meaning, json_schema_extra=extra, validate_default=True, **more
    )
