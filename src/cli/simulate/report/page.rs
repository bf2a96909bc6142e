//! The head of the page and the escaping of texts.

pub(super) use crate::cli::html::escape;

/// Everything before the first heading.
pub(super) const HEAD: &str = r#"<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Tradewind simulation</title><style>
:root{color-scheme:light dark;--ink:#1c2430;--dim:#5c6878;--paper:#fbfcfe;--rule:#d5dbe4;--track:#e8ecf2;--good:#157347;--l0:#1f6feb;--l1:#b35900;--l2:#8250df;--l3:#157347;--l4:#b3261e;--l5:#0e7490;--l6:#6b7280}
@media (prefers-color-scheme:dark){:root{--ink:#e6ebf2;--dim:#98a4b5;--paper:#11161d;--rule:#2e3947;--track:#1d2530;--good:#56d192;--l0:#79b1ff;--l1:#f0a95c;--l2:#c297ff;--l3:#56d192;--l4:#ff8f86;--l5:#5cc8d7;--l6:#9aa4b2}}
*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:60rem;margin:0 auto;padding:1.5rem 1rem}
h1{font-size:1.5rem;margin:0}h2{font-size:1.1rem;margin:2rem 0 .3rem}h3{font-size:1rem;margin:0 0 .2rem}.dim{color:var(--dim);margin:.2rem 0}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(9rem,1fr));gap:.6rem;margin:1rem 0 .3rem}
.figures div{border:1px solid var(--rule);border-radius:.5rem;padding:.5rem .7rem}
dt{color:var(--dim);font-size:.85rem}dd{margin:0;font-size:1.25rem;font-variant-numeric:tabular-nums}
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(19rem,100%),1fr));gap:1.5rem;margin-top:2rem}
svg{width:100%;height:auto;display:block}svg text{fill:var(--dim);font:11px system-ui,sans-serif}svg text.name{fill:var(--ink)}
.axis{stroke:var(--rule)}.goal{stroke:var(--good);stroke-dasharray:4 4}.line{fill:none;stroke-width:1.8}.other{stroke-width:1.2;opacity:.75}
.mean{fill:var(--l0)}.rest{fill:var(--track)}.bound{fill:var(--l6)}.seat{fill:var(--l0)}
.bars{display:grid;grid-template-columns:max-content 1fr max-content;gap:.15rem .6rem;align-items:center;font-variant-numeric:tabular-nums}
.track{background:var(--track);border-radius:.2rem;height:.8rem}.fill{background:var(--l0);border-radius:.2rem;height:100%}
.wide{overflow-x:auto}table{border-collapse:collapse;font-size:.85rem;font-variant-numeric:tabular-nums}td,th{padding:.2rem .5rem;text-align:right;font-weight:400;border-bottom:1px solid var(--rule);white-space:nowrap}
th:first-child{text-align:left}
</style></head><body><main>"#;
