//! What a letter is made of. Pure.
//!
//! The library that reads letters follows what lies in what to any depth, on the stack, and keeps every part.
//! So it is given one head at a time, or one text under a head that is written here, and the structure is
//! followed here, within bounds. A letter in a letter is not opened.

use mail_parser::{ContentType, HeaderName, Message, MessageParser, MimeHeaders};

use super::html;

/// Largest head of a letter or of a part.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// The heads of all parts together.
const HEADS_BYTES_MAX: usize = 512 << 10;
/// Parts of a letter.
const PARTS_MAX: usize = 1_000;
/// How deep they lie in one another.
const DEPTH_MAX: usize = 16;
/// Of one text so much is looked at, as it came.
const TEXT_BYTES_MAX: usize = 2 << 20;

/// A letter has more to it than letters have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its head is too large, or it has too many parts or too deep ones")]
pub(super) struct OutOfBounds;

/// A head, and what stands below it.
pub(super) struct Opened<'a> {
    head: Option<Message<'a>>,
    body: &'a [u8],
}

/// A part with those that lie in it.
pub(super) enum Part<'a> {
    /// It may be what was written.
    Text(Text<'a>),
    /// It tells machines what became of an e-mail (RFC 3464).
    Status(Text<'a>),
    /// Others lie in it.
    Several { are_alternatives: bool, parts: Vec<Part<'a>> },
    /// An attachment, or another letter.
    Other,
}

/// A text as it came, and how it is coded.
pub(super) struct Text<'a> {
    is_html: bool,
    charset: String,
    encoding: &'static str,
    body: &'a [u8],
}

impl<'a> Opened<'a> {
    /// Reads the head of a letter or a part.
    pub(super) fn of(raw: &'a [u8]) -> Result<Self, OutOfBounds> {
        let mut length = 0;
        for line in raw.split_inclusive(|byte| *byte == b'\n') {
            length += line.len();
            if length > HEAD_BYTES_MAX {
                return Err(OutOfBounds);
            }
            if line.trim_ascii().is_empty() {
                break;
            }
        }
        let (head, body) = raw.split_at(length);
        Ok(Self { head: parser().parse_headers(head), body })
    }

    /// Whether it is a letter at all.
    pub(super) fn has_head(&self) -> bool {
        self.head.is_some()
    }

    /// Values of a header as they came, in order.
    pub(super) fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        let headers = self.head.iter().flat_map(Message::headers_raw);
        let named = headers.filter(move |(it, _)| it.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.trim())
    }

    /// What the writer's program named it.
    pub(super) fn message_id(&self) -> Option<&str> {
        self.head.as_ref().and_then(Message::message_id)
    }

    /// What lies in it.
    pub(super) fn parts(&self) -> Result<Part<'a>, OutOfBounds> {
        let mut left = Left { parts: PARTS_MAX, head_bytes: HEADS_BYTES_MAX };
        self.part(&Above { depth: 0, is_digest: false }, &mut left)
    }

    fn part(&self, above: &Above, left: &mut Left) -> Result<Part<'a>, OutOfBounds> {
        let head = self.head.as_ref();
        let content_type = head.and_then(|head| head.content_type());
        let (kind, sub) = content_type
            .map_or(("text", "plain"), |it| (it.ctype(), it.subtype().unwrap_or_default()));
        let is = |value: &str, wanted: &str| value.eq_ignore_ascii_case(wanted);
        if is(kind, "multipart") {
            let boundary = content_type.and_then(|it| it.attribute("boundary"));
            let below = Above { depth: above.depth + 1, is_digest: is(sub, "digest") };
            let parts = self.several(boundary.unwrap_or_default(), &below, left)?;
            return Ok(Part::Several { are_alternatives: is(sub, "alternative"), parts });
        }
        let is_status = is(kind, "message")
            && (is(sub, "delivery-status") || is(sub, "global-delivery-status"));
        if is_status {
            return Ok(Part::Status(self.text(content_type, false)));
        }
        let is_attached = head
            .and_then(|head| head.content_disposition())
            .is_some_and(ContentType::is_attachment)
            || above.depth > 0 && content_type.is_some_and(|it| it.has_attribute("name"))
            || above.is_digest && content_type.is_none();
        if !is_attached && is(kind, "text") && ["", "plain", "html"].iter().any(|it| is(sub, it)) {
            return Ok(Part::Text(self.text(content_type, is(sub, "html"))));
        }
        Ok(Part::Other)
    }

    /// Parts between lines of a boundary; what stands before the first and behind the last is for nobody.
    fn several(
        &self,
        boundary: &str,
        above: &Above,
        left: &mut Left,
    ) -> Result<Vec<Part<'a>>, OutOfBounds> {
        if above.depth > DEPTH_MAX {
            return Err(OutOfBounds);
        }
        let (mut parts, mut begins, mut at) = (Vec::new(), None, 0);
        let mut end = |begins: Option<usize>, ends: usize| -> Result<(), OutOfBounds> {
            let Some(begins) = begins else { return Ok(()) };
            let part = Opened::of(&self.body[begins..ends])?;
            let head_bytes = ends - begins - part.body.len();
            left.parts = left.parts.checked_sub(1).ok_or(OutOfBounds)?;
            left.head_bytes = left.head_bytes.checked_sub(head_bytes).ok_or(OutOfBounds)?;
            parts.push(part.part(above, left)?);
            Ok(())
        };
        for line in self.body.split_inclusive(|byte| *byte == b'\n') {
            let (line_begins, line_ends) = (at, at + line.len());
            at = line_ends;
            match boundary_line(line, boundary) {
                None => {}
                Some(Boundary::Next) => end(begins.replace(line_ends), line_begins)?,
                Some(Boundary::Last) => {
                    end(begins.take(), line_begins)?;
                    return Ok(parts);
                }
            }
        }
        end(begins, self.body.len())?;
        Ok(parts)
    }

    fn text(&self, content_type: Option<&ContentType<'_>>, is_html: bool) -> Text<'a> {
        let is_of_name = |c: &char| c.is_ascii_alphanumeric() || "-_.:+".contains(*c);
        let charset = content_type.and_then(|it| it.attribute("charset")).unwrap_or("utf-8");
        let encoding = self.head.as_ref().and_then(|it| it.content_transfer_encoding());
        let known = ["base64", "quoted-printable"];
        let known = known
            .into_iter()
            .find(|it| encoding.is_some_and(|encoding| encoding.trim().eq_ignore_ascii_case(it)));
        Text {
            is_html,
            charset: charset.chars().take(64).filter(is_of_name).collect(),
            encoding: known.unwrap_or("8bit"),
            body: self.body,
        }
    }
}

/// What the other parts of a letter may have.
struct Left {
    parts: usize,
    head_bytes: usize,
}

/// What a part lies in.
struct Above {
    depth: usize,
    is_digest: bool,
}

enum Boundary {
    Next,
    Last,
}

fn boundary_line(line: &[u8], boundary: &str) -> Option<Boundary> {
    let rest = line.strip_prefix(b"--")?.strip_prefix(boundary.as_bytes())?;
    match rest.trim_ascii() {
        _ if boundary.is_empty() => None,
        b"" => Some(Boundary::Next),
        b"--" => Some(Boundary::Last),
        _ => None,
    }
}

impl<'a> Part<'a> {
    /// What was written: the first text, of alternatives rather one that is not HTML.
    pub(super) fn written(&self) -> Option<&Text<'a>> {
        match self {
            Self::Text(text) => Some(text),
            Self::Status(_) | Self::Other => None,
            Self::Several { are_alternatives, parts } => {
                let mut texts = parts.iter().filter_map(Self::written);
                let first = texts.next()?;
                if !are_alternatives || !first.is_html {
                    return Some(first);
                }
                Some(texts.find(|text| !text.is_html).unwrap_or(first))
            }
        }
    }

    /// What machines are told of an e-mail.
    pub(super) fn statuses(&self) -> Vec<&Text<'a>> {
        match self {
            Self::Status(status) => vec![status],
            Self::Text(_) | Self::Other => Vec::new(),
            Self::Several { parts, .. } => parts.iter().flat_map(Self::statuses).collect(),
        }
    }
}

impl Text<'_> {
    /// The text, without coding and without HTML.
    pub(super) fn decoded(&self) -> String {
        let Self { is_html, charset, encoding, body } = self;
        let body = &body[..body.len().min(TEXT_BYTES_MAX)];
        let sub = if *is_html { "html" } else { "plain" };
        let head = format!(
            "Content-Type: text/{sub}; charset=\"{charset}\"\r\n\
             Content-Transfer-Encoding: {encoding}\r\n\r\n"
        );
        let alone = [head.as_bytes(), body].concat();
        let Some(letter) = MessageParser::default().parse(&alone) else { return String::new() };
        let text = if *is_html {
            letter.body_html(0).map(|html| html::to_text(&html))
        } else {
            letter.body_text(0).map(|text| text.into_owned())
        };
        text.unwrap_or_default()
    }
}

/// Of a head only these headers are understood; all are kept as they came.
fn parser() -> MessageParser {
    MessageParser::new()
        .header_id(HeaderName::MessageId)
        .header_content_type(HeaderName::ContentType)
        .header_content_type(HeaderName::ContentDisposition)
        .header_text(HeaderName::ContentTransferEncoding)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(letter: &str) -> Result<String, OutOfBounds> {
        let opened = Opened::of(letter.as_bytes())?;
        Ok(opened.parts()?.written().map(Text::decoded).unwrap_or_default())
    }

    /// Multiparts in one another, and a text in the innermost.
    fn nested(depth: usize) -> String {
        let open = |at| format!("Content-Type: multipart/mixed; boundary=b{at}\n\n--b{at}\n");
        (0..depth).map(open).collect::<String>() + "\nhello"
    }

    #[test]
    fn of_alternatives_the_plain_one_is_read_and_elsewhere_the_first() {
        let (html, plain) = ("\r\nContent-Type: text/html\r\n\r\n<b>so</b>", "\r\n\r\nplain");
        let of = |kind: &str, parts: [&str; 2]| {
            let [one, other] = parts;
            let boundary = "--x y\r\n".trim_end();
            written(&format!(
                "Content-Type: multipart/{kind}; boundary=\"x y\"\r\n\r\nfor old programs\r\n\
                 {boundary}{one}\r\n{boundary}{other}\r\n{boundary}--\r\nfor nobody"
            ))
        };

        assert_eq!(of("alternative", [html, plain]).expect("in bounds").trim(), "plain");
        assert_eq!(of("mixed", [html, plain]).expect("in bounds"), "so");
        let attached = "\r\nContent-Disposition: attachment\r\n\r\nnot this";
        assert_eq!(of("mixed", [attached, plain]).expect("in bounds").trim(), "plain");
        let letter = "\r\nContent-Type: message/rfc822\r\n\r\nTo: a\r\n\r\nnot this";
        assert_eq!(of("mixed", [letter, html]).expect("in bounds"), "so");
        assert_eq!(of("digest", [plain, plain]), Ok(String::new()), "these are letters");
    }

    #[test]
    fn a_coding_that_is_none_and_a_charset_of_tricks_are_no_heads_of_their_own() {
        let tricks = "Content-Type: text/plain; charset=\"x\\\"; boundary=b\"\r\n\
                      Content-Transfer-Encoding: base64; x\r\n\r\nhi";
        assert_eq!(written(tricks), Ok("hi".to_owned()));
        let latin = b"Content-Type: text/plain; charset=iso-8859-1\r\n\r\n\xe9";
        let opened = Opened::of(latin).expect("in bounds");
        assert_eq!(
            opened.parts().expect("in bounds").written().map(Text::decoded),
            Some("é".into())
        );
    }

    #[test]
    fn parts_lie_so_deep_and_no_deeper() {
        assert_eq!(written(&nested(DEPTH_MAX)), Ok("hello".to_owned()));
        assert_eq!(written(&nested(DEPTH_MAX + 1)), Err(OutOfBounds));
        assert_eq!(written(&nested(50_000)), Err(OutOfBounds));
    }

    #[test]
    fn a_letter_has_so_many_parts_and_heads_of_such_a_size() {
        let begin = "Content-Type: multipart/mixed; boundary=b\n\n";
        let parts = |many| written(&format!("{begin}{}", "--b\n\nhi\n".repeat(many)));
        assert_eq!(parts(PARTS_MAX).expect("in bounds").trim(), "hi");
        assert_eq!(parts(PARTS_MAX + 1), Err(OutOfBounds));

        let head = |bytes| format!("X: {}\n\n", "x".repeat(bytes - 5));
        assert_eq!(written(&head(HEAD_BYTES_MAX)), Ok(String::new()));
        assert_eq!(written(&head(HEAD_BYTES_MAX + 1)), Err(OutOfBounds));
        let heads = |many| {
            let part = format!("--b\n{}\n", head(HEAD_BYTES_MAX));
            written(&format!("{begin}{}", part.repeat(many)))
        };
        let most = HEADS_BYTES_MAX / HEAD_BYTES_MAX;
        assert!(heads(most).is_ok());
        assert_eq!(heads(most + 1), Err(OutOfBounds));
    }
}
