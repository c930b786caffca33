"""Regular expressions of bot challenges, login forms, error pages, parked domains and consent dialogs."""

from __future__ import annotations

import json
import re
from importlib.resources import files


def _any(*alternatives: str) -> re.Pattern[str]:
    return re.compile("|".join(alternatives), re.IGNORECASE)


def _marks(kind: str) -> frozenset[str]:
    """Names of the marks of one kind, from the same file as those of ``page_features.js``."""
    text = files("tintype").joinpath("chromium", "data", "marks.json").read_text(encoding="utf-8")
    return frozenset(mark["name"] for mark in json.loads(text) if mark["kind"] == kind)


CHALLENGE_MARKS = _marks("challenge")
"""Marks of pages that are certainly a challenge."""

WIDGET_MARKS = _marks("widget")
"""CAPTCHA widgets: ordinary forms have them too, so they mean a challenge only on a page with little else."""

PARKED_MARKS = _marks("parked")

CHALLENGE_TITLES = _any(
    r"^just a moment\b",  # Cloudflare, and the next
    r"^attention required! \| cloudflare",
    r"^access to this page has been denied",  # PerimeterX, now HUMAN
    r"^pardon our interruption",  # Imperva
    r"^human verification$",  # AWS WAF
    r"^vercel security checkpoint",
    r"^making sure you.?re not a bot",  # Anubis
    r"^ddos-guard$",
    r"^(are you (a )?(human|robot)\??|robot check|bot verification|captcha|one moment, please\W*)$",
    r"^checking your browser\b",
    r"^(security check|verify(ing)? you are human|you have been blocked)",
)

CHALLENGE_WORDS = _any(
    r"verify(ing)? (that )?you are (a )?(human|not a (ro)?bot)",
    r"checking (if the site connection is secure|your browser before)",
    r"(performing|needs to review the) security (verification|of your connection)",
    r"press (& |and )?hold to confirm",
    r"enable javascript and cookies to continue",
    r"request unsuccessful\. incapsula incident",
    r"the requested url was rejected\. please consult with your administrator",  # F5
    r"our systems have detected unusual traffic",  # Google
    r"access denied[\s\S]{0,300}(reference (#|&#35;)|errors\.edgesuite\.net)",  # Akamai
    r"(prove|confirm|make sure) (that )?(you are|you.re|it.?s really you|you)( really)? (a )?(human|not a (ro)?bot)",
    r"unusual activity (from|on) your (network|device|computer)",
    r"completing the captcha proves you are a human",
    r"sorry, you have been blocked",
)

CHALLENGE_FRAMES = _any(
    r"^challenges\.cloudflare\.com/",
    r"captcha-delivery\.com/",
    r"^(www\.)?google\.com/recaptcha/",
    r"^(www\.)?recaptcha\.net/recaptcha/",
    r"hcaptcha\.com/",
    r"\.awswaf\.com/",
    r"\.arkoselabs\.com/",
)

ERROR_TITLES = _any(
    r"^\W*((http )?(error|status)\W*)?[45]\d\d\W+(not found|forbidden|bad request|unauthorized|gone|page|error"
    r"|bad gateway|internal server|service|gateway|too many|file|oops)",
    r"^\W*(http )?error\W+[45]\d\d\W*$",
    r"^\W*[45]\d\d( error)?\W*$",
    r"^\W*(page|file|404) not found\W*$",
    r"^(bad gateway|service (temporarily )?unavailable|internal server error|gateway time-?out)\W*$",
)

ERROR_HEADINGS = _any(
    r"^\W*(error )?404( error)?\W*$",
    r"^\W*((error )?[45]\d\d\W+)?((this |the )?page (was )?not found|file not found|forbidden|internal server error"
    r"|bad gateway|service (temporarily )?unavailable|gateway time-?out|oops\W*(page not found)?)\W*$",
)
"""Headings of error pages, also of those with status 200; applied to very short pages only."""

ERROR_STATUS = _any(r"^\W*((page|error|http|status|code)\W*){0,2}(40[0134]|410|50[0234])\b")
"""How titles, headings and texts of error pages may begin, and others too."""

ERROR_WORDS = _any(
    r"\bnot found\b|\berror page\b|\boops\b|\bno longer (exists?|available)\b|\bwent wrong\b|\bpage (is )?missing\b",
    r"\b(does|do)(n.?t| not) exist\b|\b(can.?t|cannot|could ?n.?t|could not|unable to) (be )?(find|found|locate)\b",
    r"\bnicht gefunden\b|\bexistiert nicht\b|\bintrouvable\b|\bn.existe (pas|plus)\b|\bno (se )?(ha )?encontrad",
    r"\bno existe\b|\bnão (foi )?encontrad|\bnão existe\b|\bnon (è stata )?trovat|\bniet gevonden\b|\bnie znaleziono\b",
    r"не найден|не существует|見つかりません|找不到|不存在|찾을 수 없",
)
"""Words of short error pages, also of those with status 200."""

LOGIN_HOSTS = _any(
    r"^(login|signin|sso|auth|accounts?|idp|identity|secure-?login|adfs)\.",
    r"\.(okta|okta-emea|oktapreview|auth0|onelogin|pingone|pingidentity|duosecurity|b2clogin|cloudflareaccess)\.com$",
    r"\.amazoncognito\.com$",
)

LOGIN_PATHS = _any(
    r"/(log-?in|log_in|sign-?in|sign_in|sso|auth|oauth2?|saml2?|adfs|idp|cas|authorize|authenticate|wp-login)"
    r"(\.(php|aspx?|html?|jsp|do))?(/|$)",
    r"/(users?|accounts?|sessions?)/(log-?in|sign_?-?in|new)(/|$)",
    r"/checkpoint/|/uas/login|/servicelogin",
)

LOGIN_WORDS = _any(
    r"\b(log|sign)[ -]?in\b",
    r"\b(anmelden|einloggen|se connecter|connexion|iniciar sesión|acceder|accedi|entrar|inloggen|logga in|zaloguj)\b",
    r"(登录|登錄|ログイン|로그인|войти|вход)",
)

PARKED_HOSTS = _any(
    r"(^|\.)(sedo|sedoparking|parkingcrew|bodis|dan|afternic|hugedomains|undeveloped|uniregistry|domainmarket|buydomains"
    r"|parklogic|above|cashparking|brandbucket|squadhelp|atom|perfectdomain|efty)\.(com|net)$",
    r"(^|\.)(parkingpage\.namecheap\.com|parking\.reg\.ru|domaincntrl\.com|domain-for-sale\.[a-z]+)$",
)

PARKED_WORDS = _any(
    r"\b(this |the )?domain( name)?( \S+)? (is|may be|could be|might be) (available )?for sale",
    r"\b[a-z0-9-]+\.[a-z]{2,12} (is|may be|could be) for sale\b",
    r"\b(buy|purchase|get|acquire|own) this domain( name)?\b",
    r"\b(inquire|make an offer|enquire)( about| on| for)? this domain",
    r"this (web ?page|domain|site)( \S+)? is (currently )?parked",
    r"\bparked (free|for free|by|on|at|with|courtesy)\b",
    r"\b(domain|sponsored) (parking|listings)\b",
    r"this domain (has expired|is registered, but|was recently registered|has recently been registered)",
    r"future home of something quite cool",
    r"\bdiese domain (steht zum verkauf|ist geparkt|kaufen)",
    r"\bce (nom de )?domaine est (à vendre|en vente)",
    r"\beste dominio (está en venta|está a la venta)",
)

CONSENT_HOSTS = _any(r"^(consent|cmp|guce|privacy-?(gate|wall)|cookiewall)\.")

CONSENT_WORDS = _any(
    r"\bcookies?\b",
    r"\bconsent\b",
    r"\bwe (value|respect|care about) your privacy\b",
    r"\bbefore you continue\b",
    r"\b(gdpr|dsgvo|rgpd|ccpa)\b",
    r"\bdatenschutz|einwilligung|\bconsentement\b|\bconsentimiento\b|\bconsenso\b|\btoestemming\b",
    r"\b(our|unsere|nos|nuestros) (\d+ )?(partners?|partnern?|partenaires|socios)\b",
)

CONSENT_CHOICES = _any(
    r"\b(accept|allow|agree|reject|decline|deny|manage)\b",
    r"\b(akzeptieren|zustimmen|ablehnen|einverstanden|accepter|refuser|aceptar|rechazar|accetta|rifiuta|accepteren)\b",
    r"(同意|同意する|동의|принять)",
)

TITLE_PARTS = re.compile(r"\s[-–—|·:•]\s|\s*\|\s*|:\s")
"""Between the name of an application and the rest of its title."""
