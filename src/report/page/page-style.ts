/** The page's only style sheet. No style attributes: the page's own policy forbids them. */
export const PAGE_STYLE = `
:root{color-scheme:light dark;--bg:#f6f7f9;--card:#fff;--ink:#16202e;--soft:#5b6778;--line:#dfe4ea;--plain:#2f6fd6;--pdm:#7a3fd1;
--good:#157a4a;--good-bg:#e2f4ea;--bad:#c02b37;--bad-bg:#fbe6e8;--warn:#98610a;--warn-bg:#fbf0d9;--calm:#50607a;--calm-bg:#e9edf3;--tone0:#e4ebf5;--tone1:#ece6f6}
@media (prefers-color-scheme:dark){:root{--bg:#10151c;--card:#19202a;--ink:#e6ebf2;--soft:#9aa7b8;--line:#2c3644;--plain:#6ea8ff;--pdm:#b591ff;
--good:#5fd398;--good-bg:#12352a;--bad:#ff7b86;--bad-bg:#44191f;--warn:#f0bb5b;--warn-bg:#3d2e12;--calm:#a9b8cd;--calm-bg:#263140;--tone0:#243247;--tone1:#312a47}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
main{max-width:1260px;margin:0 auto;padding:28px 20px 60px}
h1{font-size:26px;margin:0 0 2px;letter-spacing:-.01em}h2{font-size:18px;margin:36px 0 12px}h3{font-size:17px;margin:0;overflow-wrap:anywhere}
a{color:inherit;text-decoration-color:var(--soft);text-underline-offset:2px}
.under{color:var(--soft);margin:0}
.wide{overflow-x:auto}
.tiles{display:flex;flex-wrap:wrap;gap:10px;margin:20px 0 0;padding:0;list-style:none}
.tiles li{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:10px 16px;min-width:118px}
.tiles b{display:block;font-size:24px;line-height:1.2;font-variant-numeric:tabular-nums}
.badge{display:inline-block;border-radius:999px;padding:1px 10px;font-size:13px;font-weight:600;white-space:nowrap}
.good{color:var(--good);background:var(--good-bg)}.bad{color:var(--bad);background:var(--bad-bg)}.warn{color:var(--warn);background:var(--warn-bg)}.calm{color:var(--calm);background:var(--calm-bg)}
table{border-collapse:collapse;width:100%;font-size:13.5px}
th{text-align:left;font-weight:600;color:var(--soft)}th,td{padding:7px 10px;border-bottom:1px solid var(--line);vertical-align:top}
td.number,th.number{text-align:right;font-variant-numeric:tabular-nums}
.panel{background:var(--card);border:1px solid var(--line);border-radius:14px}
.panel tbody tr:last-child td{border-bottom:0}.panel thead th{vertical-align:bottom}@media(max-width:800px){.panel thead th{white-space:nowrap}}
.panel tbody td{white-space:nowrap}
.sub{display:block;color:var(--soft);font-size:12.5px;max-width:148px;overflow:hidden;text-overflow:ellipsis}td .full{max-width:none;white-space:normal}.full span{white-space:nowrap}.cut{display:block;max-width:190px;overflow:hidden;text-overflow:ellipsis}
.card{background:var(--card);border:1px solid var(--line);border-radius:16px;padding:18px 22px;margin:0 0 18px}
.card header{display:flex;gap:12px;align-items:center;justify-content:space-between}
.protocol{font-size:12px;font-weight:600;color:var(--soft);border:1px solid var(--line);border-radius:6px;padding:1px 6px;vertical-align:2px}
.facts{color:var(--soft);font-size:13px;margin:4px 0 0;overflow-wrap:anywhere}.facts span+span::before{content:"·";margin:0 7px}
.verdict{font-size:16.5px;font-weight:600;margin:12px 0 6px;max-width:86ch}
.details{margin:0 0 10px;padding-left:20px;max-width:92ch}.details li{margin:2px 0}
details summary{cursor:pointer;color:var(--soft);font-size:13.5px;margin-top:6px}
svg.path{display:block;margin:10px 0 2px;font-size:11px;font-family:inherit}
svg text{fill:var(--soft);text-anchor:middle}svg .lane{text-anchor:start;font-size:12.5px;font-weight:600}
svg .lane.plain{fill:var(--plain)}svg .lane.pdm{fill:var(--pdm)}
svg .number.target{fill:var(--ink);font-weight:600}
svg line{stroke-width:3;stroke-linecap:round}svg line.plain{stroke:var(--plain)}svg line.pdm{stroke:var(--pdm)}
svg line.unreached{stroke:var(--line);stroke-width:2;stroke-dasharray:2 6}
svg .source{fill:var(--soft)}
svg circle,svg .answered,svg .partly,svg .silent,svg .refused{stroke-width:2.5}
svg .plain.answered{fill:var(--plain);stroke:var(--card)}svg .pdm.answered{fill:var(--pdm);stroke:var(--card)}
svg .plain.partly{fill:var(--card);stroke:var(--plain)}svg .pdm.partly{fill:var(--card);stroke:var(--pdm)}
svg .silent{fill:var(--card);stroke:var(--soft);stroke-opacity:.55}
svg .refused{fill:var(--bad-bg);stroke:var(--bad)}
svg .lost{fill:var(--bad);opacity:.1}svg .likely{fill:var(--bad);opacity:.2}
svg .stop circle{fill:var(--bad);stroke:var(--card)}svg .stop rect{fill:#fff}svg .stop text{fill:var(--bad);font-weight:600;font-size:12px}
svg .network text{fill:var(--ink)}svg .tone0{fill:var(--tone0)}svg .tone1{fill:var(--tone1)}
.ladder{margin-top:8px;min-width:860px}.ladder th.hop{width:74px;white-space:nowrap;font-variant-numeric:tabular-nums}
.ladder thead .plain{color:var(--plain)}.ladder thead .pdm{color:var(--pdm)}
.ladder td{padding:5px 10px}.ladder tbody th{padding:5px 10px}
.ladder .who{overflow-wrap:anywhere;width:36%}.ladder .count,.ladder .rtt{white-space:nowrap;text-align:right;font-variant-numeric:tabular-nums}
.ladder .count.worse,.ladder .count.refused{color:var(--bad);font-weight:600}
.ladder .silent,.ladder .none,.ladder .same,.ladder .rtt{color:var(--soft)}
.ladder .same::before{content:"← "}
.address{font-size:12.5px;color:var(--soft);font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}.address.first{color:var(--ink)}
.as{font-size:11.5px;font-weight:600;color:var(--soft);border:1px solid var(--line);border-radius:5px;padding:0 5px;white-space:nowrap}
.note{font-size:11.5px;border-radius:5px;padding:0 5px;background:var(--warn-bg);color:var(--warn);white-space:nowrap}
.ladder tr.last th,.ladder tr.target th{color:var(--ink)}
.ladder tr.rule td{padding:0 10px;border:0;height:26px;background:linear-gradient(var(--bad),var(--bad)) center/100% 2px no-repeat;text-align:center}
.ladder tr.rule span{background:var(--bad-bg);color:var(--bad);border-radius:999px;padding:2px 12px;font-weight:600;font-size:12.5px}
caption,.hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.lists{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,420px),1fr));gap:4px 36px;margin:8px 0}
h4{font-size:13.5px;margin:8px 0 2px;color:var(--soft)}
dl{display:grid;grid-template-columns:minmax(120px,auto) 1fr;gap:0;margin:0;font-size:13.5px}
dt{color:var(--soft);padding:3px 14px 3px 0;border-top:1px solid var(--line)}dd{margin:0;padding:3px 0;border-top:1px solid var(--line);overflow-wrap:anywhere;font-variant-numeric:tabular-nums}
.shared{border-left:4px solid var(--warn);background:var(--warn-bg);color:var(--ink);padding:8px 16px;margin:14px 0}.shared p{margin:6px 0;max-width:100ch}.shared h2{margin:4px 0}p.shared{font-size:14px;max-width:92ch}
.reading{padding:4px 22px 10px;margin-top:28px;font-size:14px}.reading h2{margin:14px 0 6px}.reading p{max-width:100ch;margin:8px 0}
:focus-visible{outline:2px solid var(--plain);outline-offset:2px}
:target{border-color:var(--plain);box-shadow:0 0 0 2px var(--plain)}
footer{color:var(--soft);font-size:13px;margin-top:28px;max-width:92ch}
@media (max-width:520px){main{padding:18px 12px 40px}.card{padding:14px}.card header{flex-wrap:wrap}dl{grid-template-columns:1fr}dd{border:0;padding-top:0}.details{padding-left:18px}}
@media print{:root{color-scheme:light;--bg:#fff;--card:#fff;--ink:#000;--soft:#444;--line:#bbb;--plain:#1d4fa8;--pdm:#5a23a8;--good:#0d5a36;--good-bg:#fff;--bad:#a01824;--bad-bg:#fff;
--warn:#7a4c00;--warn-bg:#fff;--calm:#3a475b;--calm-bg:#fff;--tone0:#eef2f8;--tone1:#f3eff9}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}body{font-size:11.5px}main{max-width:none;padding:0}.wide{overflow:visible}.ladder{min-width:0}svg.path{max-width:100%;height:auto}
.badge{border:1px solid currentColor}h2,h3,h4{break-after:avoid}.card header,.card .verdict,svg.path,tr,.tiles,section section{break-inside:avoid}summary{display:none}
details::details-content{content-visibility:visible;block-size:auto;height:auto}.panel tbody td{white-space:normal}table{font-size:10.5px}th,td{padding:4px 6px}.sub,.address{font-size:9.5px}.sub,.cut{max-width:none;overflow:visible;overflow-wrap:anywhere}}
@media (prefers-contrast:more){:root{--soft:CanvasText;--line:CanvasText}}
`;
