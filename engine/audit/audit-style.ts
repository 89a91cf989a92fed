/** How the page for judging looks beside what all pages have: one pair at a time, and what can be said of it always at hand. */
export const AUDIT_STYLE = `
html { scroll-padding-bottom: 9rem; }
body { padding-bottom: 9rem; }
header.top { padding-top: 1.5rem; display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: .15rem 1.5rem; align-items: baseline; }
header.top h1 { font-size: 1rem; font-weight: 600; letter-spacing: 0; margin: 0; }
.progress { margin: 0; color: var(--soft); font-size: .9rem; font-variant-numeric: tabular-nums; white-space: nowrap; }
progress { grid-column: 1 / -1; width: 100%; height: 4px; margin-top: .4rem; border: 0; border-radius: 99px; overflow: hidden; appearance: none; background: var(--line); accent-color: var(--accent); }
progress::-webkit-progress-bar { background: var(--line); }
progress::-webkit-progress-value { background: var(--accent); border-radius: 99px; transition: width .2s; }
progress::-moz-progress-bar { background: var(--accent); border-radius: 99px; }
main { padding-top: 1.75rem; display: grid; grid-template-columns: minmax(0, 1fr); gap: 1.5rem 3rem; }
.alert { grid-column: 1 / -1; margin: 0; max-width: none; padding: .7rem 1rem; border: 1px solid var(--bad); border-left-width: 4px; border-radius: 6px; background: var(--card); }
.place { margin: 0 0 .35rem; }
#query { font-size: 1.5rem; line-height: 1.3; margin: 0 0 1.25rem; text-wrap: pretty; outline: none; max-width: 46rem; overflow-wrap: anywhere; }
.passage { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 1.25rem 1.5rem; max-width: 46rem; }
.passage h3 { margin: 0 0 .5rem; }
.passage p { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; line-height: 1.65; }
mark { background: color-mix(in srgb, var(--accent) 16%, transparent); color: inherit; border-radius: 3px; padding: 0 .1em; }
.missing { text-decoration: underline dotted var(--warn); text-decoration-thickness: 2px; text-underline-offset: .22em; }
aside h3 { margin: 0 0 .5rem; font-size: .875rem; color: var(--soft); font-weight: 550; }
aside dl.facts { grid-template-columns: max-content minmax(0, 1fr); margin: 0; }
aside dl.facts dd { margin: 0; font-variant-numeric: tabular-nums; }
details { grid-column: 1 / -1; font-size: .9rem; color: var(--soft); max-width: 46rem; }
details dl.facts, details table { color: var(--ink); }
details table { width: 100%; }
#rows button { appearance: none; border: 0; background: none; padding: 0; font: inherit; color: inherit; text-align: left; cursor: pointer; text-decoration: underline; text-decoration-color: var(--line); text-underline-offset: .2em; overflow-wrap: anywhere; }
#rows button:hover { text-decoration-color: currentColor; }
#rows tr[aria-current] td { background: var(--wash); }
kbd { font-family: var(--mono); font-size: .78em; padding: .05em .4em; border: 1px solid currentColor; border-radius: 4px; opacity: .75; }
.bar { position: fixed; inset: auto 0 0; background: var(--paper); border-top: 1px solid var(--line); padding: .75rem max(1.25rem, calc((100vw - 65.5rem) / 2)) max(.75rem, env(safe-area-inset-bottom)); display: flex; flex-wrap: wrap; gap: .5rem 1rem; justify-content: space-between; }
.choices, .moves { display: flex; flex-wrap: wrap; gap: .5rem; }
.bar button { font: inherit; font-size: .95rem; min-height: 2.75rem; padding: .4rem .9rem; border: 1px solid var(--line); border-radius: 8px; background: var(--card); color: var(--ink); cursor: pointer; display: inline-flex; align-items: center; justify-content: center; gap: .55rem; }
.bar button:hover { border-color: var(--soft); }
.bar button[aria-pressed="true"] { background: var(--accent); border-color: var(--accent); color: var(--paper); }
.bar button:disabled { opacity: .5; cursor: default; }
@media (prefers-reduced-motion: reduce) { * { transition: none !important; } }
@media (min-width: 62rem) {
  main { grid-template-columns: minmax(0, 46rem) minmax(0, 1fr); }
  aside { padding-top: 1.6rem; }
  aside dl.facts { grid-template-columns: minmax(0, 1fr); gap: 0; }
  aside dl.facts dd { margin-bottom: .65rem; }
}
@media (max-width: 36rem) {
  html { scroll-padding-bottom: 15rem; }
  body { padding-bottom: 15rem; }
  #query { font-size: 1.25rem; }
  .passage { padding: 1rem; }
  .bar { gap: .5rem; padding-inline: 1rem; }
  .choices { display: grid; grid-template-columns: 1fr 1fr; width: 100%; }
  .moves { display: grid; grid-auto-flow: column; grid-auto-columns: 1fr; width: 100%; }
  .bar button { padding-inline: .5rem; }
}
@media (hover: none) { .bar kbd { display: none; } }
@media print { .bar, details { display: none; } body { padding-bottom: 0; } }
`
