//! Plots as inline SVG, small enough that a phone shows their letters at full size.

use std::fmt::Write as _;

use super::Run;
use super::page::escape;
use crate::sim::{PolicyName, TARGET_S, percentile};

const WIDTH: f64 = 400.0;
const HEIGHT: f64 = 280.0;
const LEFT: f64 = 40.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 34.0;
/// The time axis of first replies ends here: what comes later is late enough.
const SHOWN_S: f64 = 120.0;

/// Mean time to the first reply, and its 95th of 100, for each scheduler.
pub(super) fn waits_by_policy(out: &mut String, runs: &[Run]) {
    const ROW: f64 = 30.0;
    const NAMES: f64 = 130.0;
    const LENGTH: f64 = 700.0;
    let height = runs.len() as f64 * ROW + 30.0;
    let p95 = |run: &Run| percentile(&run.samples.first_responses_s, 0.95);
    let most = runs.iter().map(p95).fold(TARGET_S * 1.2, f64::max);
    let x_of = |seconds: f64| NAMES + (LENGTH - NAMES - 110.0) * seconds / most;
    out.push_str("<h2>Time to the first reply</h2><p class=dim>blue: mean; grey: 95 in 100 are below; green: the goal of 15 s</p>");
    let _ = write!(out, "<svg viewBox='0 0 {LENGTH} {height}' role=img>");
    for (at, run) in runs.iter().enumerate() {
        let y = at as f64 * ROW + 6.0;
        let (mean, late) = (run.figures.mean_first_response_s, p95(run));
        let class = match run.figures.policy {
            PolicyName::PooledBound => "bound",
            _ => "mean",
        };
        let _ = write!(
            out,
            "<text class=name x={:.1} y={:.1} text-anchor=end>{}</text>\
             <rect class=rest x={NAMES} y={y:.1} width={:.1} height=18 rx=2><title>95 in 100 within {late:.0} s</title></rect>\
             <rect class={class} x={NAMES} y={:.1} width={:.1} height=10 rx=2 />\
             <text x={:.1} y={:.1}>{mean:.1} s · {late:.0} s</text>",
            NAMES - 8.0,
            y + 13.0,
            run.figures.policy,
            x_of(late) - NAMES,
            y + 4.0,
            x_of(mean) - NAMES,
            x_of(late).max(x_of(mean)) + 6.0,
            y + 13.0,
        );
    }
    let bottom = runs.len() as f64 * ROW + 6.0;
    let _ = write!(
        out,
        "<line class=goal x1={0:.1} x2={0:.1} y1=0 y2={bottom:.1} /><text x={0:.1} y={1:.1} text-anchor=middle>15 s</text></svg>",
        x_of(TARGET_S),
        bottom + 14.0,
    );
}

/// Share of contacts that have had their first reply by each second.
pub(super) fn first_responses(out: &mut String, runs: &[Run]) {
    out.push_str("<section><h3>First replies by time</h3><p class=dim>share of all contacts that have had one; who left has none</p>");
    open(out, "seconds", |share| format!("{:.0}", share * SHOWN_S));
    let x = x_of(TARGET_S / SHOWN_S);
    let _ = write!(out, "<line class=goal x1={x:.1} x2={x:.1} y1={TOP} y2={:.1} />", y_of(0.0));
    for (at, run) in runs.iter().enumerate() {
        let class = if at == 0 { "line" } else { "line other" };
        let _ = write!(out, "<polyline class='{class}' stroke='var(--l{})' points='", at % 7);
        let all = run.figures.contacts.max(1) as f64;
        for second in 0..=SHOWN_S as usize {
            let until = second as f64;
            let answered = run.samples.first_responses_s.partition_point(|time| *time <= until);
            let _ = write!(out, "{:.1},{:.1} ", x_of(until / SHOWN_S), y_of(answered as f64 / all));
        }
        let _ = write!(out, "'><title>{}</title></polyline>", run.figures.policy);
    }
    for (at, run) in runs.iter().enumerate() {
        let y = y_of(0.0) - 12.0 * (runs.len() - at) as f64 + 4.0;
        let _ = write!(
            out,
            "<text x={:.1} y={y:.1} text-anchor=end style='fill:var(--l{})'>{}</text>",
            WIDTH - RIGHT - 4.0,
            at % 7,
            run.figures.policy
        );
    }
    out.push_str("</svg></section>");
}

/// How busy each seat was, the busiest first, for the first scheduler.
pub(super) fn occupancy(out: &mut String, runs: &[Run]) {
    let Some(run) = runs.first() else { return };
    let mut seats = run.samples.occupancy.clone();
    seats.sort_by(|a, b| b.total_cmp(a));
    let mean = seats.iter().sum::<f64>() / seats.len().max(1) as f64;
    let _ = write!(
        out,
        "<section><h3>How busy the seats are</h3><p class=dim>share of slots in use, seat by seat, the busiest first; mean {:.0} %; {}</p>",
        mean * 100.0,
        run.figures.policy
    );
    open(out, "seats", |share| format!("{:.0}", share * seats.len() as f64));
    let width = (WIDTH - LEFT - RIGHT) / seats.len().max(1) as f64;
    for (at, busy) in seats.iter().enumerate() {
        let busy = busy.min(1.0);
        let _ = write!(
            out,
            "<rect class=seat x={:.2} y={:.1} width={:.2} height={:.1} />",
            LEFT + at as f64 * width,
            y_of(busy),
            width * 0.9,
            y_of(0.0) - y_of(busy)
        );
    }
    out.push_str("</svg></section>");
}

/// Mean wait and share within 15 s of each language, the worst first.
pub(super) fn by_language(out: &mut String, run: &Run) {
    let mut languages: Vec<_> = run.samples.by_language.iter().collect();
    languages.sort_by(|a, b| a.1.share_in_time().total_cmp(&b.1.share_in_time()));
    let _ = write!(
        out,
        "<h2>By language</h2><p class=dim>share answered within 15 s, the worst first; mean wait, and contacts; {}</p><div class=bars>",
        run.figures.policy
    );
    for (name, figures) in languages {
        let share = figures.share_in_time() * 100.0;
        let _ = write!(
            out,
            "<span>{}</span><div class=track><div class=fill style=\"width:{share:.1}%\"></div></div><span>{share:.0} % <span class=dim>{:.0} s, {}</span></span>",
            escape(name),
            figures.waits_s / figures.contacts.max(1) as f64,
            figures.contacts
        );
    }
    out.push_str("</div>");
}

/// Axes from 0 to 100 % upwards, and to the right as `label` says.
fn open(out: &mut String, below: &str, label: impl Fn(f64) -> String) {
    let _ = write!(out, "<svg viewBox='0 0 {WIDTH} {HEIGHT}' role=img>");
    for part in 0..=4 {
        let share = f64::from(part) / 4.0;
        let (x, y) = (x_of(share), y_of(share));
        let _ = write!(
            out,
            "<line class=axis x1={LEFT} x2={:.1} y1={y:.1} y2={y:.1} /><text x={:.1} y={:.1} text-anchor=end>{:.0}%</text><text x={x:.1} y={:.1} text-anchor={}>{}</text>",
            WIDTH - RIGHT,
            LEFT - 5.0,
            y + 4.0,
            share * 100.0,
            HEIGHT - BOTTOM + 15.0,
            if part == 4 { "end" } else { "middle" },
            label(share)
        );
    }
    let _ = write!(
        out,
        "<text x={:.1} y={:.1} text-anchor=end>{below}</text>",
        WIDTH - RIGHT,
        HEIGHT - 4.0
    );
}

fn x_of(share: f64) -> f64 {
    LEFT + (WIDTH - LEFT - RIGHT) * share
}

fn y_of(share: f64) -> f64 {
    HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share
}
