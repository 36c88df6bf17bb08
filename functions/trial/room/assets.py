"""What pages are dressed with: one style sheet and one icon, each named by the digest of its bytes.

A browser may keep them for ever: another release has other names.
"""

import hashlib
from collections.abc import Mapping
from functools import cache

from trial.deferred import dataclass
from trial.errors import Rejected
from trial.render.markup import Html, css, html, joined
from trial.render.page.elements import css_string
from trial.render.page.style import style_sheet
from trial.room.routing import ANYBODY, PageRequest, page
from trial.web.routing import Answer

_FOR_EVER = "public, max-age=31536000, immutable"

_ROOM = """
.bar{display:flex;flex-wrap:wrap;gap:.35rem 1.25rem;align-items:center;max-width:92rem;
margin:0 auto;padding:.5rem 1rem;font-size:.875rem;border-bottom:1px solid var(--line)}
.bar .place{font-weight:700}
.bar .who{margin-left:auto}
.bar form,.inline{display:inline}
header{padding-bottom:1rem}
header .study{margin-top:.5rem}
header .notice{margin-top:.6rem}
main .facts{margin:0 0 1rem}
main .table+.table,main form+.table,main form+section{margin-top:1rem}
nav a[aria-current]{font-weight:700;background:var(--shade);box-shadow:inset .2rem 0 var(--accent)}
main{min-width:0}
main:focus{outline:none}
main>section>p{margin-bottom:.75rem}
main>p,main>form,main>ul,main>.scroll{margin-bottom:1rem}
footer{max-width:92rem;margin:0 auto;padding:1rem;color:var(--quiet);font-size:.8125rem;
border-top:1px solid var(--line)}
.warning{background:var(--notice);color:var(--notice-ink);border:1px solid var(--notice-edge);
border-left-width:.4rem;border-radius:.4rem;padding:.5rem .9rem;margin:.6rem 0 0}
.crumbs{font-size:.875rem;margin-bottom:.5rem}
.tiles{list-style:none;padding:0;display:flex;flex-wrap:wrap;gap:.6rem 2rem}
.tiles b{display:block;font-size:1.25rem;font-variant-numeric:tabular-nums}
.panel{background:var(--paper);border:1px solid var(--line);border-radius:.5rem;padding:.9rem 1rem}
.panel+.panel{margin-top:1rem}
main>.warning{margin-bottom:1rem}
section>.fields{margin-bottom:1rem}
.fields{display:flex;flex-wrap:wrap;gap:.6rem 1rem;align-items:end}
.fields>*{min-width:0}
label{display:block;font-size:.875rem;font-weight:600}
label span{font-weight:400;color:var(--quiet)}
fieldset{border:1px solid var(--line);border-radius:.4rem;padding:.4rem .8rem .6rem;margin:0;
min-width:0}
legend{font-size:.875rem;font-weight:600;padding:0 .3rem}
.checks{display:flex;flex-wrap:wrap;gap:.15rem 1.1rem}
.checks label{font-weight:400;display:inline-flex;gap:.35rem;align-items:center;min-height:1.75rem}
input,select,textarea,button,.button{font:inherit;color:var(--ink);background:var(--paper);
border:1px solid var(--edge);border-radius:.3rem;padding:.35rem .6rem;min-height:2.25rem;
max-width:100%}
input,select,textarea{font-weight:400}
input[type=checkbox]{min-height:0;width:1.5rem;height:1.5rem;margin:0}
.panel>.fields,.panel>p,.panel>details{margin-top:.6rem}
textarea{width:100%;min-height:4rem}
textarea.text{min-height:18rem;font:.8125rem/1.4 ui-monospace,monospace}
.beside{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,30rem),1fr));gap:1rem;
margin-top:1rem;align-items:start}
main .beside .table{margin:0}
button,.button{font-weight:600;cursor:pointer;display:inline-block;text-decoration:none;
color:var(--accent);border-color:var(--accent)}
button.main{background:var(--accent);color:var(--paper)}
.pages{display:flex;flex-wrap:wrap;gap:.5rem 1rem;align-items:center}
.pages a[aria-current]{font-weight:700;color:inherit;text-decoration:none}
.data tbody td,.data thead th{text-align:left}
.data tbody td{white-space:normal;max-width:34rem;overflow-wrap:break-word}
.data tbody td ul{list-style:none;padding:0}
.data tbody td .quiet{font-size:.8125rem}
.data tbody th{min-width:min(30cqi,8rem)}
.data td.n,.data thead th.n{text-align:right}
.data thead a{color:inherit}
.data .nowrap{white-space:nowrap}
td a,tbody th a{color:inherit;text-decoration-color:var(--edge)}
td a:hover,tbody th a:hover{color:var(--accent);text-decoration-color:currentColor}
.tag{display:inline-block;border:1px solid var(--edge);border-radius:.3rem;padding:0 .4rem;
font-size:.8125rem}
.tag.bad{border-color:var(--bad-edge);background:var(--bad)}
.tag.good{border-color:var(--good-edge)}
pre{background:var(--paper);border:1px solid var(--line);border-radius:.4rem;padding:.75rem;
overflow-x:auto;font-size:.8125rem;line-height:1.4;margin:0}
.wrapped{white-space:pre-wrap;overflow-wrap:anywhere}
.contents-list{list-style:none;padding:0}
.contents-list li{display:grid;grid-template-columns:6rem minmax(0,1fr);gap:.75rem;padding:.3rem 0;
border-bottom:1px solid var(--line)}
.profile svg{min-width:38rem}
@media print{
.bar,footer form,.pages,main form,.button{display:none}
footer{border:0;padding:0}
.profile svg{min-width:0;max-width:180mm;max-height:220mm}
}
"""


@dataclass(frozen=True)
class Asset:
    """A file that never changes under its name."""

    name: str
    media_type: str
    content: Html

    @property
    def path(self) -> str:
        """Where it is served."""
        return f"/assets/{self.name}"


@cache
def style() -> Asset:
    """Return the style sheet of every page: the report's, and what only the room has."""
    content = joined((style_sheet(css_string(""), css_string("LiveTLF reading room")), css(_ROOM)))
    return _asset("css", "text/css; charset=utf-8", content)


@cache
def icon() -> Asset:
    """Return the picture that browsers show beside a page's title."""
    content = html(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">'
        '<rect width="16" height="16" rx="3" fill="#0b4f8a"/>'
        '<path d="M3 12V7h2v5zM7 12V3h2v9zM11 12V9h2v3z" fill="#fff"/></svg>\n'
    )
    return _asset("svg", "image/svg+xml", content)


def _asset(ending: str, media_type: str, content: Html) -> Asset:
    digest = hashlib.sha256(content.encode()).hexdigest()[:16]
    return Asset(f"{digest}.{ending}", media_type, content)


def assets() -> Mapping[str, Asset]:
    """Return every asset by its name."""
    return {asset.name: asset for asset in (style(), icon())}


@page("/assets/{file}", ANYBODY, subjects=False)
def get_asset(page_request: PageRequest) -> Answer:
    """Return an asset; it tells nothing of any study."""
    return asset_answer(page_request.parts["file"])


def asset_answer(name: str) -> Answer:
    """Return an asset by its name, to anybody; raises `Rejected` (404)."""
    asset = assets().get(name)
    if asset is None:
        raise Rejected(404, "Page not found", "This release has no such asset.")
    headers = {"Content-Type": asset.media_type, "Cache-Control": _FOR_EVER}
    return Answer(200, headers, asset.content)
