//! The plot of the promise: a file of its own that a page of documentation shows.

use std::fmt::Write as _;

use super::super::promise::{Row, SEATS, TRANSLATION};

const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 340.0;
const LEFT: f64 = 48.0;
const RIGHT: f64 = 150.0;
const TOP: f64 = 20.0;
const BOTTOM: f64 = 48.0;
/// Colours that can be told apart on white and on black.
const COLOURS: [&str; 3] = ["#b35900", "#1f6feb", "#2da44e"];

/// The highest load by number of seats, a line for each kind of centre.
pub(crate) fn svg(rows: &[Row]) -> String {
    let mut out = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {HEIGHT}' role='img' \
         font-family='system-ui,sans-serif' font-size='12' fill='#7a8594'>\
         <title>Highest load at which 95 in 100 first responses come within 15 s</title>\n"
    );
    for part in 0..=5 {
        let load = f64::from(part) / 5.0;
        let y = y_of(load);
        let _ = writeln!(
            out,
            "<line x1='{LEFT}' x2='{:.1}' y1='{y:.1}' y2='{y:.1}' stroke='#9aa4b2' stroke-opacity='.4'/><text x='{:.1}' y='{:.1}' text-anchor='end'>{load:.1}</text>",
            WIDTH - RIGHT,
            LEFT - 6.0,
            y + 4.0
        );
    }
    for (at, seats) in SEATS.iter().enumerate() {
        let (x, y) = (x_of(at), HEIGHT - BOTTOM + 18.0);
        let _ = writeln!(out, "<text x='{x:.1}' y='{y:.1}' text-anchor='middle'>{seats}</text>");
    }
    let _ = writeln!(
        out,
        "<text x='{:.1}' y='{:.1}' text-anchor='middle'>seats, three chats each</text><text x='{LEFT}' y='{:.1}'>highest load</text>",
        (LEFT + WIDTH - RIGHT) / 2.0,
        HEIGHT - 10.0,
        TOP - 8.0
    );
    for (kind, colour) in TRANSLATION.iter().zip(COLOURS) {
        line(&mut out, rows, *kind, colour);
    }
    out.push_str("</svg>\n");
    out
}

fn line(out: &mut String, rows: &[Row], kind: Option<f64>, colour: &str) {
    let points = SEATS.iter().enumerate().filter_map(|(at, seats)| {
        let row = rows.iter().find(|row| (row.seats, row.translation) == (*seats, kind))?;
        Some((x_of(at), y_of(row.load?), row.load?))
    });
    let points: Vec<(f64, f64, f64)> = points.collect();
    let _ = write!(out, "<polyline fill='none' stroke='{colour}' stroke-width='2' points='");
    points.iter().for_each(|(x, y, _)| {
        let _ = write!(out, "{x:.1},{y:.1} ");
    });
    out.push_str("'/>\n");
    for (x, y, load) in &points {
        let _ = writeln!(
            out,
            "<circle cx='{x:.1}' cy='{y:.1}' r='3.5' fill='{colour}'><title>{load:.2}</title></circle>"
        );
    }
    if let Some((x, y, _)) = points.last() {
        let name = kind.map_or("own languages".to_owned(), |cost| format!("translation ×{cost}"));
        let _ = writeln!(
            out,
            "<text x='{:.1}' y='{:.1}' fill='{colour}'>{name}</text>",
            x + 8.0,
            y + 4.0
        );
    }
}

fn x_of(at: usize) -> f64 {
    LEFT + 20.0 + (WIDTH - LEFT - RIGHT - 40.0) * at as f64 / (SEATS.len() - 1) as f64
}

fn y_of(load: f64) -> f64 {
    HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * load
}
