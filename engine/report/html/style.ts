/** How pages look: light and dark as the reader's system is, for screens from 320 px, and on paper. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --paper: #fcfcfb; --card: #ffffff; --ink: #1d2126; --soft: #565e67; --line: #dfe2e5; --wash: #f2f4f5;
  --accent: #1f5fa8; --good: #1b7340; --bad: #b3261e; --warn: #8a5a00; --shade: #b3261e14;
  --c0: #1f5fa8; --c1: #b8501b; --c2: #1b7a55; --c3: #8a3c8c; --c4: #8f6a00; --c5: #b32f58; --c6: #3f6f86; --c7: #5d5f66;
  --sans: ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, "Noto Sans", sans-serif;
  --mono: ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --paper: #14171a; --card: #1a1e22; --ink: #e4e7ea; --soft: #a2abb4; --line: #343a41; --wash: #22272c;
    --accent: #82b6f2; --good: #78cf9b; --bad: #f5948c; --warn: #e6bd64; --shade: #f5948c1f;
    --c0: #82b6f2; --c1: #f0a173; --c2: #74cfa6; --c3: #d79adb; --c4: #e0c05c; --c5: #f39ab4; --c6: #93c4d6; --c7: #b3b7bf;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; scroll-behavior: smooth; scroll-padding-top: 1rem; }
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 var(--sans); overflow-wrap: break-word; }
main, header.top, footer { max-width: 68rem; margin: 0 auto; padding: 0 1.25rem; }
header.top { padding-top: 2.75rem; }
footer { padding-block: 2rem 4rem; color: var(--soft); font-size: .875rem; }
h1 { font-size: 1.9rem; line-height: 1.2; font-weight: 650; letter-spacing: -.015em; margin: 0 0 .35rem; text-wrap: balance; }
h2 { font-size: 1.3rem; line-height: 1.3; font-weight: 650; letter-spacing: -.01em; margin: 0 0 .75rem; }
h3 { font-size: 1rem; line-height: 1.4; font-weight: 650; margin: 1.75rem 0 .5rem; }
p { margin: .5rem 0; max-width: 46rem; }
.lead { color: var(--soft); font-size: 1.05rem; }
.soft { color: var(--soft); }
.small { font-size: .875rem; }
section { margin: 3rem 0 0; padding-top: 1.5rem; border-top: 1px solid var(--line); }
section > h2:first-child { margin-top: 0; }
a { color: var(--accent); text-decoration-thickness: 1px; text-underline-offset: .18em; }
a:hover { text-decoration-thickness: 2px; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 2px; }
:target { background: color-mix(in srgb, var(--accent) 9%, transparent); }
code, kbd, pre, .mono { font-family: var(--mono); font-size: .86em; }
pre { margin: .5rem 0; padding: .75rem .9rem; background: var(--wash); border-radius: 6px; white-space: pre-wrap; overflow-wrap: anywhere; max-height: 28rem; overflow: auto; line-height: 1.5; }
.skip { position: absolute; left: -999rem; }
.skip:focus { left: 1rem; top: .5rem; background: var(--card); padding: .4rem .8rem; z-index: 1; }
nav.contents { margin: 1.5rem 0 0; font-size: .9rem; }
nav.contents ul { display: flex; flex-wrap: wrap; gap: .3rem 1.1rem; list-style: none; margin: 0; padding: 0; }
.scroll { overflow-x: auto; margin: .75rem 0; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums lining-nums; }
th, td { padding: .4rem .8rem; text-align: left; vertical-align: baseline; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { padding-left: 0; }
th:last-child, td:last-child { padding-right: 0; }
thead th { font-weight: 550; color: var(--soft); border-bottom-color: var(--soft); white-space: nowrap; vertical-align: bottom; }
tbody th { font-weight: 500; min-width: 9rem; }
td.n, th.n { text-align: right; white-space: nowrap; }
td a { color: inherit; text-decoration-color: color-mix(in srgb, currentColor 35%, transparent); }
tr.best th, tr.best td { font-weight: 650; }
span.axes { color: var(--soft); font-weight: 400; font-size: .92em; }
details.more > summary { color: var(--accent); font-size: .9rem; margin: .5rem 0; }
.sd { color: var(--soft); font-size: .85em; }
.up { color: var(--good); }
.down { color: var(--bad); }
.tag { display: inline-block; padding: 0 .45em; border: 1px solid var(--line); border-radius: 99px; font-size: .85em; font-weight: 500; color: var(--soft); white-space: nowrap; }
.verdict { margin: 1rem 0; padding: .85rem 1.1rem; background: var(--card); border: 1px solid var(--line); border-left: 4px solid var(--soft); border-radius: 6px; max-width: 50rem; }
.verdict p { margin: 0; max-width: none; }
.verdict.better { border-left-color: var(--good); }
.verdict.baseline { border-left-color: var(--bad); }
.verdict.undecided { border-left-color: var(--warn); }
.verdict strong { display: block; margin-bottom: .15rem; }
ul.notes { margin: .5rem 0; padding-left: 1.1rem; font-size: .9rem; max-width: 50rem; }
ul.notes li { margin: .2rem 0; }
.warning { color: var(--warn); }
.absent { color: var(--soft); font-size: .9rem; }
figure { margin: 1rem 0 0; }
figure > figcaption { font-size: .9rem; color: var(--soft); margin-bottom: .35rem; max-width: 46rem; }
figure > figcaption b { display: block; color: var(--ink); font-weight: 600; font-size: .95rem; }
.figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 29rem), 1fr)); gap: 1rem 2.5rem; }
figure svg { display: block; max-width: 100%; height: auto; overflow: visible; font-family: var(--sans); font-size: 12px; font-variant-numeric: tabular-nums; }
ul.legend { display: flex; flex-wrap: wrap; gap: .1rem 1.1rem; list-style: none; margin: 0 0 .4rem; padding: 0; font-size: .82rem; }
.s0 { color: var(--c0); } .s1 { color: var(--c1); } .s2 { color: var(--c2); } .s3 { color: var(--c3); }
.s4 { color: var(--c4); } .s5 { color: var(--c5); } .s6 { color: var(--c6); } .s7 { color: var(--c7); }
figure svg.graph { fill: var(--ink); }
.plot text { white-space: pre; }
details.made { border-bottom: 1px solid var(--line); padding: .3rem 0; font-size: .92rem; }
details.made details.made { margin-left: 1.1rem; }
details.made details.made:last-child { border-bottom: 0; }
details.made > summary { padding: .1rem 0; overflow-wrap: anywhere; }
details.made > :not(summary) { margin-left: 1.1rem; }
dl.row + dl.row { border-top: 1px dashed var(--line); padding-top: .5rem; }
blockquote { margin: .6rem 0 .2rem; padding-left: .9rem; border-left: 3px solid var(--line); white-space: pre-wrap; overflow-wrap: anywhere; }
details > summary { cursor: pointer; }
details > summary:hover { color: var(--accent); }
dl.facts { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .2rem 1.1rem; margin: .5rem 0; font-size: .9rem; }
dl.facts dt { color: var(--soft); }
dl.facts dd { margin: 0; overflow-wrap: anywhere; }
@media (max-width: 36rem) {
  main, header.top, footer { padding-inline: 1rem; }
  header.top { padding-top: 1.5rem; }
  h1 { font-size: 1.55rem; }
  th, td { padding-inline: .55rem; }
  dl.facts { grid-template-columns: minmax(0, 1fr); gap: 0; }
  dl.facts dd { margin-bottom: .4rem; }
}
@media print {
  :root { --paper: #fff; --card: #fff; --ink: #000; --soft: #444; --line: #bbb; --wash: #f4f4f4; color-scheme: light; }
  body { font-size: 9.5pt; }
  table { font-size: 8pt; }
  th, td { padding: .25rem .45rem; }
  thead th { white-space: normal; }
  tbody th { min-width: 0; }
  td a { text-decoration: none; }
  .figures { grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 1rem 1.5rem; }
  section { margin-top: 1.5rem; padding-top: 1rem; }
  main, header.top, footer { max-width: none; padding-inline: 0; }
  nav.contents, .skip { display: none; }
  .scroll { overflow: visible; }
  pre { max-height: none; }
  figure, tr, .verdict { break-inside: avoid; }
  h2, h3 { break-after: avoid; }
}
`
