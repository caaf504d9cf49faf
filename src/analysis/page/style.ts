/** The report's style sheet and the few rules that only this page needs. */
import { pageStyle } from "../../report/style.ts";

export const inspectStyle = `${pageStyle}
.rationale{max-width:46em;font:17px/1.75 var(--serif)}
.rationale mark{border-bottom:2px solid var(--m7)}
.rationale .role{margin-left:6px;white-space:nowrap;font-family:var(--sans)}
.example{margin:14px 0;padding:14px 18px;border:1px solid var(--rule);border-radius:6px}
.example p{margin:0 0 8px}
.example p:last-child{margin:0}
#lost>.scroll th:nth-child(2),#lost>.scroll td:nth-child(2){text-align:left}
.bar-row.pair{padding:7px 0}
@media (max-width:640px){.bar-row.pair{grid-template-columns:auto 1fr}}
.two{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,420px),1fr));gap:12px 28px}
.bar-row .bar-name{overflow-wrap:anywhere}
td.words,th.words{text-align:left}
`;
