//! What the journal of a router holds, as its own tool prints it.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Every fact below `folder`, in order, with the texts; none where no router has run yet.
pub fn facts(folder: &Path) -> Vec<Value> {
    let data = folder.join("data");
    if !data.exists() {
        return Vec::new();
    }
    let dumped = Command::new(env!("CARGO_BIN_EXE_tradewind"))
        .args(["journal", "dump", "--json", "--show-texts"])
        .arg(&data)
        .arg("--keys")
        .arg(data.join("keys"))
        .output()
        .expect("the router's own tool");
    assert!(dumped.status.success(), "{}", String::from_utf8_lossy(&dumped.stderr));
    let lines = String::from_utf8(dumped.stdout).expect("UTF-8");
    let records = lines.lines().map(|line| serde_json::from_str(line).expect("JSON"));
    let facts = records.filter_map(|mut record: Value| match record["facts"].take() {
        Value::Array(facts) => Some(facts),
        _ => None,
    });
    facts.flatten().collect()
}
