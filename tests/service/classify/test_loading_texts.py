"""Texts of pages that load, in many languages, and texts that only look like them."""

from __future__ import annotations

import pytest

from tests.support.long_texts import seconds_of
from tintype.service.classify.loading_texts import LOADING, LOADING_BESIDE_SPINNER

LOADING_TEXTS = [
    "", "...", "|", "⠋", "⏳", "Loading", "Loading…", "LOADING...", "Loading your workspace… 45 %",
    "45% Loading", "Please wait", "Please wait while we load your data", "Loading...Please wait",
    "Connecting to server…", "Reconnecting", "Just a moment…", "Initializing", "Bitte warten",
    "Wird geladen …", "Lädt …", "Laden…", "Verbindung wird hergestellt", "Even geduld a.u.b.",
    "Chargement en cours", "Veuillez patienter", "Cargando…", "Por favor espere",
    "Caricamento in corso…", "Attendere prego", "Carregando", "Aguarde", "Se încarcă", "Laddar",
    "Laster inn", "Indlæser", "Ladataan", "Ładowanie", "Proszę czekać", "Načítání", "Загрузка...",
    "Пожалуйста подождите", "Завантаження", "Betöltés", "Φόρτωση", "Yükleniyor…", "جاري التحميل...",
    "يرجى الانتظار", "טוען…", "لطفا صبر کنید", "लोड हो रहा है", "加载中...", "正在加载", "請稍候", "読み込み中",
    "しばらくお待ちください", "로딩 중...", "잠시만 기다려 주세요", "Đang tải", "Vui lòng chờ", "Memuat", "กำลังโหลด",
]  # fmt: skip
BESIDE_A_SPINNER = ["Waking up the server…", "Almost ready", "Launching…", "Please wait while the hamsters run"]
HONEST_TEXTS = [
    "Hello", "Example Domain", "OK", "42", "98 %", "404", "🎉", "Loading dock",
    "Loading dock hours 7 to 15", "Opening hours", "Laden", "Waiting", "Connexion",
    "Please wait for the green light", "Coming soon", "12:45", "42 / 100", "欢迎",
    "We are down for maintenance. Please wait.", "Wedding",
]  # fmt: skip


@pytest.mark.parametrize("text", LOADING_TEXTS)
def test_matches_texts_of_pages_that_load(text: str) -> None:
    assert LOADING.fullmatch(text)


@pytest.mark.parametrize("text", [*LOADING_TEXTS, *BESIDE_A_SPINNER])
def test_matches_more_beside_a_spinner(text: str) -> None:
    assert LOADING_BESIDE_SPINNER.fullmatch(text)


@pytest.mark.parametrize("text", HONEST_TEXTS)
def test_does_not_match_other_texts(text: str) -> None:
    assert not LOADING.fullmatch(text)


@pytest.mark.parametrize("text", BESIDE_A_SPINNER)
def test_needs_a_spinner_beside_loose_texts(text: str) -> None:
    assert not LOADING.fullmatch(text)


@pytest.mark.parametrize("part", ["loading ", "cargando ", "wait while a ", "1 ", "loading in ", "going a ", ". x"])
def test_matches_hostile_texts_in_bounded_time(part: str) -> None:
    text = (part * 200)[:200]
    assert seconds_of(LOADING_BESIDE_SPINNER.fullmatch, text) < 1
