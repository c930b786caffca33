"""Regular expressions of what pages say while they load, in some forty languages."""

from __future__ import annotations

import re

_THINGS = (
    r"( (up|to|the|your|this|our|all|of|for|from|a|an|pages?|site|website|app|application|data|contents?|game"
    r"|dashboard|workspace|editor|map|maps|player|video|images?|resources|assets|modules?|components?|scripts|more|server"
    r"|database|network|service|account|session|project|file|document|report|results|messages|and|in|now)){0,5}"
)
"""Words after an English verb that name a thing which computers load."""

_ENDING = rf"(s|ing|ed)?{_THINGS}"

_PHRASES = (
    # English
    rf"(now |still |currently )?(re|pre)?(loading|connecting|initiali[sz]ing|redirecting){_THINGS}",
    rf"(now |still |currently )?(synchroni[sz]ing|authenticating){_THINGS}",
    r"(please |kindly )?(wait|stand by|hold on|be patient|bear with us)( (a |for a )?(moment|second|while))?( please)?",
    rf"(please )?(wait|hold on) while (the|your|this|our|we|it) ?\w{{0,9}}( is| are)?( being)? (load|connect){_ENDING}",
    r"(just )?(one|a) (moment|second|sec)( please)?|hang on|signing (you )?in|logging (you )?in|starting up",
    # German, Dutch, Scandinavian languages, Finnish
    r"(wird|werden)( \w+)? geladen|lädt|lade daten|laden(?=\s*(…|\.\.))|seite wird geladen",
    r"daten werden geladen|(bitte )?einen moment( bitte)?|moment bitte|(bitte )?warten( sie)?( bitte)?",
    r"bitte (haben sie )?(einen moment )?geduld|verbinde(n)?|verbindung wird (hergestellt|aufgebaut)",
    r"bezig met laden|aan het laden|even geduld( a\.?u\.?b)?|(een )?ogenblik( geduld)?|een moment( geduld)?",
    r"verbinden|laddar|läser in|hämtar|(var god |vänligen )?vänta|ansluter|ett ögonblick|laster( inn)?",
    r"indlæser|henter|et øjeblik|et øyeblikk|vent (venligst|litt)|vennligst vent|kobler til|forbinder|ladataan",
    r"odota|hetkinen|yhdistetään",
    # Romance languages
    r"chargement( en cours)?( de [\w' ]{1,30})?|(veuillez )?(patienter|patientez)( s'il vous pla[iî]t)?",
    r"connexion( en cours| au serveur)|un (petit )?instant( s'il vous pla[iî]t)?",
    r"un moment( s'il vous pla[iî]t)?|cargando( [\w ]{1,30})?",
    r"(por favor )?(espere|espera|aguarde)( un momento)?( por favor)?|un momento( por favor)?",
    r"conectando( [\w ]{1,30})?|caricamento( in corso)?|attendere( prego)?|attendi|(un )?attimo|un momento",
    r"connessione( in corso)|(a )?carregar|carregando( [\w ]{1,30})?",
    r"(por favor )?(aguarde|espere)( um momento)?|um momento|a conectar|se încarcă|vă rugăm (să )?așteptați",
    r"se conectează",
    # Slavic languages, Hungarian, Greek, Turkish
    r"ładowanie|wczytywanie|proszę czekać|łączenie|načítání|načítám|načítava sa",
    r"(prosím )?(čekejte|čakajte)( prosím)?|připojování|pripájanie|učitavanje|učitava se|molimo pričekajte",
    r"nalaganje|počakajte|kraunama|prašome palaukti|ielāde|laadimine|загрузка( данных| страницы)?|загружается",
    r"идёт загрузка|идет загрузка|(пожалуйста )?подождите( пожалуйста)?|подключение|соединение|завантаження",
    r"(будь ласка )?зачекайте|підключення|зареждане|моля изчакайте|учитавање|betöltés|(kérem |kérjük )?várjon",
    r"kapcsolódás|φόρτωση|(παρακαλώ )?περιμένετε|σύνδεση|yükleniyor|(lütfen )?bekle(yin|yiniz)|bağlanıyor",
    # Semitic languages, Persian, Hindi, Bengali
    r"(جار|جاري|جارٍ)( ال)?( )?(ال)?(تحميل|اتصال)|(الرجاء|يرجى) ال?انتظار|טוען|נטען|(אנא |נא )?(המתן|להמתין)",
    r"מתחבר|در حال (بارگذاری|اتصال)|(لطفا |لطفاً )?صبر کنید|लोड हो रहा है|(कृपया )?प्रतीक्षा करें",
    # East and South-East Asia
    r"(正在|資料|数据|页面|頁面)?(加载|載入|载入|讀取|读取|连接|連接|連線)(中|数据|資料)?",
    r"(请|請)(稍候|稍等|稍后|等待|耐心等待)(片刻)?",
    r"(读|読)み?込み?中(です)?|ロード中|ロードしています|読み込んでいます|接続中|接続しています|通信中",
    r"(しばらく|少々)?お待ち(ください|下さい)",
    r"(로딩|로드|불러오는|연결|접속|처리) ?중(입니다)?|(잠시만|잠시) ?(만 )?기다려 ?(주세요|주십시오)",
    r"đang (tải|kết nối)( \w+){0,3}|(vui lòng|xin) (chờ|đợi)|(sedang )?memuat",
    r"(mohon|harap|silakan) (tunggu|menunggu)|menghubungkan|sila tunggu|กำลังโหลด|(โปรด|กรุณา)รอ(สักครู่)?",
    r"กำลังเชื่อมต่อ",
)

_LOOSE_PHRASES = (
    r"((we.re|we are) )?\w{3,20}ing( [\w'’-]+){0,5}(?=\s*(…|\.\.))",
    r"please wait while( [\w'’-]+){0,6}",
    r"almost (there|ready|done)|nearly there|getting things ready|laden|moment|lade",
)
"""They mean a page that loads only beside a spinner."""

_FILLER = r"[\s.,:;!…·•●○◦∙◌◍◐-◓◜-◟⏳⌛⠀-⣿|/\\()\[\]–—。、！・-]"
"""Dots, and characters of which spinners are made."""
_NUMBER = r"\d{1,3}(?:[.,]\d+)?\s?(?:[%％]|/\s?\d+)?"


def _whole(*phrases: str) -> re.Pattern[str]:
    number = rf"(?:{_NUMBER}{_FILLER}*)?"
    phrase = rf"(?:{'|'.join(phrases)}){_FILLER}*{number}"
    return re.compile(rf"{_FILLER}*(?:{number}(?:{phrase}){{1,3}})?", re.IGNORECASE)


LOADING = _whole(*_PHRASES)
"""The whole text of a page that is still loading; also an empty one. For texts of at most 200 characters."""

LOADING_BESIDE_SPINNER = _whole(*_PHRASES, *_LOOSE_PHRASES)
"""The whole text beside a spinner; likewise."""
