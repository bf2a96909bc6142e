//! Thresholds on the result: `--require 'within_15s_person>=0.95'`.

use std::str::FromStr;

use serde::Serialize;
use serde_json::Value;

/// How a measured value is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    AtLeast,
    AtMost,
    More,
    Less,
    Equal,
    NotEqual,
}

/// Longer signs first: `<` is a prefix of `<=`.
const SIGNS: [(&str, Comparison); 6] = [
    (">=", Comparison::AtLeast),
    ("<=", Comparison::AtMost),
    ("==", Comparison::Equal),
    ("!=", Comparison::NotEqual),
    (">", Comparison::More),
    ("<", Comparison::Less),
];

/// One threshold.
#[derive(Clone, Debug, PartialEq)]
pub struct Requirement {
    text: String,
    path: String,
    comparison: Comparison,
    bound: f64,
}

/// How a threshold came out.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    pub require: String,
    /// Null when nothing was measured, which fails.
    pub value: Option<f64>,
    pub passed: bool,
}

impl FromStr for Requirement {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (at, sign, comparison) = SIGNS
            .iter()
            .filter_map(|(sign, comparison)| text.find(sign).map(|at| (at, *sign, *comparison)))
            .min_by_key(|(at, sign, _)| (*at, usize::MAX - sign.len()))
            .ok_or_else(|| format!("`{text}` has none of >= <= == != > <"))?;
        let path = text[..at].trim();
        let bound = text[at + sign.len()..].trim();
        if path.is_empty() {
            return Err(format!("`{text}` names no figure before {sign}"));
        }
        let bound = bound
            .parse::<f64>()
            .ok()
            .filter(|bound| bound.is_finite())
            .ok_or_else(|| format!("`{bound}` in `{text}` is not a number"))?;
        Ok(Self { text: text.trim().into(), path: path.into(), comparison, bound })
    }
}

impl Requirement {
    /// Whether the result has such a figure at all, so that a typing error shows before the run
    /// and not after it. Errors are open-ended: one that did not happen counts 0.
    pub fn exists_in(&self, result: &Value) -> bool {
        self.path.starts_with("errors.")
            || lookup(result, &self.path).is_some_and(|value| value.is_number() || value.is_null())
    }

    /// The figure's name.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Compares the figure in `result`.
    pub fn check(&self, result: &Value) -> Outcome {
        let value = match lookup(result, &self.path) {
            Some(value) => value.as_f64(),
            None if self.path.starts_with("errors.") => Some(0.0),
            None => None,
        };
        let passed = value.is_some_and(|value| match self.comparison {
            Comparison::AtLeast => value >= self.bound,
            Comparison::AtMost => value <= self.bound,
            Comparison::More => value > self.bound,
            Comparison::Less => value < self.bound,
            Comparison::Equal => value == self.bound,
            Comparison::NotEqual => value != self.bound,
        });
        Outcome { require: self.text.clone(), value, passed }
    }
}

fn lookup<'a>(result: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(result, |value, key| value.get(key))
}

/// Every dotted key of `result` that a requirement can name.
pub fn figures(result: &Value) -> Vec<String> {
    fn collect(value: &Value, path: &str, found: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                for (key, value) in fields {
                    let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                    collect(value, &path, found);
                }
            }
            Value::Number(_) | Value::Null => found.push(path.into()),
            _ => {}
        }
    }
    let mut found = Vec::new();
    collect(result, "", &mut found);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result() -> Value {
        serde_json::json!({"within_15s_person": 0.96, "lost": 0, "ack_ms": {"p99": 12.5, "p50": null}, "errors": {}})
    }

    fn passes(text: &str) -> bool {
        text.parse::<Requirement>().expect("well formed").check(&result()).passed
    }

    #[test]
    fn figures_are_compared_by_every_sign() {
        for (text, expected) in [
            ("within_15s_person>=0.95", true),
            ("within_15s_person >= 0.97", false),
            ("ack_ms.p99<=12.5", true),
            ("ack_ms.p99<12.5", false),
            ("ack_ms.p99>12", true),
            ("lost==0", true),
            ("lost!=0", false),
        ] {
            assert_eq!(passes(text), expected, "{text}");
        }
    }

    #[test]
    fn a_figure_that_was_not_measured_fails_whatever_is_asked() {
        assert!(!passes("ack_ms.p50<=100"));
        assert!(!passes("ack_ms.p50!=100"));
    }

    #[test]
    fn an_error_that_did_not_happen_counts_zero() {
        assert!(passes("errors.overloaded==0"));
    }

    #[test]
    fn an_unknown_figure_is_found_out_before_the_run() {
        let typo: Requirement = "ack_ms.p9<=5".parse().expect("well formed");

        assert!(!typo.exists_in(&result()));
        assert!(figures(&result()).contains(&"ack_ms.p99".to_owned()));
    }

    #[test]
    fn malformed_requirements_are_refused() {
        for text in ["", "lost", ">=1", "lost>=", "lost>=x", "lost>=NaN", "lost=0"] {
            assert!(text.parse::<Requirement>().is_err(), "{text}");
        }
    }
}
