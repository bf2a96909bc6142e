//! What the file of assignments alone says, worked out by somebody who knows the scenario as JSON
//! and nothing of the simulator.

use std::collections::BTreeMap;

use serde_json::Value;

/// Everything in a file of assignments that cannot be.
pub fn impossible(scenario: &Value, lines: &[Value]) -> Vec<String> {
    let mut wrong = Vec::new();
    let seats: BTreeMap<&str, &Value> =
        each(scenario, "seats").map(|s| (text(s, "id"), s)).collect();
    let contacts: Vec<&Value> = each(scenario, "contacts").collect();
    assert_eq!(lines.len(), contacts.len(), "one line for each contact");
    let mut changes: BTreeMap<&str, Vec<(f64, i32)>> = BTreeMap::new();
    for (contact, line) in contacts.iter().zip(lines) {
        let id = text(contact, "id");
        assert_eq!(text(line, "contact"), id);
        let at_s = number(contact, "at_s").expect("required");
        let (answered, closed) = (number(line, "answered_at_s"), number(line, "closed_at_s"));
        match text(line, "outcome") {
            "answered" => {
                let (answered, closed) = (answered.expect("a time"), closed.expect("a time"));
                let seat = seats[text(line, "seat")];
                if !(number(line, "offered_at_s").is_some_and(|at| at <= answered)
                    && at_s <= answered + 1e-5
                    && answered <= closed)
                {
                    wrong.push(format!("{id}: times out of order"));
                }
                let translated = text(line, "route") == "translated";
                if has(seat, "languages", contact.get("language")) == translated {
                    wrong.push(format!("{id}: wrong route"));
                }
                if !has(seat, "skills", contact.get("skill"))
                    || !(seat.get("regions").is_none()
                        || has(seat, "regions", contact.get("region")))
                {
                    wrong.push(format!("{id}: a seat without skill or region"));
                }
                let row = changes.entry(text(line, "seat")).or_default();
                row.extend([(answered, 1), (closed, -1)]);
            }
            "abandoned" => {
                let patience = number(contact, "patience_s").unwrap_or(f64::INFINITY);
                let waited = closed.expect("a time") - at_s;
                if waited + 1e-5 < patience || answered.is_some() {
                    wrong.push(format!("{id}: left after {waited} s of {patience} s"));
                }
            }
            "open" => {
                if number(contact, "patience_s").is_some() {
                    wrong.push(format!("{id}: waits for ever with an end to its patience"));
                }
            }
            other => wrong.push(format!("{id}: {other}")),
        }
    }
    for (seat, mut row) in changes {
        // At the same instant an end makes room for a beginning.
        row.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let slots = number(seats[seat], "slots").unwrap_or(1.0) as i32;
        let mut open = 0;
        for (at_s, change) in row {
            open += change;
            if open > slots {
                wrong.push(format!("{seat} has {open} of {slots} chats at {at_s}"));
            }
        }
    }
    wrong
}

fn each<'a>(value: &'a Value, list: &str) -> impl Iterator<Item = &'a Value> {
    value[list].as_array().expect("a list").iter()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

fn number(value: &Value, key: &str) -> Option<f64> {
    value[key].as_f64()
}

fn has(seat: &Value, list: &str, wanted: Option<&Value>) -> bool {
    let Some(wanted) = wanted else { return true };
    seat[list].as_array().is_some_and(|all| all.contains(wanted))
}
