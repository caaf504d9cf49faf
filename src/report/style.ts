/** The page's style sheet: system fonts, one column, light and dark scheme, phone and print. */

// Colours of the methods (Okabe-Ito, darkened for light paper and lightened for dark), of chunks (neighbours differ in
// lightness too) and of the heat scale (one hue, pale to deep).
const light = `
  --page:#fdfcfa; --ink:#22211f; --quiet:#6a665f; --rule:#e3dfd7; --soft:#f5f2ec; --focus:#0b62a4;
  --good:#00684a; --bad:#b3321c; --mark:#fff0b8; --kept:#ded9cf; --dropped:#00805c;
  --m0:#6e6e6e; --m1:#c24e00; --m2:#ad4d86; --m3:#6a4fb3; --m4:#2b87c2; --m5:#004f8a; --m6:#8f7200; --m7:#00805c;
  --c0:#b9d3ea; --c1:#f3cf9f; --c2:#b5dcc6; --c3:#e5c0d6; --c4:#e9e2a0; --c5:#cdc5e8;
  --h0:#faf6ee; --h1:#faedd3; --h2:#f9e0b4; --h3:#f6cf91; --h4:#f1b96c; --h5:#e89f4b; --h6:#db8230; --heat-ink:#22211f;`;
const dark = `
  --page:#171715; --ink:#e9e6df; --quiet:#a39e94; --rule:#383631; --soft:#21201d; --focus:#7cc0f5;
  --good:#45cf9f; --bad:#ff8a70; --mark:#5c4a0c; --kept:#3d3a34; --dropped:#2bb88a;
  --m0:#a6a6a6; --m1:#f58a45; --m2:#e394c4; --m3:#ae9af2; --m4:#79c8f5; --m5:#4494e0; --m6:#dcc04a; --m7:#2fc596;
  --c0:#2c4c69; --c1:#6b4a1d; --c2:#25573d; --c3:#63395a; --c4:#595317; --c5:#443a72;
  --h0:#26241f; --h1:#372c1c; --h2:#4a351c; --h3:#60401b; --h4:#784c1a; --h5:#935a1a; --h6:#b06a1b; --heat-ink:#f6f1e6;`;

const numbered = (count: number, rule: (i: number) => string): string =>
  Array.from({ length: count }, (_, i) => rule(i)).join("\n");

export const pageStyle = `
:root{color-scheme:light;${light}
  --serif:ui-serif,"Iowan Old Style","Palatino Linotype",Palatino,Charter,Georgia,"Times New Roman",serif;
  --sans:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;
  --mono:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
@media screen and (prefers-color-scheme:dark){:root{color-scheme:dark;${dark}}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;scroll-padding-top:3.5rem}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.55 var(--sans);font-variant-numeric:tabular-nums}
main{max-width:1088px;margin:0 auto;padding:0 24px 96px}
header{padding:64px 0 8px}
.kicker{margin:0 0 10px;color:var(--quiet);font-size:14px;overflow-wrap:anywhere}
h1{margin:0 0 20px;font:600 clamp(28px,4.6vw,44px)/1.15 var(--serif);letter-spacing:-.01em;overflow-wrap:anywhere;text-wrap:balance}
.lede{max-width:44em;margin:0;font:19px/1.6 var(--serif);overflow-wrap:anywhere}
h2{margin:0 0 20px;font:600 26px/1.25 var(--serif)}
h2 .of{margin-left:10px;color:var(--quiet);font:15px/1.4 var(--sans);white-space:nowrap}
h3{margin:0 0 12px;font:600 15px/1.4 var(--sans)}
section{padding:52px 0 0}
section>p{max-width:44em}
a{color:inherit;text-decoration-color:var(--rule);text-underline-offset:3px}
a:hover{text-decoration-color:currentColor}
:focus-visible{outline:2px solid var(--focus);outline-offset:2px;border-radius:2px}
code{font:13px/1.5 var(--mono);overflow-wrap:anywhere}
.quiet,.note,figcaption{color:var(--quiet)}
.note,figcaption{max-width:52em;font-size:14px;line-height:1.5}
.empty{color:var(--quiet);font-style:italic}
.cut{display:inline-block;margin:12px 0 0;padding:3px 10px;border-left:3px solid var(--m1);background:var(--soft);font-size:14px}
.hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.foreign{unicode-bidi:isolate;overflow-wrap:anywhere;white-space:pre-wrap}
.skip-link{position:absolute;left:-999px}
.skip-link:focus{left:16px;top:8px;z-index:3;padding:6px 12px;background:var(--page)}

nav{position:sticky;top:0;z-index:2;background:var(--page);border-bottom:1px solid var(--rule)}
nav ul{display:flex;gap:22px;max-width:1088px;margin:0 auto;padding:11px 24px;list-style:none;overflow-x:auto;font-size:14px;scrollbar-width:none}
nav a{color:var(--quiet);text-decoration:none;white-space:nowrap}
nav a:hover{color:var(--ink)}

.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(215px,1fr));gap:16px}
.card{display:flex;flex-direction:column;padding:18px 20px 14px;border:1px solid var(--rule);border-radius:6px}
.card h3{margin:0;color:var(--quiet);font-weight:500}
.card .figure{margin:4px 0 0;font:600 40px/1.1 var(--serif);letter-spacing:-.01em}
.card .note{margin:4px 0 14px}
.card dl{margin:auto 0 0;font-size:14px}
.card dl div{display:flex;justify-content:space-between;gap:12px;padding:5px 0;border-top:1px solid var(--rule)}
.card dt{min-width:0;overflow-wrap:anywhere}
dd{margin:0}
.card dd{white-space:nowrap}

.facts{margin:0;font-size:15px}
.facts div{display:grid;grid-template-columns:150px 1fr;gap:16px;padding:7px 0;border-top:1px solid var(--rule)}
.facts dt{color:var(--quiet)}
.facts dd{min-width:0;overflow-wrap:anywhere}
.notes{max-width:52em;padding-left:1.2em;font-size:15px;overflow-wrap:anywhere}
#run h3{margin-top:24px}
#teacher>h3{margin-top:36px}

.method{display:inline-flex;align-items:baseline;gap:7px;white-space:nowrap;color:var(--ink)}
.badge{flex:none;align-self:center;width:14px;height:14px}
.scroll{overflow-x:auto}
table{width:100%;border-collapse:separate;border-spacing:0;font-size:14px}
caption{padding:0 0 8px;color:var(--quiet);text-align:left}
caption span{position:sticky;left:0;display:inline-block;max-width:calc(100vw - 48px)}
th,td{padding:8px 7px;border-bottom:1px solid var(--rule);text-align:right;white-space:nowrap;font-weight:400}
thead th{padding-top:4px;border-bottom-color:var(--quiet);color:var(--quiet);line-height:1.25;vertical-align:bottom}
th:first-child,td:first-child{padding-left:0;text-align:left}
th.text,td.text{text-align:left}
th:last-child,td:last-child{padding-right:0}
tbody th,tbody td{line-height:22px}
tbody th{position:sticky;left:0;background:var(--page)}
#comparisons th:nth-child(2),#comparisons td:nth-child(2),#comparisons th:last-child,#comparisons td:last-child{text-align:left}
#comparisons th:last-child,#comparisons td:last-child{padding-left:20px}
#comparisons td:nth-child(4){padding-left:0;padding-right:0;text-align:center}
#comparisons td:nth-child(5),#comparisons th:nth-child(5){text-align:left}
.steps td,.steps th{vertical-align:top;text-align:left}
.steps td:nth-last-child(1){white-space:normal}
.steps td .foreign{display:block;min-width:220px}
details{margin-top:14px;font-size:15px}
summary{color:var(--quiet);cursor:pointer}
summary:hover{color:var(--ink)}
details[open] summary{margin-bottom:10px}

figure{margin:36px 0 0}
figure+h3{margin-top:36px}
figcaption{margin-top:8px}
.chart{display:block;width:100%;height:auto;overflow:visible;font-family:var(--sans)}
.chart.narrow{display:none}
.chart.bar{display:inline-block;width:128px;height:20px;vertical-align:middle}
thead .chart.bar{height:14px}
.chart text{fill:var(--ink);font-size:13px;font-variant-numeric:tabular-nums}
.chart text.tick,.chart text.axis-title{fill:var(--quiet);font-size:12.5px}
.chart text.chance-label{font-style:italic}
.grid{stroke:var(--rule);stroke-width:1}
.axis{stroke:var(--quiet);stroke-width:1}
.chance{stroke:var(--quiet);stroke-width:1.2;stroke-dasharray:4 4}
.error{fill:none;stroke:var(--m);stroke-width:1.5;opacity:.65}
.range{fill:var(--m);opacity:.35}
.line{fill:none;stroke:var(--m);stroke-width:1.8;stroke-linejoin:round;stroke-linecap:round}
.dot,.badge path{fill:var(--m);stroke:var(--page);stroke-width:1}
.badge path{stroke:none}
.dot.hollow,.badge path.hollow{fill:var(--page);stroke:var(--m);stroke-width:1.8}
.badge.any{--m:var(--quiet)}
.chart text.dot-label{fill:var(--m);font-weight:600;paint-order:stroke;stroke:var(--page);stroke-width:3px}
.chart text.dot-label.hollow{font-weight:400}
.fill{fill:var(--m)}
.blank{fill:var(--rule);opacity:.6}
.kept{fill:var(--kept)}
.dropped{fill:var(--dropped)}
.cut-line{stroke:var(--ink);stroke-width:2}
.chart text.step-number{font-size:12px}
${numbered(8, (i) => `.m${i}{--m:var(--m${i})}`)}
${numbered(6, (i) => `rect.c${i}{fill:var(--c${i})}.band.c${i}{background:var(--c${i})}`)}
${numbered(7, (i) => `.h${i}{background:var(--h${i})}`)}
.band{display:inline-block;min-width:26px;padding:0 6px;border-radius:3px;text-align:center}
.legend{display:flex;flex-wrap:wrap;gap:4px 20px;margin:0 0 10px;padding:0;list-style:none;font-size:14px}

fieldset{display:contents}
fieldset legend{float:left;margin-right:14px;padding:0;color:var(--quiet);font-size:14px;line-height:1.55}
.switch{clear:both}
.switch input{position:absolute;opacity:0}
.switch label{display:inline-block;margin:0 14px 14px 0;border-bottom:2px solid transparent;color:var(--quiet);font-size:14px;cursor:pointer}
.switch label:hover{color:var(--ink)}
.switch input:checked+label{border-bottom-color:var(--ink);color:var(--ink)}
.switch input:focus-visible+label{outline:2px solid var(--focus);outline-offset:3px}
.panel{display:none;clear:both}
.panel h3{margin-top:26px}
.switch:has(#axis-steps:checked) .panel-steps,.switch:has(#axis-tokens:checked) .panel-tokens,.switch:has(#axis-seconds:checked) .panel-seconds{display:block}

.stats{display:grid;grid-template-columns:repeat(auto-fit,minmax(170px,1fr));gap:20px 24px;margin:24px 0 0}
.stats dt{color:var(--quiet);font-size:14px}
.stats dd:nth-of-type(1){font:600 26px/1.25 var(--serif)}
.bar-row{display:grid;grid-template-columns:110px minmax(80px,320px) 1fr;align-items:center;gap:14px;padding:4px 0;font-size:14px}
.question+.chart,.question+.chart+.chart{margin-top:16px}

.browser{margin-top:18px;border:1px solid var(--rule);border-radius:6px}
.controls{display:flex;flex-wrap:wrap;align-items:center;gap:8px 10px;padding:10px 16px;border-bottom:1px solid var(--rule);background:var(--soft);border-radius:6px 6px 0 0;font-size:14px}
.controls label{display:flex;align-items:center;gap:8px;min-width:0;max-width:100%;margin-left:auto;color:var(--quiet)}
.position{min-width:6em;padding-left:4px}
button,select{min-height:34px;border:1px solid var(--rule);border-radius:4px;background:var(--page);color:var(--ink);font:inherit}
button{width:42px;font-size:17px;line-height:1;cursor:pointer}
button:hover:not([aria-disabled=true]){border-color:var(--quiet)}
button[aria-disabled=true]{color:var(--quiet);opacity:.5;cursor:default}
select{min-width:0;max-width:100%;padding:0 8px}
.item{padding:18px 20px 20px}
.item-head p{margin:0}
.question{max-width:46em;margin:6px 0;font:17px/1.55 var(--serif)}
.item-head .question{max-height:16em;overflow-y:auto;margin:6px 0}
.gold{margin-bottom:6px}
.chunks{display:grid;gap:10px;margin:14px 0 0;padding:0;list-style:none}
.chunk{display:grid;grid-template-columns:64px 1fr;border:1px solid var(--rule);border-radius:5px;overflow:hidden}
.chunk-side{display:flex;flex-direction:column;align-items:center;justify-content:flex-start;gap:2px;padding:10px 4px;color:var(--heat-ink);font-size:13px}
.chunk-side b{font:600 19px/1.2 var(--serif)}
.chunk-main{min-width:0;max-height:26em;overflow-y:auto;padding:9px 14px}
.step{display:flex;gap:14px;justify-content:space-between;align-items:baseline;margin:0 0 2px}
.step-text{min-width:0}
.role{flex:none;padding:0 7px;border:1px solid var(--rule);border-radius:9px;color:var(--quiet);font-size:12px;line-height:18px;white-space:nowrap}
.chunk.skipped{border-style:dashed}
.chunk.skipped .step-text{color:var(--quiet);text-decoration:line-through;text-decoration-thickness:1px;text-decoration-color:var(--quiet)}
.verdict{margin:6px 0 0;color:var(--quiet);font-size:13.5px;line-height:1.45}
.verdict b{font-weight:600}
.skipped .verdict b{color:var(--good)}
.heat-scale{white-space:nowrap}
.heat-scale i{display:inline-block;width:18px;height:12px;vertical-align:-1px}
.outputs{columns:2 380px;column-gap:12px;margin-top:14px}
.output{break-inside:avoid;margin:0 0 12px;padding:10px 14px;border:1px solid var(--rule);border-left:3px solid var(--good);border-radius:5px}
.item-head+.output{margin-top:14px}
.output.wrong{border-left-color:var(--bad)}
.output h4{display:flex;justify-content:space-between;gap:12px;margin:0 0 6px;font:600 14px/1.4 var(--sans)}
.output p{margin:0;font-size:14.5px}
.output .quiet{margin-top:6px;font-size:13px}
.output-text{max-height:22em;overflow-y:auto}
.mark-word{flex:none;color:var(--good);font-weight:500}
.wrong .mark-word{color:var(--bad)}
mark{padding:0 2px;border-radius:2px;background:var(--mark);color:inherit;font-weight:600}
.keys{margin-top:8px;font-size:13px}
footer{margin-top:72px;padding-top:14px;border-top:1px solid var(--rule);color:var(--quiet);font-size:13px}

@media (max-width:640px){
  main{padding:0 16px 64px}
  nav ul{padding:10px 16px;gap:18px}
  header{padding-top:36px}
  .lede{font-size:17px}
  h2{font-size:23px}
  h2 .of{display:block;margin:4px 0 0;white-space:normal}
  section{padding-top:44px}
  .chart.wide{display:none}
  .chart.narrow{display:block}
  .facts div{grid-template-columns:1fr;gap:0}
  .bar-row{grid-template-columns:1fr 1fr;gap:2px 12px}
  .bar-row .chart{grid-column:1/-1;grid-row:2}
  .bar-value{text-align:right}
  .controls{padding:10px 12px}
  .controls label{flex:1 1 100%;margin-left:0}
  .controls select{flex:1}
  .item{padding:14px 12px}
  .chunk{grid-template-columns:48px 1fr}
  .step{flex-wrap:wrap;gap:2px 10px}
  .keys{display:none}
}
@media print{
  nav,.controls,.keys,.skip-link,.switch fieldset{display:none}
  :root{--page:#fff}
  body{font-size:10pt}
  .cards{grid-template-columns:repeat(auto-fit,minmax(140px,1fr));gap:8px}
  .card{padding:10px 12px}
  .card .figure{font-size:22pt}
  .card dl{font-size:8.5pt}
  main{max-width:none;padding:0}
  header{padding-top:0}
  section{padding-top:26px}
  figure,.card,.chunk,.output,tr{break-inside:avoid}
  h2,h3{break-after:avoid}
  .scroll{overflow:visible}
  table{font-size:8.5pt}
  th,td{padding:4px 3px}
  .output-text,.chunk-main,.item-head .question{max-height:none}
  *{print-color-adjust:exact;-webkit-print-color-adjust:exact}
}
`;
