"""A small filter list in the format of EasyList."""

from __future__ import annotations

LIST = """[Adblock Plus 2.0]
! Title: Our list
! Version: 7
! Licence: CC0
||ads.example.net^
/banner/*/ad.js$script,third-party
@@||example.org/banner/good/ad.js
##.sponsored-box
##div[data-kind="advert"]
news.example##.promo
quiet.example#@#.sponsored-box
calm.example#@#.promo
"""
