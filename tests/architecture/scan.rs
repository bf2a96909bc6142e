//! Reads Rust source just far enough to see which paths it names.

/// A path such as `crate::domain::Event`, and its line.
#[derive(Debug, PartialEq, Eq)]
pub struct NamedPath {
    pub line: usize,
    pub parts: Vec<String>,
}

impl NamedPath {
    /// Whether the path begins or ends with `place`, written with `::`: `std::fs` is named by its
    /// beginning, `Instant::now` by its end however much of the path stands before it.
    pub fn names(&self, place: &str) -> bool {
        let place: Vec<_> = place.split("::").collect();
        let same = |parts: &[String]| parts.iter().zip(&place).all(|(a, b)| a == b);
        let extra = self.parts.len().checked_sub(place.len());
        extra.is_some_and(|extra| same(&self.parts) || same(&self.parts[extra..]))
    }
}

/// Every path of two or more parts that the source names outside comments, literals and test code.
pub fn paths(source: &str) -> Vec<NamedPath> {
    let code = without_tests(&without_text(source));
    let tokens = tokens(&code);
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let starts_path = is_word(&tokens[at].1) && (at == 0 || tokens[at - 1].1 != "::");
        at = if starts_path { read_tree(&tokens, at, &[], &mut found) } else { at + 1 };
    }
    found.retain(|path| path.parts.len() > 1);
    found
}

/// Names of modules that exist in tests only and lie in files of their own.
pub fn test_modules(source: &str) -> Vec<String> {
    let code = without_text(source);
    let tokens = tokens(&code);
    let words: Vec<_> = tokens.iter().map(|(_, word)| word.as_str()).collect();
    let declared = words.windows(10).filter_map(|words| match words {
        ["#", "[", "cfg", "(", "test", ")", "]", "mod", name, ";"] => Some((*name).to_owned()),
        _ => None,
    });
    declared.collect()
}

/// Reads a path, with groups in braces as in `use`, from token `at`; gives the token after it.
fn read_tree(
    tokens: &[(usize, String)],
    mut at: usize,
    prefix: &[String],
    found: &mut Vec<NamedPath>,
) -> usize {
    let mut parts = prefix.to_vec();
    let line = tokens[at].0;
    loop {
        match tokens.get(at).map(|(_, word)| word.as_str()) {
            Some("{") => {
                at += 1;
                while at < tokens.len() && tokens[at].1 != "}" {
                    let is_branch = is_word(&tokens[at].1) || tokens[at].1 == "{";
                    at = if is_branch { read_tree(tokens, at, &parts, found) } else { at + 1 };
                }
                return at + 1;
            }
            Some(word) if is_word(word) => {
                parts.push(word.to_owned());
                at += 1;
            }
            _ => break,
        }
        let more = tokens.get(at).is_some_and(|(_, word)| word == "::");
        let next = tokens.get(at + 1).map(|(_, word)| word.as_str());
        if !more || !next.is_some_and(|word| is_word(word) || word == "{") {
            break;
        }
        at += 1;
    }
    found.push(NamedPath { line, parts });
    at
}

fn is_word(token: &str) -> bool {
    token.starts_with(|letter: char| letter.is_alphabetic() || letter == '_')
}

/// Words, `::`, and every other sign by itself, each with its line.
fn tokens(code: &str) -> Vec<(usize, String)> {
    let mut tokens = Vec::new();
    for (line, text) in code.lines().enumerate() {
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
            let length = if is_part(first) {
                rest.find(|letter| !is_part(letter)).unwrap_or(rest.len())
            } else if rest.starts_with("::") {
                2
            } else {
                first.len_utf8()
            };
            let (token, after) = rest.split_at(length);
            if !first.is_whitespace() {
                tokens.push((line + 1, token.to_owned()));
            }
            rest = after;
        }
    }
    tokens
}

/// Blanks `#[cfg(test)] mod name { … }`, keeping the lines.
fn without_tests(code: &str) -> String {
    let mut kept = String::new();
    let mut rest = code;
    while let Some(at) = rest.find("#[cfg(test)]") {
        let (before, marked) = rest.split_at(at);
        kept.push_str(before);
        // What the attribute belongs to ends with its block, or with a semicolon before any block.
        let end = match (marked.find('{'), marked.find(';')) {
            (Some(block), semicolon) if semicolon.is_none_or(|end| block < end) => {
                block + block_length(&marked[block..])
            }
            (_, Some(semicolon)) => semicolon + 1,
            _ => marked.len(),
        };
        let (test, after) = marked.split_at(end);
        kept.extend(test.chars().filter(|letter| *letter == '\n'));
        rest = after;
    }
    kept + rest
}

fn block_length(block: &str) -> usize {
    let mut depth = 0;
    for (at, letter) in block.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    block.len()
}

/// Blanks comments and the insides of literals, keeping the lines.
fn without_text(source: &str) -> String {
    let mut code = String::new();
    let mut rest = source;
    while !rest.is_empty() {
        let length = text_length(rest, code.chars().next_back());
        if length > 0 {
            let (text, after) = rest.split_at(length);
            code.push(' ');
            code.extend(text.chars().filter(|letter| *letter == '\n'));
            rest = after;
        } else {
            let mut letters = rest.chars();
            code.extend(letters.next());
            rest = letters.as_str();
        }
    }
    code
}

/// Bytes of the comment or literal at the start of `rest`; zero when there is none.
fn text_length(rest: &str, before: Option<char>) -> usize {
    let until = |end: &str, from: usize| {
        rest.get(from..)
            .and_then(|text| text.find(end))
            .map_or(rest.len(), |at| from + at + end.len())
    };
    let inside_word = before.is_some_and(|letter| letter.is_alphanumeric() || letter == '_');
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return until("*/", 2);
    }
    let raw = rest.strip_prefix("br").or(rest.strip_prefix('r')).filter(|_| !inside_word);
    if let Some(raw) = raw {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if raw[hashes..].starts_with('"') {
            let start = rest.len() - raw.len() + hashes + 1;
            return until(&format!("\"{}", "#".repeat(hashes)), start);
        }
    }
    if rest.starts_with('"') {
        let mut escaped = false;
        for (at, letter) in rest.char_indices().skip(1) {
            match letter {
                '"' if !escaped => return at + 1,
                '\\' => escaped = !escaped,
                _ => escaped = false,
            }
        }
        return rest.len();
    }
    // A character, not a lifetime: 'a' or '\n'.
    let mut letters = rest.chars();
    match (letters.next(), letters.next(), letters.next()) {
        (Some('\''), Some('\\'), Some(_)) => until("'", 3),
        (Some('\''), Some(letter), Some('\'')) => 2 + letter.len_utf8(),
        _ => 0,
    }
}

#[test]
fn paths_are_found_in_use_trees_and_in_code_but_not_in_text_or_tests() {
    let source = r##"
        //! crate::comment::A
        use crate::{config::{Config, limits::B}, domain};
        fn f<'a>(x: &'a str) -> std::io::Result<()> {
            let _ = ("crate::literal::C", '"', r#"crate::raw::D"#, "\"crate::escaped::E");
            crate::flow::run(x) // crate::tail::F
        }
        #[cfg(test)]
        mod tests { use crate::journal::G; fn g() { if true {} } }
        fn h() { tokio::spawn(async {}); }
    "##;

    let found: Vec<_> = paths(source).iter().map(|path| path.parts.join("::")).collect();

    assert_eq!(
        found,
        [
            "crate::config::Config",
            "crate::config::limits::B",
            "crate::domain",
            "std::io::Result",
            "crate::flow::run",
            "tokio::spawn"
        ]
    );
}
