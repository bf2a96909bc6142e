//! What the tables of a shop, separated by commas, have in common.

/// What is wrong with a table that cannot be read, with the number of the line.
pub(super) fn broken(error: &csv::Error) -> String {
    let line = error.position().map_or(1, csv::Position::line);
    match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("line {line}: {len} cells, the first line has {expected_len}")
        }
        _ => format!("line {line}: no text in UTF-8"),
    }
}
