//! The curve of the thresholds as SVG: what is answered alone, and how much of it is right.

use std::fmt::Write as _;

use crate::config::shop::ArticleRules;
use crate::knowledge::measure::Figures;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 360.0;
const LEFT: f64 = 48.0;
const RIGHT: f64 = 150.0;
const TOP: f64 = 16.0;
const BOTTOM: f64 = 44.0;
/// Blue for what is answered, green for what is right of it; the kept half is the dark one of each.
const COLOURS: [[&str; 2]; 2] = [["#8ab4e8", "#8fce9f"], ["#1a5fb4", "#1b7f3b"]];

/// Two lines for each half, by the threshold of the score; a line marks the one in force.
pub(super) fn curves(halves: &[(&str, &[(f32, Figures)])], rules: &ArticleRules) -> String {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#fff\"/>\n"
    );
    axes(&mut svg);
    let mut labels = Vec::new();
    for ((name, curve), [share, right]) in halves.iter().zip(COLOURS) {
        let answered = curve.iter().map(|(at, figures)| (f64::from(*at), figures.share()));
        line(&mut svg, answered, share);
        let precise = curve.iter().filter_map(|(at, it)| Some((f64::from(*at), it.precision()?)));
        line(&mut svg, precise, right);
        labels.push((format!("answered alone, {name}"), share));
        labels.push((format!("right of it, {name}"), right));
    }
    for (at, (label, colour)) in labels.iter().enumerate() {
        let y = TOP + 12.0 + 20.0 * at as f64;
        let x = WIDTH - RIGHT + 12.0;
        let _ = writeln!(
            svg,
            "<rect x=\"{x}\" y=\"{:.1}\" width=\"10\" height=\"10\" fill=\"{colour}\"/>\
             <text x=\"{:.1}\" y=\"{y:.1}\">{label}</text>",
            y - 9.0,
            x + 15.0
        );
    }
    let x = x_of(f64::from(rules.retrieval));
    let _ = writeln!(
        svg,
        "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{:.1}\" stroke=\"#666\" \
         stroke-dasharray=\"4 3\"/><text x=\"{:.1}\" y=\"{:.1}\">in force: {:.2}</text>\n</svg>",
        HEIGHT - BOTTOM,
        x + 4.0,
        y_of(0.7),
        rules.retrieval
    );
    svg
}

fn axes(svg: &mut String) {
    for part in 0..=5 {
        let share = f64::from(part) / 5.0;
        let (x, y) = (x_of(share), y_of(share));
        let _ = writeln!(
            svg,
            "<line x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"#ddd\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{:.0} %</text>\
             <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{share:.1}</text>",
            WIDTH - RIGHT,
            LEFT - 6.0,
            y + 4.0,
            share * 100.0,
            HEIGHT - BOTTOM + 16.0
        );
    }
    let _ = writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">least score of an answer</text>",
        x_of(0.5),
        HEIGHT - 8.0
    );
}

fn line(svg: &mut String, points: impl Iterator<Item = (f64, f64)>, colour: &str) {
    let points: Vec<String> =
        points.map(|(x, y)| format!("{:.1},{:.1}", x_of(x), y_of(y))).collect();
    let _ = writeln!(
        svg,
        "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" points=\"{}\"/>",
        points.join(" ")
    );
}

fn x_of(share: f64) -> f64 {
    LEFT + (WIDTH - LEFT - RIGHT) * share
}

fn y_of(share: f64) -> f64 {
    TOP + (HEIGHT - TOP - BOTTOM) * (1.0 - share)
}
