"""What stands in for Google's reCAPTCHA: a box to tick and, where faults say so, pictures to choose from or a slider to drag to a mark.

The right pictures, or the mark, are in :attr:`State.captcha_answer`, for tests; a person sees them.
"""

from __future__ import annotations

import random

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from .state import State

#: The challenge's place on the page, in CSS pixels: so far from the top, centred, so wide; its pictures lie in rows of three.
TOP, WIDTH, HEADER, TILE, FOOTER = 20, 300, 60, 100, 60
#: The slider's handle, in CSS pixels; how far from the mark it may be let go.
HANDLE, _CLOSE = 40, 6


def tile_centre(number: int, page_width: float) -> tuple[float, float]:
    """Where on the page the picture of this number (0 to 8) is."""
    row, column = divmod(number, 3)
    return (page_width - WIDTH) / 2 + (column + 0.5) * TILE, TOP + HEADER + (row + 0.5) * TILE


def verify_centre(page_width: float) -> tuple[float, float]:
    """Where on the page the button is that ends the challenge."""
    return (page_width + WIDTH) / 2 - 60, TOP + HEADER + 3 * TILE + FOOTER / 2


def handle_centre(offset: float, page_width: float) -> tuple[float, float]:
    """Where on the page the slider's handle is when it is ``offset`` CSS pixels from its left end."""
    return (page_width - WIDTH) / 2 + offset + HANDLE / 2, TOP + HEADER + TILE + HANDLE / 2


def routes(state: State) -> list[Route]:
    """The CAPTCHA's own addresses."""

    async def anchor(_request: Request) -> Response:
        asks = state.faults.get("captcha_pictures") or state.faults.get("captcha_slider")
        return HTMLResponse(_ANCHOR.replace("__ASKS__", "true" if asks else "false"))

    async def challenge(_request: Request) -> Response:
        if state.faults.get("captcha_slider"):
            state.captcha_answer = (random.randrange(100, WIDTH - HANDLE),)  # noqa: S311 -- a game
            return HTMLResponse(_SLIDER.replace("__MARK__", str(state.captcha_answer[0])))
        state.captcha_answer = tuple(sorted(random.sample(range(9), 3)))
        others = ("M50 18 86 82H14Z", "M22 22h56v56H22Z")
        shapes = (_CIRCLE if number in state.captcha_answer else random.choice(others) for number in range(9))  # noqa: S311 -- a game
        tiles = "".join(_TILE.format(number=number, shape=shape, hue=40 * number) for number, shape in enumerate(shapes))
        return HTMLResponse(_CHALLENGE.replace("__TILES__", tiles))

    async def verify(request: Request) -> Response:
        chosen = tuple(sorted(int(tile) for tile in request.query_params.get("tiles", "").split(",") if tile.isdecimal()))
        if state.faults.get("captcha_pictures") and (chosen != state.captcha_answer or not chosen):
            return JSONResponse({"token": None})
        if state.faults.get("captcha_slider") and not _is_dragged_there(state, request):
            return JSONResponse({"token": None})
        token = f"captcha-{state.number()}"
        state.captcha_tokens.add(token)
        return JSONResponse({"token": token})

    return [
        Route("/recaptcha/api2/anchor", anchor),
        Route("/recaptcha/api2/bframe", challenge),
        Route("/recaptcha/api2/userverify", verify),
    ]


def _is_dragged_there(state: State, request: Request) -> bool:
    """Whether the slider was let go at the mark, after a few steps on the way as a hand makes them."""
    offset, steps = (int(request.query_params.get(name, "-1")) for name in ("offset", "steps"))
    return any(abs(offset - mark) <= _CLOSE for mark in state.captcha_answer) and steps >= 3


_ANCHOR = """<!DOCTYPE html><html><body style="margin:0;font:14px sans-serif;border:1px solid #d3d3d3;background:#f9f9f9;padding:22px">
<label><input type="checkbox" id="recaptcha-anchor"> I'm not a robot (simulated)</label><script>
document.getElementById("recaptcha-anchor").addEventListener("click", async () => {
  if (__ASKS__) parent.postMessage({type: "recaptcha", challenge: true}, "*");
  else parent.postMessage({type: "recaptcha", token: (await (await fetch("/recaptcha/api2/userverify")).json()).token}, "*");
});</script></body></html>"""

_CIRCLE = "M50 16a34 34 0 1 0 .1 0Z"
_TILE = (
    '<svg data-tile="{number}" viewBox="0 0 100 100"><rect width="100" height="100" fill="hsl({hue} 45% 88%)"/>'
    '<path d="{shape}" fill="hsl({hue} 55% 40%)"/></svg>'
)
_CHALLENGE = f"""<!DOCTYPE html><html><head><style>
body {{ margin: 0; font: 14px sans-serif; background: #fff; }}
header {{ box-sizing: border-box; height: {HEADER}px; padding: 10px 14px; background: #1a73e8; color: #fff; }}
main {{ display: grid; grid-template-columns: repeat(3, {TILE}px); }}
svg {{ display: block; width: {TILE}px; height: {TILE}px; box-sizing: border-box; border: 2px solid #fff; cursor: pointer; }}
svg.chosen {{ border: 10px solid #1a73e8; }}
footer {{ height: {FOOTER}px; display: flex; align-items: center; justify-content: flex-end; }}
button {{ width: 100px; height: 40px; margin-right: 10px; background: #1a73e8; color: #fff; border: 0; }}
</style></head><body><header>Select all pictures with<br><b style="font-size: 20px">circles</b></header><main>__TILES__</main>
<footer><button id="recaptcha-verify-button">Verify</button></footer><script>
document.querySelectorAll("svg").forEach(tile => tile.addEventListener("click", () => tile.classList.toggle("chosen")));
document.querySelector("button").addEventListener("click", async () => {{
  const tiles = [...document.querySelectorAll(".chosen")].map(tile => tile.dataset.tile).join();
  const {{token}} = await (await fetch("/recaptcha/api2/userverify?tiles=" + tiles)).json();
  if (token) parent.postMessage({{type: "recaptcha", token}}, "*"); else location.reload();
}});</script></body></html>"""
_SLIDER = f"""<!DOCTYPE html><html><head><style>
body {{ margin: 0; font: 14px sans-serif; background: #fff; user-select: none; }}
header {{ box-sizing: border-box; height: {HEADER}px; padding: 20px 14px; background: #1a73e8; color: #fff; }}
main {{ position: relative; height: {TILE}px; background: #e8f0fe; }}
i {{ position: absolute; top: 30px; left: __MARK__px; width: {HANDLE}px; height: {HANDLE}px; background: #5f6368; }}
b {{ position: absolute; top: {TILE}px; left: 0; width: {HANDLE}px; height: {HANDLE}px; background: #1a73e8; cursor: grab; }}
</style></head><body><header>Drag the blue piece below the grey one</header><main><i></i><b></b></main><script>
const piece = document.querySelector("b");
let from = null, offset = 0, steps = 0;
piece.addEventListener("mousedown", event => {{ from = event.clientX; steps = 0; }});
addEventListener("mousemove", event => {{
  if (from === null) return;
  offset = Math.max(0, Math.min({WIDTH - HANDLE}, event.clientX - from));
  steps += 1;
  piece.style.left = offset + "px";
}});
addEventListener("mouseup", async () => {{
  if (from === null) return;
  from = null;
  const {{token}} = await (await fetch(`/recaptcha/api2/userverify?offset=${{Math.round(offset)}}&steps=${{steps}}`)).json();
  if (token) parent.postMessage({{type: "recaptcha", token}}, "*"); else location.reload();
}});</script></body></html>"""
