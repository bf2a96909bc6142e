//! What is told of JSON that does not fit.

use serde_json::error::Category;

/// What is wrong, without anything of what was sent: it may hold personal data or a secret, and errors
/// travel further than messages.
pub fn json_problem(error: &serde_json::Error) -> String {
    let at = format!("line {} column {}", error.line(), error.column());
    // These begin with a name of our own.
    let text = error.to_string();
    if let Some(name) = text.strip_prefix("missing field `").and_then(|rest| rest.split('`').next())
    {
        return format!("`{name}` is missing");
    }
    match error.classify() {
        Category::Data => format!("a field is of the wrong type or not known at {at}"),
        Category::Eof => "the JSON ends too early".to_owned(),
        Category::Syntax | Category::Io => format!("not JSON at {at}"),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its errors are looked at")]
    struct Body {
        shop: String,
        score: Option<u8>,
    }

    #[test]
    fn nothing_of_what_was_sent_is_repeated() {
        for (text, told) in [
            (r#"{"score":5}"#, "`shop` is missing"),
            (
                r#"{"shop":"x","score":"ann@x.example"}"#,
                "a field is of the wrong type or not known at line 1 column 35",
            ),
            (
                r#"{"shop":"x","ann@x.example":1}"#,
                "a field is of the wrong type or not known at line 1 column 27",
            ),
            (r#"{"shop":"x","#, "the JSON ends too early"),
            (r#"ann@x.example"#, "not JSON at line 1 column 1"),
        ] {
            let error = serde_json::from_str::<Body>(text).expect_err("a mistake");
            assert_eq!(json_problem(&error), told);
        }
    }
}
