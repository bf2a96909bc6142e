//! What was written in a text in HTML. Pure.
//!
//! The library ends lines only at `<br>` and `</p>`, and knows no quotations. So lines are ended here, and a
//! line with the mark of a quotation is put in place of each, before it takes the tags away.

use mail_parser::decoders::html::html_to_text;

/// In place of a quotation: a line that begins with `>`.
const MARK: &str = "<br>&gt;<br>";
/// What begins and ends on lines of its own.
const BLOCKS: [&str; 15] =
    ["div", "p", "tr", "li", "hr", "ul", "ol", "table", "pre", "h1", "h2", "h3", "h4", "h5", "h6"];

/// The lines of a text, a quotation as one line with its mark.
pub(super) fn to_text(html: &str) -> String {
    let text = html_to_text(&with_lines(html));
    // Line breaks in the source are spaces in front of what follows.
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    lines.join("\n")
}

/// A tag without its brackets.
struct Tag<'a> {
    name: &'a str,
    attributes: &'a str,
    is_end: bool,
}

impl<'a> Tag<'a> {
    fn of(inside: &'a str) -> Self {
        let name = inside.strip_prefix('/');
        let (is_end, inside) = (name.is_some(), name.unwrap_or(inside));
        let is_of_name = |c: char| c.is_ascii_alphanumeric();
        let ends = inside.find(|c: char| !is_of_name(c)).unwrap_or(inside.len());
        let (name, attributes) = inside.split_at(ends);
        Self { name, attributes, is_end }
    }

    fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    fn is_block(&self) -> bool {
        BLOCKS.into_iter().any(|name| self.is(name))
    }

    /// Whether it has a class or an id of this name.
    fn is_named(&self, name: &str) -> bool {
        let is_of_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        self.attributes.split(|c: char| !is_of_name(c)).any(|it| it == name)
    }

    fn begins_quotation(&self) -> bool {
        !self.is_end && (self.is("blockquote") || self.is("div") && self.is_named("yahoo_quoted"))
    }

    /// Outlook on the web has the head of what it quotes in here, and all the rest below.
    fn begins_letter_below(&self) -> bool {
        !self.is_end && self.is_named("divRplyFwdMsg")
    }
}

/// Ends lines where a browser does. Each byte is looked at a few times, whatever is left open.
fn with_lines(html: &str) -> String {
    let mut kept = String::with_capacity(html.len());
    // The quotation that is left out, by the name of its tag, and how deep it lies in others of that name.
    let mut quotation: Option<(&str, usize)> = None;
    let (mut rest, mut line_has_text) = (html, false);
    while let Some(at) = rest.find('<') {
        let (text, from_tag) = rest.split_at(at);
        if quotation.is_none() {
            kept.push_str(text);
            line_has_text |= !text.trim_ascii().is_empty();
        }
        if from_tag.starts_with("<!--") {
            // "<!-->" is one as well.
            rest = from_tag[2..].split_once("-->").map_or("", |(_, below)| below);
            continue;
        }
        let (raw, below) = match from_tag[1..].find(['<', '>']) {
            Some(end) if from_tag[1 + end..].starts_with('>') => from_tag.split_at(1 + end + 1),
            // No tag, only a bracket.
            Some(end) => {
                let (text, below) = from_tag.split_at(1 + end);
                if quotation.is_none() {
                    kept.push_str(text);
                }
                rest = below;
                continue;
            }
            None => {
                rest = from_tag;
                break;
            }
        };
        rest = below;
        let tag = Tag::of(&raw[1..raw.len() - 1]);
        if let Some((name, depth)) = quotation {
            quotation = match (tag.is(name), tag.is_end) {
                (false, _) => Some((name, depth)),
                (true, false) => Some((name, depth + 1)),
                (true, true) => (depth > 1).then_some((name, depth - 1)),
            };
            continue;
        }
        if tag.begins_letter_below() {
            return kept;
        }
        if tag.begins_quotation() {
            kept.push_str(MARK);
            quotation = Some((tag.name, 1));
            line_has_text = false;
        } else if tag.is("br") {
            // With attributes the library would not know it.
            kept.push_str("<br>");
            line_has_text = false;
        } else {
            let ends_by_itself = tag.is("p") && tag.is_end;
            if line_has_text && tag.is_block() && !ends_by_itself {
                kept.push_str("<br>");
            }
            line_has_text &= !tag.is_block();
            kept.push_str(raw);
        }
    }
    if quotation.is_none() {
        kept.push_str(rest);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::super::quotes::without_quotes;
    use super::*;

    #[test]
    fn what_is_quoted_is_one_line_with_its_mark() {
        for quoted in [
            "<blockquote>your ticket T-1<blockquote>older</blockquote>text</blockquote>",
            "<BLOCKQUOTE type=\"cite\">your ticket T-1<br class=\"\">text</BLOCKQUOTE>",
            "<div class=\"yahoo_quoted\" id=\"q1\"><div>your ticket</div> T-1</div>",
            "<blockquote>your ticket T-1<div>never closed",
        ] {
            let html = format!(
                "<div>Thanks, that's fine</div><div>On 3 Mar 2025 Shop wrote:</div>{quoted}"
            );

            assert_eq!(
                to_text(&html).replace("\n\n", "\n").trim(),
                "Thanks, that's fine\nOn 3 Mar 2025 Shop wrote:\n>",
                "{quoted}"
            );
            assert_eq!(without_quotes(&to_text(&html)), "Thanks, that's fine", "{quoted}");
        }
    }

    #[test]
    fn what_stands_below_a_quotation_counts() {
        let html = "<div class=\"gmail_quote\"><div class=\"gmail_attr\">On 3 Mar 2025 Shop wrote:<br></div>\
                    <blockquote class=\"gmail_quote\">which order?</blockquote><div>TW-10482</div></div>";

        assert_eq!(without_quotes(&to_text(html)), "TW-10482");
    }

    #[test]
    fn the_letter_below_the_head_that_outlook_repeats_is_left_out() {
        let html = "<div>It is broken</div><hr tabindex=\"-1\"><div id=\"divRplyFwdMsg\" dir=\"ltr\">\
                    <b>From:</b> Shop</div><div>your ticket T-1</div>";

        assert_eq!(to_text(html), "It is broken");
        let html = "<p class=\"a\">It is broken</p>\n<p>\n<b>De :</b> Shop &lt;help@shop.example&gt;<br>T-1";
        assert_eq!(without_quotes(&to_text(html)), "It is broken");
    }

    #[test]
    fn lines_end_where_a_browser_ends_them() {
        for (html, lines) in [
            ("one<div>two</div>three", "one\ntwo\nthree"),
            ("<div>one</div><div><br></div><div>two</div>", "one\n\ntwo"),
            ("<div><div>one</div></div>\n  <div>two</div>", "one\ntwo"),
            ("<ul><li>one</li><li>two</li></ul>", "one\ntwo"),
            ("<table><tr><td>one</td></tr><tr><td>two</td></tr></table>", "one\ntwo"),
            ("one<hr>two<br class=\"\">three<br/>four", "one\ntwo\nthree\nfour"),
            ("<p>one <b>and</b></p><p>two</p>", "one and\ntwo"),
            ("one<!-- <blockquote> -->, two<!--> three", "one, two three"),
        ] {
            assert_eq!(to_text(html), lines, "{html}");
        }
    }

    #[test]
    fn a_megabyte_that_leaves_everything_open_is_read_in_one_go() {
        for part in ["<", "<div>", "<blockquote>", "</blockquote>", "<!--", "<div <", "é<"] {
            let _ = to_text(&part.repeat((1 << 20) / part.len()));
        }
    }

    proptest::proptest! {
        #[test]
        fn no_tags_make_the_reader_panic(
            html in "(<|>|/|<div|<blockquote|</blockquote>|<br>|<!--|-->|yahoo_quoted|&gt;|&| |é|a){0,40}"
        ) {
            let _ = to_text(&html);
        }
    }
}
