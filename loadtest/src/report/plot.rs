//! Plots as inline SVG.

use std::fmt::Write as _;

use hdrhistogram::Histogram;

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 240.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 18.0;
const BOTTOM: f64 = 30.0;
/// Steps of one line: more than a screen has pixels for would only make the file larger.
const POINTS_MAX: usize = 600;

/// One line of a plot over time.
pub struct Line {
    pub name: &'static str,
    pub points: Vec<(f64, f64)>,
}

/// Value by percentile; each nine takes the same width, as what is rare matters most.
pub fn percentiles(out: &mut String, histogram: &Histogram<u64>, unit_us: f64, unit: &str) {
    // As many nines as there are values to tell them.
    let nines = (histogram.len() as f64).log10().ceil().clamp(1.0, 6.0);
    let highest = round_up(histogram.max() as f64 / unit_us);
    open(out, highest, unit);
    for nine in 0..=nines as u32 {
        let x = x_of(f64::from(nine), nines);
        let label = match nine {
            0 => "0".to_owned(),
            1 => "90".to_owned(),
            2 => "99".to_owned(),
            more => format!("99.{}", "9".repeat(more as usize - 2)),
        };
        let _ = write!(
            out,
            "<line class=axis x1={x:.1} x2={x:.1} y1={TOP} y2={y:.1} /><text x={x:.1} y={ty:.1} text-anchor={anchor}>{label}%</text>",
            anchor = if f64::from(nine) == nines { "end" } else { "middle" },
            y = HEIGHT - BOTTOM,
            ty = HEIGHT - 10.0
        );
    }
    out.push_str("<polyline class='line l0' points='");
    for step in 0..=POINTS_MAX {
        let at = nines * step as f64 / POINTS_MAX as f64;
        let quantile = 1.0 - 10.0_f64.powf(-at);
        let value = histogram.value_at_quantile(quantile) as f64 / unit_us;
        let _ = write!(out, "{:.1},{:.1} ", x_of(at, nines), y_of(value, highest));
    }
    out.push_str("'/></svg>");
}

/// Lines over the seconds of the run.
pub fn over_time(out: &mut String, lines: &[Line], unit: &str) {
    let all = || lines.iter().flat_map(|line| &line.points);
    let highest = round_up(all().map(|(_, y)| *y).fold(1.0, f64::max));
    let last = all().map(|(x, _)| *x).fold(1.0, f64::max);
    open(out, highest, unit);
    for part in 0..=5 {
        let second = last * f64::from(part) / 5.0;
        let _ = write!(
            out,
            "<text x={:.1} y={:.1} text-anchor=middle>{second:.0} s</text>",
            x_of(second, last),
            HEIGHT - 10.0
        );
    }
    let mut legend_x = LEFT + 6.0;
    for (number, line) in lines.iter().enumerate() {
        let class = number % 4;
        let _ = write!(out, "<polyline class='line l{class}' points='");
        for (x, y) in thinned(&line.points) {
            let _ = write!(out, "{:.1},{:.1} ", x_of(x, last), y_of(y, highest));
        }
        let _ = write!(out, "'/><text class=l{class} x={legend_x:.1} y=12>{}</text>", line.name);
        legend_x += 12.0 + 6.2 * line.name.len() as f64;
    }
    out.push_str("</svg>");
}

/// Averages neighbours of a line that has more points than can be seen.
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let group = points.len().div_ceil(POINTS_MAX).max(1);
    points
        .chunks(group)
        .map(|group| {
            let sum = group.iter().fold((0.0, 0.0), |sum, at| (sum.0 + at.0, sum.1 + at.1));
            (sum.0 / group.len() as f64, sum.1 / group.len() as f64)
        })
        .collect()
}

fn open(out: &mut String, highest: f64, unit: &str) {
    let _ = write!(out, "<svg viewBox='0 0 {WIDTH} {HEIGHT}' role=img>");
    for part in 0..=4 {
        let value = highest * f64::from(part) / 4.0;
        let y = y_of(value, highest);
        let _ = write!(
            out,
            "<line class=axis x1={LEFT} x2={:.1} y1={y:.1} y2={y:.1} /><text x={:.1} y={:.1} text-anchor=end>{} {unit}</text>",
            WIDTH - RIGHT,
            LEFT - 6.0,
            y + 4.0,
            short(value)
        );
    }
}

fn x_of(at: f64, last: f64) -> f64 {
    LEFT + (WIDTH - LEFT - RIGHT) * at / last
}

fn y_of(value: f64, highest: f64) -> f64 {
    HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (value / highest).min(1.0)
}

/// The next of 1, 2, 4, 8 times a power of ten: quarters of it are readable.
fn round_up(value: f64) -> f64 {
    if value <= 0.0 {
        return 1.0;
    }
    let power = 10.0_f64.powf(value.log10().floor());
    [1.0, 2.0, 4.0, 8.0, 10.0]
        .into_iter()
        .map(|step| step * power)
        .find(|step| *step >= value)
        .unwrap_or(10.0 * power)
}

fn short(value: f64) -> String {
    let text = format!("{value:.2}");
    let text =
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_tick_is_round_and_high_enough() {
        for (value, expected) in [(0.0, 1.0), (3.0, 4.0), (41.0, 80.0), (99.0, 100.0), (0.03, 0.04)]
        {
            assert!((round_up(value) - expected).abs() < 1e-9, "{value}");
        }
    }

    #[test]
    fn a_long_run_is_thinned_without_losing_its_mean() {
        let points: Vec<_> = (0..10_000).map(|at| (f64::from(at), f64::from(at % 10))).collect();

        let thinned = thinned(&points);

        assert!(thinned.len() <= POINTS_MAX);
        let mean = thinned.iter().map(|(_, y)| y).sum::<f64>() / thinned.len() as f64;
        assert!((mean - 4.5).abs() < 0.1);
    }

    #[test]
    fn labels_are_short() {
        assert_eq!([short(0.5), short(20.0), short(0.25)], ["0.5", "20", "0.25"]);
    }
}
