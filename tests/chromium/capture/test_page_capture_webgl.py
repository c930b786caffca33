# ruff: noqa: E501 - each page is one line
"""Pages that draw by WebGL, with and without TINTYPE_WEBGL; what they take is accounted to them."""

from __future__ import annotations

import pytest

from tests.chromium.conftest import StartEngine
from tests.support.images import pixel
from tintype.engines.chromium import ChromiumEngine
from tintype.errors import TintypeError
from tintype.model import Capture
from tintype.options import INLINE_HTML_URL, Options

pytestmark = pytest.mark.browser

GREEN, RED = (0, 153, 0), (204, 0, 0)
_PAGE = "<!doctype html><style>body{margin:0;background:#c00}canvas{display:block}</style><canvas id=c width=640 height=480></canvas><script>"
_CLEAR = "gl.clearColor(0,.6,0,1);gl.clear(16384)"
_IN_WORKER = f"onmessage=({{data}})=>{{const gl=data.getContext('webgl2');{_CLEAR}}}"
DRAWINGS = {
    "WebGL": f"const gl=c.getContext('webgl',{{preserveDrawingBuffer:false}});{_CLEAR}",
    "WebGL 2": f"const gl=c.getContext('webgl2');setTimeout(()=>{{{_CLEAR}}},900)",
    "a loop": f"const gl=c.getContext('webgl2');(function f(){{{_CLEAR};requestAnimationFrame(f)}})()",
    "a worker": f"const w=new Worker(URL.createObjectURL(new Blob([`{_IN_WORKER}`]))),o=c.transferControlToOffscreen();w.postMessage(o,[o])",
}
_TEXTURES = (
    "const gl=c.getContext('webgl2');setInterval(()=>{for(let i=0;i<4;i++){const t=gl.createTexture();gl.bindTexture(3553,t);"
    "gl.texStorage2D(3553,1,gl.RGBA8,8192,8192);gl.bindFramebuffer(36160,gl.createFramebuffer());"
    "gl.framebufferTexture2D(36160,36064,3553,t,0);gl.clear(16384)}gl.flush()},1)"
)


@pytest.fixture(scope="module")
def engine(start_engine: StartEngine) -> ChromiumEngine:
    return start_engine(slots=2, timeout=30.0, webgl=True)


def capture(engine: ChromiumEngine, script: str) -> Capture:
    html = f"{_PAGE}{script}</script>"
    return engine.capture(Options(url=INLINE_HTML_URL, html=html, width=640, height=480).capture_request().shot)


class TestWebgl:
    @pytest.mark.parametrize("name", DRAWINGS)
    def test_shows_what_is_drawn(self, name: str, engine: ChromiumEngine) -> None:
        assert pixel(capture(engine, DRAWINGS[name]).body, 300, 200)[:3] == GREEN

    def test_ends_a_page_that_fills_the_memory_of_the_gpu_process(self, engine: ChromiumEngine) -> None:
        with pytest.raises(TintypeError) as caught:
            capture(engine, _TEXTURES)
        assert caught.value.code == "page-crashed"
        assert pixel(capture(engine, DRAWINGS["WebGL"]).body, 300, 200)[:3] == GREEN

    def test_has_no_context_without_the_setting(self, start_engine: StartEngine) -> None:
        script = "if(!c.getContext('webgl'))c.style.background='#c00'"
        assert pixel(capture(start_engine(slots=1, timeout=30.0), script).body, 300, 200)[:3] == RED
