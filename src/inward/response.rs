//! What an IMAP server says (RFC 9051, section 7): the few responses that matter here, and that others are
//! passed over. Pure; no bytes make it panic, and nothing nests.

/// One response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Response<'a> {
    /// The end of a command.
    Done {
        /// Which.
        tag: &'a str,
        /// Whether it was done.
        is_ok: bool,
    },
    /// More of the command may come.
    Continue,
    /// All is well, with a number about the folder.
    Ok(Option<Code>),
    /// Nobody needs to sign in.
    PreAuth,
    /// The server ends the connection.
    Bye,
    /// What it can do, by name.
    Capabilities(Vec<&'a str>),
    /// Something of a letter.
    Fetch(Fetch<'a>),
    /// Something else.
    Other,
}

/// A number about the folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    /// What the numbers of its letters are good for.
    UidValidity(u32),
    /// The number that the next letter gets at least.
    UidNext(u32),
}

/// What was asked of a letter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Fetch<'a> {
    /// Its number.
    pub(super) uid: Option<u32>,
    /// Its bytes.
    pub(super) size: Option<u64>,
    /// The letter.
    pub(super) body: Option<&'a [u8]>,
}

/// The length of the literal that follows a line, if one does. Only responses about letters have any here:
/// elsewhere such an end of a line is text.
pub(super) fn literal_after(response: &[u8]) -> Option<u64> {
    let is_numbered = response.strip_prefix(b"* ")?.first().is_some_and(u8::is_ascii_digit);
    let line = response.strip_suffix(b"\n").filter(|_| is_numbered)?;
    let line = line.strip_suffix(b"\r").unwrap_or(line).strip_suffix(b"}")?;
    let begins = line.iter().rposition(|byte| *byte == b'{')?;
    number(line[begins + 1..].strip_suffix(b"+").unwrap_or(&line[begins + 1..]))
}

/// Reads a response with its literals; `None` when it is none.
pub(super) fn parse(response: &[u8]) -> Option<Response<'_>> {
    let response = response.strip_suffix(b"\n")?;
    let response = response.strip_suffix(b"\r").unwrap_or(response);
    if response.starts_with(b"+") {
        return Some(Response::Continue);
    }
    let (tag, rest) = split(response);
    if tag == b"*" {
        return untagged(rest);
    }
    let (status, _) = split(rest);
    let is_ok = status.eq_ignore_ascii_case(b"OK");
    let is_status = is_ok || [&b"NO"[..], b"BAD"].iter().any(|it| status.eq_ignore_ascii_case(it));
    let tag = std::str::from_utf8(tag).ok().filter(|_| is_status)?;
    Some(Response::Done { tag, is_ok })
}

fn untagged(rest: &[u8]) -> Option<Response<'_>> {
    let (word, rest) = split(rest);
    Some(match word.to_ascii_uppercase().as_slice() {
        b"OK" => Response::Ok(code(rest)),
        b"PREAUTH" => Response::PreAuth,
        b"BYE" => Response::Bye,
        b"CAPABILITY" => {
            let words = std::str::from_utf8(rest).unwrap_or_default();
            Response::Capabilities(words.split_ascii_whitespace().collect())
        }
        first if number(first).is_some() => {
            let (word, rest) = split(rest);
            match word.eq_ignore_ascii_case(b"FETCH") {
                // One that is not understood must not pass for a letter that is gone.
                true => Response::Fetch(Scanner(rest).fetch()?),
                false => Response::Other,
            }
        }
        _ => Response::Other,
    })
}

/// The first word, and what stands behind the space.
fn split(text: &[u8]) -> (&[u8], &[u8]) {
    match text.iter().position(|byte| *byte == b' ') {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, &[]),
    }
}

fn code(text: &[u8]) -> Option<Code> {
    let inner = text.strip_prefix(b"[")?;
    let inner = &inner[..inner.iter().position(|byte| *byte == b']')?];
    let (name, value) = split(inner);
    let value = u32::try_from(number(value)?).ok()?;
    match name.to_ascii_uppercase().as_slice() {
        b"UIDVALIDITY" => Some(Code::UidValidity(value)),
        b"UIDNEXT" => Some(Code::UidNext(value)),
        _ => None,
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(digits).ok().filter(|_| is_number)?.parse().ok()
}

/// Goes through what is said of a letter: names and values in parentheses.
struct Scanner<'a>(&'a [u8]);

impl<'a> Scanner<'a> {
    fn fetch(mut self) -> Option<Fetch<'a>> {
        self.0 = self.0.strip_prefix(b"(")?;
        let mut fetch = Fetch::default();
        loop {
            self.skip_spaces();
            if self.0.first()? == &b')' {
                return Some(fetch);
            }
            let name = self.name();
            self.skip_spaces();
            let value = self.value()?;
            match name.to_ascii_uppercase().as_slice() {
                b"UID" => fetch.uid = number(value).and_then(|uid| u32::try_from(uid).ok()),
                b"RFC822.SIZE" => fetch.size = number(value),
                b"BODY[]" if value != b"NIL" => fetch.body = Some(value),
                _ => {}
            }
        }
    }

    fn skip_spaces(&mut self) {
        let spaces = self.0.iter().take_while(|byte| **byte == b' ').count();
        self.0 = &self.0[spaces..];
    }

    /// A name with what stands in its brackets, such as `BODY[HEADER.FIELDS (DATE)]`.
    fn name(&mut self) -> &'a [u8] {
        let mut in_brackets = false;
        let ends = self.0.iter().position(|byte| {
            match byte {
                b'[' => in_brackets = true,
                b']' => in_brackets = false,
                _ => {}
            }
            !in_brackets && b" ()".contains(byte)
        });
        self.take(ends.unwrap_or(self.0.len()))
    }

    /// A value; of a list only that it is passed over.
    fn value(&mut self) -> Option<&'a [u8]> {
        match *self.0.first()? {
            b'(' => self.list(),
            b'"' => self.quoted(),
            b'{' => self.literal(),
            _ => {
                let ends = self.0.iter().position(|byte| b" ()".contains(byte));
                Some(self.take(ends.unwrap_or(self.0.len()))).filter(|atom| !atom.is_empty())
            }
        }
    }

    fn list(&mut self) -> Option<&'a [u8]> {
        let mut depth = 0_usize;
        loop {
            match *self.0.first()? {
                b'(' => depth += 1,
                b')' => depth -= 1,
                b'"' => {
                    self.quoted()?;
                    continue;
                }
                b'{' => {
                    self.literal()?;
                    continue;
                }
                _ => {}
            }
            self.take(1);
            if depth == 0 {
                return Some(b"()");
            }
        }
    }

    fn quoted(&mut self) -> Option<&'a [u8]> {
        let mut is_escaped = false;
        let ends = self.0.iter().skip(1).position(|byte| {
            let is_end = *byte == b'"' && !is_escaped;
            is_escaped = *byte == b'\\' && !is_escaped;
            is_end
        })?;
        let quoted = self.take(ends + 2);
        Some(&quoted[1..=ends])
    }

    fn literal(&mut self) -> Option<&'a [u8]> {
        let ends = self.0.iter().position(|byte| *byte == b'}')?;
        let digits = &self.0[1..ends];
        let length = number(digits.strip_suffix(b"+").unwrap_or(digits))?;
        let begins = ends + 1;
        let line_end = if self.0[begins..].starts_with(b"\r") { 2 } else { 1 };
        let length = usize::try_from(length).ok()?;
        let all = begins.checked_add(line_end)?.checked_add(length)?;
        let literal = self.0.get(begins + line_end..all)?;
        self.take(all);
        Some(literal)
    }

    fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fetch(text: &str) -> Option<Fetch<'_>> {
        match parse(text.as_bytes()) {
            Some(Response::Fetch(fetch)) => Some(fetch),
            _ => None,
        }
    }

    #[test]
    fn ends_of_commands_numbers_of_folders_and_abilities_are_read() {
        let of = |text: &'static str| parse(text.as_bytes());

        let done = |tag, is_ok| Some(Response::Done { tag, is_ok });
        assert_eq!(of("a1 OK [READ-WRITE] done\r\n"), done("a1", true));
        assert_eq!(of("a2 no [AUTHENTICATIONFAILED] sorry\r\n"), done("a2", false));
        assert_eq!(of("a3 BAD\r\n"), done("a3", false));
        assert_eq!(of("a4 MAYBE\r\n"), None);
        let validity = Response::Ok(Some(Code::UidValidity(38)));
        assert_eq!(of("* OK [UIDVALIDITY 38] valid\r\n"), Some(validity));
        assert_eq!(of("* ok [uidnext 4]\r\n"), Some(Response::Ok(Some(Code::UidNext(4)))));
        // What cuts a byte off behind the bracket has an end here.
        assert_eq!(of("* OK [ALERT]– read this {5}\r\n"), Some(Response::Ok(None)));
        assert_eq!(of("* BYE\n"), Some(Response::Bye));
        let abilities = Response::Capabilities(vec!["IMAP4rev1", "MOVE"]);
        assert_eq!(of("* CAPABILITY IMAP4rev1 MOVE\r\n"), Some(abilities));
        assert_eq!(of("+ \r\n"), Some(Response::Continue));
        assert_eq!(of("* 3 EXISTS\r\n"), Some(Response::Other));
        assert_eq!(of("no end of a line"), None);
    }

    #[test]
    fn letters_are_found_among_what_else_is_said_of_them() {
        let text = "* 2 FETCH (FLAGS (\\Seen \"a)\") UID 7 RFC822.SIZE 12 X {2}\r\n)( BODY[] \
                    {6}\r\na)\r\n{9 MODSEQ (3))\r\n";
        let body = Some(&b"a)\r\n{9"[..]);
        assert_eq!(fetch(text), Some(Fetch { uid: Some(7), size: Some(12), body }));

        let quoted = "* 1 FETCH (BODY[] \"a \\\" b\" UID 1)\r\n";
        assert_eq!(fetch(quoted).and_then(|it| it.body), Some(&b"a \\\" b"[..]));
        assert_eq!(fetch("* 1 FETCH (UID 1 BODY[] NIL)\r\n").and_then(|it| it.body), None);
        let other = "* 1 FETCH (BODY[HEADER.FIELDS (DATE)] {2}\r\nab UID 5)\r\n";
        assert_eq!(fetch(other), Some(Fetch { uid: Some(5), ..Fetch::default() }));
        for broken in ["* 1 FETCH (UID 1 BODY[] {99}\r\nshort)\r\n", "* 1 FETCH (UID\r\n"] {
            assert_eq!(parse(broken.as_bytes()), None, "{broken}");
        }
    }

    #[test]
    fn a_literal_follows_a_response_about_a_letter_and_no_other_line() {
        assert_eq!(literal_after(b"* 1 FETCH (BODY[] {310}\r\n"), Some(310));
        assert_eq!(literal_after(b"* 1 FETCH (BODY[] {310+}\n"), Some(310));
        for line in
            [&b"* OK hello {310}\r\n"[..], b"a1 OK {3}\r\n", b"* 1 FETCH {}\r\n", b"* 1 {3}"]
        {
            assert_eq!(literal_after(line), None, "{line:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes: Vec<u8>, text in "[ -~{}()\"\\[\\]\r\n]{0,80}") {
            let _ = (parse(&bytes), literal_after(&bytes));
            let about_a_letter = format!("* 1 FETCH ({text}\r\n");
            let _ = (parse(about_a_letter.as_bytes()), literal_after(about_a_letter.as_bytes()));
        }
    }
}
