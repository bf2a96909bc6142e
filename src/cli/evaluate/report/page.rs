//! The head of the page and the escaping of texts.

pub(super) use crate::cli::html::escape;

/// Everything before the first heading.
pub(super) const HEAD: &str = r#"<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Tradewind model evaluation</title><style>
:root{color-scheme:light dark;--ink:#1c2430;--dim:#5c6878;--paper:#fbfcfe;--rule:#d5dbe4;--track:#e8ecf2;--good:#157347;--poor:#b3261e;--l0:#1f6feb;--l1:#b35900}
@media (prefers-color-scheme:dark){:root{--ink:#e6ebf2;--dim:#98a4b5;--paper:#11161d;--rule:#2e3947;--track:#1d2530;--good:#56d192;--poor:#ff8f86;--l0:#79b1ff;--l1:#f0a95c}}
*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:60rem;margin:0 auto;padding:1.5rem 1rem}
h1{font-size:1.5rem;margin:0}h2{font-size:1.1rem;margin:2rem 0 .3rem}h3{font-size:1rem;margin:0 0 .2rem}.dim{color:var(--dim);margin:.2rem 0}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(9rem,1fr));gap:.6rem;margin:1rem 0}
.figures div{border:1px solid var(--rule);border-radius:.5rem;padding:.5rem .7rem}
dt{color:var(--dim);font-size:.85rem}dd{margin:0;font-size:1.25rem;font-variant-numeric:tabular-nums}
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(19rem,100%),1fr));gap:1rem}
svg{width:100%;height:auto;display:block}svg text{fill:var(--dim);font:11px system-ui,sans-serif}
.axis{stroke:var(--rule)}.even{stroke:var(--dim);stroke-dasharray:4 4}.line{fill:none;stroke:var(--l0);stroke-width:1.8}
.count{fill:var(--track)}.dot{fill:var(--l0)}.mark{fill:var(--l1)}svg text.mark{fill:var(--l1)}
.bars{display:grid;grid-template-columns:max-content 1fr max-content;gap:.15rem .6rem;align-items:center;font-variant-numeric:tabular-nums}
.track{background:var(--track);border-radius:.2rem;height:.8rem}.fill{background:var(--l0);border-radius:.2rem;height:100%}
.wide{overflow-x:auto}table{border-collapse:collapse;font-size:.8rem}td,th{padding:.15rem .35rem;text-align:right;font-weight:400}
th[scope=col]{vertical-align:bottom;height:8.5rem}th[scope=col] span{writing-mode:vertical-rl;transform:rotate(180deg)}
th[scope=row]{white-space:nowrap;position:sticky;left:0;background:var(--paper)}
td{min-width:1.7rem;border:1px solid var(--paper);background:color-mix(in srgb,var(--poor) calc(var(--heat,0)*1%),var(--track));font-variant-numeric:tabular-nums}
td.right{background:color-mix(in srgb,var(--good) calc(var(--heat,0)*1%),var(--track))}
details{border-top:1px solid var(--rule);padding:.3rem 0}summary{cursor:pointer}details p{margin:.3rem 0 0;overflow-wrap:anywhere}
</style></head><body><main>"#;
