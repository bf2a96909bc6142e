//! Plots as inline SVG, small enough that a phone shows their letters at full size.

use std::fmt::Write as _;

use crate::understand::evaluate::Bin;

const WIDTH: f64 = 400.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 40.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 34.0;
/// Points of a line: more than a screen has pixels for would only make the file larger.
const POINTS_MAX: usize = 300;

/// Confidence against the share that was right, with the number of messages of each bin behind it.
pub(super) fn reliability(out: &mut String, bins: &[Bin]) {
    out.push_str("<section><h3>Reliability</h3><p class=dim>share of right intents by confidence; on the dashed line confidence is probability; grey: messages</p>");
    open(out, 0.0, "confidence");
    let most = bins.iter().map(|bin| bin.messages).max().unwrap_or(0).max(1) as f64;
    let width = 1.0 / bins.len().max(1) as f64;
    for (at, bin) in bins.iter().enumerate().filter(|(_, bin)| bin.messages > 0) {
        let (left, right) = (at as f64 * width, (at + 1) as f64 * width);
        let top = bin.messages as f64 / most;
        let _ = write!(
            out,
            "<rect class=count x={:.1} y={:.1} width={:.1} height={:.1} /><text x={:.1} y={:.1} text-anchor=middle>{}</text>",
            x_of(left) + 1.0,
            y_of(top, 0.0),
            x_of(right) - x_of(left) - 2.0,
            y_of(0.0, 0.0) - y_of(top, 0.0),
            (x_of(left) + x_of(right)) / 2.0,
            y_of(0.0, 0.0) - 4.0,
            bin.messages
        );
    }
    let _ = write!(
        out,
        "<line class=even x1={:.1} y1={:.1} x2={:.1} y2={:.1} />",
        x_of(0.0),
        y_of(0.0, 0.0),
        x_of(1.0),
        y_of(1.0, 0.0)
    );
    let filled = || bins.iter().filter(|bin| bin.messages > 0);
    line(out, filled().map(|bin| (x_of(bin.confidence), y_of(bin.accuracy, 0.0))));
    for bin in filled() {
        let (x, y) = (x_of(bin.confidence), y_of(bin.accuracy, 0.0));
        let _ = write!(
            out,
            "<circle class=dot cx={x:.1} cy={y:.1} r=4><title>{} messages: confidence {:.2}, right {:.2}</title></circle>",
            bin.messages, bin.confidence, bin.accuracy
        );
    }
    out.push_str("</svg></section>");
}

/// Share of accepted messages against the share of right ones among them, for every threshold; the
/// mark is where the model's own thresholds lie.
pub(super) fn accepted(
    out: &mut String,
    intents: &[(f32, bool)],
    share: Option<f64>,
    precision: Option<f64>,
) {
    let points = precision_by_share(intents);
    let lowest = points.iter().map(|point| point.1).chain(precision).fold(1.0, f64::min);
    let floor = ((lowest * 10.0).floor() / 10.0).min(0.9);
    out.push_str("<section><h3>Accepted against right</h3><p class=dim>share of messages accepted, the surest first, and the share of right intents among them; the mark: the model's own thresholds</p>");
    open(out, floor, "accepted");
    line(out, points.iter().map(|(share, right)| (x_of(*share), y_of(*right, floor))));
    if let (Some(share), Some(precision)) = (share, precision) {
        let (x, y) = (x_of(share), y_of(precision, floor));
        let _ = write!(
            out,
            "<circle class=mark cx={x:.1} cy={y:.1} r=5 /><text class=mark x={:.1} y={:.1} text-anchor=end>{:.1} % right of {:.1} %</text>",
            x.max(LEFT + 130.0),
            (y + 18.0).min(HEIGHT - BOTTOM - 4.0),
            precision * 100.0,
            share * 100.0
        );
    }
    out.push_str("</svg></section>");
}

/// For each number of accepted messages, the surest first: their share and the share of right ones.
/// Messages of the same confidence are accepted together.
fn precision_by_share(intents: &[(f32, bool)]) -> Vec<(f64, f64)> {
    let mut sorted = intents.to_vec();
    sorted.sort_by(|a, b| b.0.total_cmp(&a.0));
    let step = sorted.len().div_ceil(POINTS_MAX).max(1);
    let mut points = Vec::new();
    let mut right = 0;
    for (at, (confidence, is_right)) in sorted.iter().enumerate() {
        right += usize::from(*is_right);
        let accepted = at + 1;
        let is_last = accepted == sorted.len();
        let ties = !is_last && sorted[accepted].0 == *confidence;
        if (accepted.is_multiple_of(step) && !ties) || is_last {
            points.push((accepted as f64 / sorted.len() as f64, right as f64 / accepted as f64));
        }
    }
    points
}

/// Axes from `floor` to 100 % upwards and from 0 to 100 % to the right.
fn open(out: &mut String, floor: f64, below: &str) {
    let _ = write!(out, "<svg viewBox='0 0 {WIDTH} {HEIGHT}' role=img>");
    for part in 0..=4 {
        let share = f64::from(part) / 4.0;
        let value = floor + (1.0 - floor) * share;
        let (x, y) = (x_of(share), y_of(value, floor));
        let _ = write!(
            out,
            "<line class=axis x1={LEFT} x2={:.1} y1={y:.1} y2={y:.1} /><text x={:.1} y={:.1} text-anchor=end>{:.0}%</text><text x={x:.1} y={:.1} text-anchor={}>{:.0}%</text>",
            WIDTH - RIGHT,
            LEFT - 5.0,
            y + 4.0,
            value * 100.0,
            HEIGHT - BOTTOM + 15.0,
            if part == 4 { "end" } else { "middle" },
            share * 100.0
        );
    }
    let _ = write!(
        out,
        "<text x={:.1} y={:.1} text-anchor=end>{below}</text>",
        WIDTH - RIGHT,
        HEIGHT - 4.0
    );
}

fn line(out: &mut String, points: impl Iterator<Item = (f64, f64)>) {
    out.push_str("<polyline class=line points='");
    for (x, y) in points {
        let _ = write!(out, "{x:.1},{y:.1} ");
    }
    out.push_str("'/>");
}

fn x_of(share: f64) -> f64 {
    LEFT + (WIDTH - LEFT - RIGHT) * share
}

fn y_of(value: f64, floor: f64) -> f64 {
    HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (value - floor) / (1.0 - floor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precision_falls_with_the_share_and_ties_are_accepted_together() {
        let intents = [(0.9, true), (0.5, false), (0.7, true), (0.5, true)];

        assert_eq!(precision_by_share(&intents), [(0.25, 1.0), (0.5, 1.0), (1.0, 0.75)]);
        assert_eq!(precision_by_share(&[]), []);
    }

    #[test]
    fn many_messages_are_thinned_to_what_a_screen_shows() {
        let intents: Vec<_> = (0..10_000).map(|at| (at as f32, at % 4 != 0)).collect();

        let points = precision_by_share(&intents);

        assert!(points.len() <= POINTS_MAX + 1);
        assert_eq!(points.last(), Some(&(1.0, 0.75)));
    }
}
