//! How good the articles of the demo shop are, by the command that users have, on the half of the questions
//! by which nothing was chosen.

use std::process::Command;

use serde_json::Value;

#[test]
fn of_the_kept_questions_a_third_is_answered_alone_and_nearly_all_of_it_rightly() {
    let output = Command::new(env!("CARGO_BIN_EXE_tradewind"))
        .args(["knowledge", "evaluate", "tests/knowledge/questions.jsonl", "--json"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("the program");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let kept = &report["kept"]["all"];
    let figure = |name: &str| kept[name].as_f64().expect("a figure");
    assert!(figure("precision") >= 0.96, "{kept:#}");
    assert!(figure("recall") >= 0.5, "{kept:#}");
    let languages = report["kept"]["languages"].as_object().expect("languages");
    assert_eq!(languages.len(), 8);
    for (language, figures) in languages {
        assert!(figures["answered"].as_u64() >= Some(4), "{language}: {figures:#}");
    }
}
