"""How the page looks: system fonts, two schemes of colour, one column on a phone, A4 on paper."""

from collections.abc import Mapping

from trial.render.figures.canvas import DARK, LIGHT
from trial.render.markup import Html, css, escape, html, joined

_COLOURS = """\
:root{color-scheme:light dark;--ground:#f3f5f8;--paper:#fff;--ink:#17202b;--quiet:#4a5768;
--line:#d6dce4;--edge:#7d8a9b;--accent:#0b4f8a;--shade:#e9eff6;--notice:#fff4d1;--notice-ink:#513c00;
--notice-edge:#b98a10;--bad:#fdecee;--bad-edge:#b3182d;--good-edge:#1d7a4c}
@media screen and (prefers-color-scheme:dark){:root{--ground:#0d1218;--paper:#161d26;--ink:#e7ecf3;
--quiet:#aab6c5;--line:#313c4a;--edge:#7d8a9b;--accent:#8fc4ff;--shade:#202a36;--notice:#3a2f0c;
--notice-ink:#ffe7a3;--notice-edge:#b98a10;--bad:#3b161b;--bad-edge:#ff8794;--good-edge:#5fcf95}}
"""

_PAGE = """
*{box-sizing:border-box}
html{scroll-padding-top:1rem;-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;background:var(--ground);color:var(--ink);overflow-wrap:anywhere;
font:1rem/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
header,.columns{max-width:92rem;margin:0 auto;padding:0 1rem}
h1,h2,h3,p,ul,ol,dl,dd,figure{margin:0}
h1{font-size:clamp(1.35rem,1rem + 1.6vw,2rem);line-height:1.25;text-wrap:balance}
h2{font-size:1.375rem;line-height:1.3;margin:0 0 .75rem}
h3{font-size:1.0625rem;line-height:1.35}
a{color:var(--accent);text-underline-offset:.15em}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
.skip{position:absolute;left:-100vw;padding:.5rem 1rem;background:var(--paper)}
.skip:focus{left:0;top:0;z-index:9}
.quiet,.term,.told,.size{color:var(--quiet);font-weight:400}
.number{font-variant-numeric:tabular-nums}
main>section{margin:0 0 2.75rem}
.key{margin-bottom:.75rem;font-size:.875rem}
summary{cursor:pointer;padding:.4rem 0;font-weight:600}
.notice{background:var(--notice);color:var(--notice-ink);border:1px solid var(--notice-edge);
border-left-width:.4rem;border-radius:.4rem;padding:.6rem .9rem;font-weight:600}
header{padding-top:1rem;padding-bottom:1.5rem}
.completion{font-weight:700}
.study{margin-top:1.25rem;color:var(--accent);font-weight:700;letter-spacing:.04em}
.facts{display:flex;flex-wrap:wrap;gap:.5rem 1.75rem;margin-top:.9rem}
.facts dt{color:var(--quiet);font-size:.8125rem}
.facts dd{font-weight:600;font-variant-numeric:tabular-nums}
nav{font-size:.875rem;line-height:1.4;margin-bottom:1.5rem}
nav ul{list-style:none;padding:0}
nav ul ul{margin:.1rem 0 .4rem;border-left:2px solid var(--line)}
nav a{display:block;padding:.28rem .5rem;color:var(--ink);text-decoration:none;border-radius:.25rem}
nav ul ul a{padding-left:.7rem;color:var(--quiet)}
nav a:hover{background:var(--shade);text-decoration:underline}
nav details{background:var(--paper);border:1px solid var(--line);border-radius:.5rem;
padding:.1rem .75rem}
@media (min-width:75rem){
.columns{display:grid;grid-template-columns:17rem minmax(0,1fr);gap:2.5rem;align-items:start}
nav{position:sticky;top:0;max-height:100vh;overflow-y:auto;padding:.5rem 0}
nav details{background:none;border:0;padding:0}
nav details::details-content{content-visibility:visible;block-size:auto}
nav summary{list-style:none;cursor:default;pointer-events:none}
}
"""

_OPENING = """
.cards{list-style:none;padding:0;display:grid;gap:.75rem;
grid-template-columns:repeat(auto-fill,minmax(min(100%,16.5rem),1fr))}
.cards>li{background:var(--paper);border:1px solid var(--line);border-radius:.5rem;
padding:.8rem .95rem}
.cards .label{font-weight:600;line-height:1.35}
.cards .value{font-size:1.5rem;font-weight:700;line-height:1.35;color:var(--accent);
font-variant-numeric:tabular-nums}
.cards .unit{font-size:1rem;font-weight:600}
.cards .detail{font-size:.8125rem;line-height:1.45;font-variant-numeric:tabular-nums}
.primary{margin-bottom:.75rem;grid-template-columns:repeat(auto-fit,minmax(min(100%,16.5rem),1fr))}
.primary>li{border:2px solid var(--accent)}
.cards .role{color:var(--accent);font-size:.8125rem;font-weight:700}
.primary .value{font-size:2.25rem}
.discrepancies{background:var(--bad);border-left:.4rem solid var(--bad-edge);border-radius:.4rem;
padding:.75rem 1rem .75rem 2.2rem}
.notable{background:var(--paper);border:1px solid var(--line);border-radius:.4rem;
padding:.6rem 1rem .6rem 2.2rem}
.fine{background:var(--paper);border:1px solid var(--line);border-left:.4rem solid var(--good-edge);
border-radius:.4rem;padding:.6rem .9rem}
.source{display:grid;grid-template-columns:minmax(8rem,max-content) minmax(0,1fr);gap:.2rem 1.25rem;
margin-bottom:1.25rem}
.source dt{grid-column:1;color:var(--quiet)}
.source dd{grid-column:2;font-variant-numeric:tabular-nums}
main h3+ol,main h3+ul{margin:.35rem 0 1.25rem;padding-left:1.4rem}
.listings,.files{list-style:none;padding:0;margin-top:.5rem}
main h3+.files{padding:0}
.listings li{display:grid;grid-template-columns:5rem minmax(0,1fr);gap:.75rem;padding:.2rem 0}
.files li{padding:.15rem 0}
"""

_TABLES = """
.table,.figure,.drawing.flow{background:var(--paper);border:1px solid var(--line);
border-radius:.5rem;margin:0 0 1.25rem}
.table,.figure{padding:.9rem 1rem}
.scroll{overflow-x:auto;container-type:inline-size}
.table summary{padding-top:0}
table{border-collapse:collapse;font-size:.875rem;line-height:1.4;min-width:min(100%,34rem);
overflow-wrap:normal}
caption{text-align:left;padding:0}
caption div{position:sticky;left:0;max-width:100cqi;overflow-wrap:anywhere;padding-bottom:.6rem}
caption p,.figure>p{color:var(--quiet);font-size:.875rem}
caption .number,.figure .number{color:var(--accent)}
th,td{padding:.28rem .7rem;vertical-align:top}
thead{background:var(--shade)}
thead th,thead td{border-top:2px solid var(--edge);border-bottom:1px solid var(--edge);
vertical-align:bottom}
thead tr+tr th{border-top:0}
thead th{text-align:right;min-width:4.5rem;max-width:16rem}
thead th[colspan]{text-align:center;border-bottom-color:var(--line)}
thead .size,thead .told{display:block;font-size:.8125rem;white-space:nowrap}
tbody th{text-align:left;font-weight:400;min-width:min(40cqi,11rem);max-width:26rem;
overflow-wrap:anywhere;position:sticky;left:0;background:var(--paper);unicode-bidi:isolate}
tbody td{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
tbody .words{white-space:normal;overflow-wrap:anywhere;max-width:20rem}
tbody tr{border-bottom:1px solid var(--line)}
tbody tr:hover>*{background:var(--shade)}
tbody:last-child tr:last-child{border-bottom:2px solid var(--edge)}
tbody .leads th,tbody .group th{font-weight:600}
tbody:has(>.group) tr:not(:last-child){border-bottom:0}
.share{display:inline-block;min-width:3.6em;text-align:right}
.wide th,.wide td{padding-inline:.35rem}
.l1 th{padding-left:1.9rem}.l2 th{padding-left:3.1rem}.l3 th{padding-left:4.3rem}
.l4 th{padding-left:5.5rem}.l5 th{padding-left:6.7rem}.l6 th{padding-left:7.9rem}
table tr .statistic{position:static;min-width:0;padding-left:.7rem;text-align:left;font-weight:400;
white-space:nowrap;color:var(--quiet)}
table thead tr .statistic{font-weight:inherit}
.wide table tr .statistic{padding-inline:.35rem}
@media (max-width:30rem){
th,td,table tr .statistic{padding-inline:.35rem}
tbody th{min-width:38cqi}
}
.method summary{font-weight:600;padding:0 0 .4rem}
.method thead th,.method tbody td{text-align:left;white-space:normal;max-width:none}
.method tbody td{overflow-wrap:anywhere;min-width:4rem}
.method td:last-child:is(:nth-child(2),:nth-child(3)){min-width:min(60cqi,18rem);width:99%}
.notes{list-style:none;padding:0;margin-top:.6rem;font-size:.8125rem;color:var(--quiet)}
@media (min-width:48rem) and (min-height:30rem){
.long .scroll{max-height:80vh;overflow-y:auto}
.long thead{position:sticky;top:0;z-index:1}
}
"""

_DRAWINGS = """
.drawing svg{display:block;height:auto;margin:0 auto}
.chart svg{width:100%;min-width:27rem;max-width:45rem}
@media (min-width:48rem){.flow svg{max-width:100%}}
.flow svg,.flow text{fill:var(--ink)}
.flow .page{fill:none}
.flow .box{fill:var(--paper);stroke:var(--ink)}
.flow .side{fill:var(--ground);stroke:var(--edge)}
.flow .stage{fill:var(--shade);stroke:var(--line)}
.flow .notice{fill:var(--notice);stroke:var(--notice-edge)}
.flow .discrepancy{fill:var(--bad);stroke:var(--bad-edge)}
.flow polyline{stroke:var(--ink)}
.flow polygon{fill:var(--ink)}
"""

# Charts name their colours; what they stand on is the page's.
_FIGURES = """
.chart{$light;--page:var(--paper)}
@media screen and (prefers-color-scheme:dark){.chart{$dark}}
"""

_PAPER = """
@page{size:A4;margin:19mm 14mm 17mm;
@top-left{content:$notice;
font:7pt/1.25 Arial,sans-serif;width:100%;text-align:left;vertical-align:middle}
@bottom-left{content:$cut;font:7pt/1.25 Arial,sans-serif;vertical-align:top;padding-top:3mm}
@bottom-right{content:"Page " counter(page) " of " counter(pages);font:7pt/1.25 Arial,sans-serif;
vertical-align:top;padding-top:3mm;white-space:nowrap}}
@page sideways{size:A4 landscape}
@media print{
body{background:none;font-size:9pt;line-height:1.35}
header,.columns{max-width:none;padding:0}
nav,.skip,.table:not(.method) summary,main details:not([open]){display:none}
a{color:inherit;text-decoration:none}
h1{font-size:17pt}h2{font-size:13pt}h3{font-size:10pt}
header{padding-bottom:5mm}
h2,h3,caption,.notice,.key{break-after:avoid}
main>section{margin-bottom:8mm}
.notice,.discrepancies,thead,.cards>li{-webkit-print-color-adjust:exact;print-color-adjust:exact}
.cards{grid-template-columns:repeat(3,1fr);gap:2mm}
.primary{grid-template-columns:repeat(2,1fr);margin-bottom:2mm}
.cards>li{break-inside:avoid;padding:2mm 2.5mm}
.cards .value{font-size:13pt}.primary .value{font-size:18pt}
.cards .detail,.notes,caption p,.figure>p,thead .size,thead .told{font-size:7.5pt}
.table,.figure,.drawing.flow{border:0;padding:0;margin-bottom:7mm;border-radius:0}
.table:not(.long,.method),.figure,.drawing{break-inside:avoid}
.table.wide{page:sideways}
.scroll{overflow:visible;max-height:none;container-type:normal}
.long .scroll{max-height:none;overflow:visible}
.long thead{position:static}
caption div,tbody th{position:static;max-width:none}
table{width:100%;font-size:8pt;line-height:1.3}
thead{display:table-header-group}
tr,tbody:has(>.group){break-inside:avoid}
.group{break-after:avoid}
th,td{padding:.7mm 1.4mm}
thead th{min-width:0}
tbody th{min-width:32mm}
.crowded table{font-size:6pt}
.crowded td{white-space:normal;overflow-wrap:anywhere}
.crowded .share{min-width:0}
.crowded table th,.crowded table td{padding:.5mm .7mm}
.crowded thead .size,.crowded thead .told{font-size:6pt;white-space:normal}
.drawing svg{min-width:0;max-width:100%;max-height:225mm;width:auto}
.chart svg{max-width:150mm;max-height:120mm}
.notes{break-before:avoid}
}
"""


def style_sheet(notice: Html, cut: Html) -> Html:
    """Return the style sheet; printed pages bear these two quoted strings at their margins."""
    return joined(
        (
            css(_COLOURS),
            css(_PAGE),
            css(_OPENING),
            css(_TABLES),
            css(_DRAWINGS),
            css(_FIGURES, light=_variables(LIGHT), dark=_variables(DARK)),
            css(_PAPER, notice=notice, cut=cut),
        )
    )


def _variables(colours: Mapping[str, str]) -> Html:
    """Declare the colours of charts on a light or a dark page."""
    return joined(
        (
            html("--{}:{}", escape(name), escape(colour))
            for name, colour in colours.items()
            if name != "page"
        ),
        html(";"),
    )
