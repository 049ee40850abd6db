/** The page's looks: light, dark by the reader's choice, light on paper. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --paper: #ffffff; --ink: #1c2128; --soft: #5b6470; --rule: #d9dde3; --grid: #e9ecf0; --wash: #f6f7f9;
  --good: #1a7f45; --bad: #b3261e; --link: #1f5fbf;
  --c0: #7a828e; --c1: #2467c9; --c2: #c8620a; --c3: #0b8270; --c4: #ab3d8d;
  --c5: #8f7104; --c6: #c23a2b; --c7: #6a4fc4; --c8: #4a7f12;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --paper: #14171c; --ink: #e4e7ec; --soft: #9ba4b1; --rule: #343b45; --grid: #262c34; --wash: #1b2027;
    --good: #5fcf8e; --bad: #ff8f85; --link: #8ab8ff;
    --c0: #98a1ae; --c1: #6ba6ff; --c2: #f2a154; --c3: #45c8b0; --c4: #e38ace;
    --c5: #d6bb4e; --c6: #f4877a; --c7: #ab9df7; --c8: #9acb5f;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 2.5rem 1.5rem 4rem; max-width: 72rem;
  background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  font-variant-numeric: tabular-nums;
}
h1 { font-size: 1.75rem; line-height: 1.25; margin: 0 0 1rem; letter-spacing: -0.01em; text-wrap: balance; }
h2 { font-size: 1.25rem; line-height: 1.3; margin: 0; }
h1, h2, td, th, dd, li { overflow-wrap: anywhere; }
p { margin: 0.5rem 0; max-width: 46rem; }
a { color: var(--link); }
code { font: 0.92em/1.4 ui-monospace, "SF Mono", Menlo, Consolas, monospace; overflow-wrap: anywhere; }
.soft { color: var(--soft); }
.facts { display: grid; grid-template-columns: max-content 1fr; gap: 0.15rem 1.25rem; margin: 0 0 1rem; }
.facts dt { color: var(--soft); }
.facts dd { margin: 0; }
nav ul { list-style: none; display: flex; flex-wrap: wrap; gap: 0.25rem 1.25rem; padding: 0; margin: 1rem 0 0; }
section { margin-top: 2.75rem; padding-top: 1.25rem; border-top: 1px solid var(--rule); }
.scroll { overflow-x: auto; margin: 1rem 0 0.5rem; }
table { border-collapse: collapse; font-size: 0.93rem; }
caption { text-align: left; color: var(--soft); padding-bottom: 0.35rem; }
th, td { padding: 0.32rem 0 0.32rem 1.5rem; text-align: right; vertical-align: baseline; }
td { white-space: nowrap; }
th:first-child, td:first-child { padding-left: 0; text-align: left; }
thead th { color: var(--soft); font-weight: 500; white-space: nowrap; border-bottom: 1px solid var(--rule); }
tbody th { font-weight: 400; min-width: min(13rem, 40vw); }
tbody tr + tr > * { border-top: 1px solid var(--grid); }
tr.base th { color: var(--soft); }
.tag { color: var(--soft); font-size: 0.85em; }
.good { color: var(--good); font-weight: 600; }
.bad { color: var(--bad); font-weight: 600; }
.errors { color: var(--bad); padding-left: 1.2rem; margin: 0.5rem 0; }
.figures { columns: 26rem 2; column-gap: 3rem; margin-top: 1.5rem; }
figure { margin: 0 0 2rem; max-width: 36rem; break-inside: avoid; }
figcaption { margin-bottom: 0.6rem; }
figcaption strong { font-weight: 600; }
figcaption span { color: var(--soft); font-size: 0.88rem; }
figure > svg { display: block; width: 100%; height: auto; }
svg text { font: 12px system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; fill: var(--soft); }
svg .label, svg .value { fill: var(--ink); }
svg .halo { stroke: var(--paper); stroke-width: 4px; stroke-linejoin: round; paint-order: stroke; }
.grid { stroke: var(--grid); }
.axis { stroke: var(--soft); }
.c0 { --c: var(--c0); } .c1 { --c: var(--c1); } .c2 { --c: var(--c2); } .c3 { --c: var(--c3); } .c4 { --c: var(--c4); }
.c5 { --c: var(--c5); } .c6 { --c: var(--c6); } .c7 { --c: var(--c7); } .c8 { --c: var(--c8); }
.line { fill: none; stroke: var(--c); stroke-width: 2; stroke-linejoin: round; }
.dash1 { stroke-dasharray: 5 3; } .dash2 { stroke-dasharray: 9 3; }
.dash3 { stroke-dasharray: 2 3; } .dash4 { stroke-dasharray: 9 3 2 3; }
.mark { fill: var(--c); stroke: var(--c); stroke-width: 1.5; }
.mark.open { fill: var(--paper); }
.bar { fill: var(--c); opacity: 0.8; }
.whisker { stroke: var(--ink); stroke-width: 1.25; }
.line ~ .whisker, g > .whisker:has(~ .line) { stroke: var(--c); }
.key { list-style: none; display: flex; flex-wrap: wrap; gap: 0.2rem 1.25rem; padding: 0; margin: 0.5rem 0 0; font-size: 0.88rem; }
.key li { display: flex; align-items: center; gap: 0.5rem; }
.key svg { flex: none; }
@media print {
  :root { color-scheme: light; }
  body { padding: 0; max-width: none; font-size: 10pt; }
  .figures { columns: 2; column-gap: 1.5rem; }
  .scroll { overflow: visible; }
  th, td { padding-left: 0.8rem; }
  table { font-size: 8pt; }
  td:first-child, th:first-child { overflow-wrap: break-word; }
  tbody th { min-width: 7rem; }
  h2, caption, thead { break-after: avoid; }
  tr { break-inside: avoid; }
  nav { display: none; }
  * { print-color-adjust: exact; }
}
`;
