//! `source.spm`: a model of SentencePiece, as far as cutting texts needs it. The file is a message of
//! Protocol Buffers; its fields are those of `sentencepiece_model.proto`.

use super::{ModelError, PIECE_BYTES_MAX};

const FILE: &str = "source.spm";
/// Most bytes of all pieces: published models have below one million. In memory each takes some hundred.
const PIECES_BYTES_MAX: usize = 4 << 20;

/// What is read of the file.
#[derive(Debug, PartialEq)]
pub(super) struct Spm {
    /// Pieces of texts and how likely each is (a logarithm).
    pub pieces: Vec<(String, f32)>,
    /// Characters that are replaced, in their compiled form.
    pub charsmap: Vec<u8>,
    /// A space goes before the first word, too.
    pub space_first: bool,
    /// Spaces at the ends are left out, several become one.
    pub joins_spaces: bool,
}

/// Kinds of a piece.
mod kind {
    pub(super) const NORMAL: u64 = 1;
    pub(super) const UNKNOWN: u64 = 2;
    pub(super) const CONTROL: u64 = 3;
    pub(super) const UNUSED: u64 = 5;
}

const UNIGRAM: u64 = 1;

impl Spm {
    /// # Errors
    /// When the file is damaged, or cuts texts in another way than by the likelihood of pieces.
    pub(super) fn parse(file: &[u8]) -> Result<Self, ModelError> {
        let mut spm = Self {
            pieces: Vec::new(),
            charsmap: Vec::new(),
            space_first: true,
            joins_spaces: true,
        };
        let mut bytes = 0;
        for field in Fields(file) {
            match field? {
                (1, Value::Bytes(piece)) => {
                    let piece = piece_of(piece)?;
                    bytes += piece.as_ref().map_or(0, |(text, _)| text.len());
                    spm.pieces.extend(piece);
                }
                (2, Value::Bytes(trainer)) => check_trainer(trainer)?,
                (3, Value::Bytes(normaliser)) => spm.read_normaliser(normaliser)?,
                _ => {}
            }
        }
        if spm.pieces.is_empty() {
            return Err(ModelError::new(FILE, "no pieces"));
        }
        if bytes > PIECES_BYTES_MAX {
            let reason = format!("pieces of {bytes} bytes, at most {PIECES_BYTES_MAX} are read");
            return Err(ModelError::new(FILE, reason));
        }
        Ok(spm)
    }

    fn read_normaliser(&mut self, message: &[u8]) -> Result<(), ModelError> {
        for field in Fields(message) {
            match field? {
                (2, Value::Bytes(charsmap)) => self.charsmap = charsmap.to_vec(),
                (3, Value::Number(flag)) => self.space_first = flag != 0,
                (4, Value::Number(flag)) => self.joins_spaces = flag != 0,
                (5, Value::Number(0)) => {
                    return Err(ModelError::new(FILE, "spaces that are not shown as `▁`"));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// The piece, if it is one that texts are cut into.
fn piece_of(message: &[u8]) -> Result<Option<(String, f32)>, ModelError> {
    let (mut text, mut score, mut kind) = ("", 0.0, kind::NORMAL);
    for field in Fields(message) {
        match field? {
            (1, Value::Bytes(bytes)) => {
                text = std::str::from_utf8(bytes)
                    .map_err(|_| ModelError::new(FILE, "a piece is no UTF-8"))?;
            }
            (2, Value::Four(bytes)) => score = f32::from_le_bytes(bytes),
            (3, Value::Number(number)) => kind = number,
            _ => {}
        }
    }
    if text.len() > PIECE_BYTES_MAX {
        let bytes = text.len();
        let reason = format!("a piece of {bytes} bytes, at most {PIECE_BYTES_MAX} are read");
        return Err(ModelError::new(FILE, reason));
    }
    match kind {
        kind::NORMAL if text.is_empty() || !score.is_finite() => {
            Err(ModelError::new(FILE, format!("the piece `{text}` is damaged")))
        }
        kind::NORMAL => Ok(Some((text.to_owned(), score))),
        // They stand for no text, whatever a customer writes.
        kind::UNKNOWN | kind::CONTROL | kind::UNUSED => Ok(None),
        _ => {
            let reason = format!("the piece `{text}` is of a kind that is not supported");
            Err(ModelError::new(FILE, reason))
        }
    }
}

fn check_trainer(message: &[u8]) -> Result<(), ModelError> {
    for field in Fields(message) {
        let problem = match field? {
            (3, Value::Number(kind)) if kind != UNIGRAM => "only unigram models are supported",
            (24, Value::Number(1..)) => "spaces after words are not supported",
            (35, Value::Number(1..)) => "pieces of bytes are not supported",
            _ => continue,
        };
        return Err(ModelError::new(FILE, problem));
    }
    Ok(())
}

/// The value of a field.
#[derive(Debug, PartialEq)]
enum Value<'a> {
    Number(u64),
    Four([u8; 4]),
    Eight,
    Bytes(&'a [u8]),
}

/// The fields of a message, each with its number. A damaged one is the last.
struct Fields<'a>(&'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Value<'a>), ModelError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.0 = &[];
        }
        Some(field.ok_or_else(|| ModelError::new(FILE, "damaged, or no model of SentencePiece")))
    }
}

impl<'a> Fields<'a> {
    fn field(&mut self) -> Option<(u64, Value<'a>)> {
        let key = self.number()?;
        let value = match key & 7 {
            0 => Value::Number(self.number()?),
            1 => {
                self.bytes(8)?;
                Value::Eight
            }
            2 => {
                let length = self.number()?;
                Value::Bytes(self.bytes(usize::try_from(length).ok()?)?)
            }
            5 => Value::Four(self.bytes(4)?.try_into().ok()?),
            _ => return None,
        };
        Some((key >> 3, value))
    }

    fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    /// Seven bits a byte, the lowest first; the eighth says that more follow.
    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.bytes(1)?[0];
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message with a piece, its score and its kind.
    fn piece(text: &str, kind: u8) -> Vec<u8> {
        let mut message = vec![0x0a, text.len() as u8];
        message.extend(text.as_bytes());
        message.push(0x15);
        message.extend((-1.5_f32).to_le_bytes());
        message.extend([0x18, kind]);
        [&[0x0a, message.len() as u8], &message[..]].concat()
    }

    #[test]
    fn pieces_are_read_and_what_stands_for_no_text_is_left_out() {
        let file = [piece("</s>", 3), piece("<unk>", 2), piece("▁a", 1)].concat();

        let spm = Spm::parse(&file).expect("a model");

        assert_eq!(spm.pieces, [("▁a".to_owned(), -1.5)]);
        assert!(spm.space_first && spm.joins_spaces);
    }

    #[test]
    fn what_is_not_supported_is_told() {
        let told = |part: &[u8]| {
            let file = [&piece("a", 1), part].concat();
            Spm::parse(&file).expect_err("must be refused").to_string()
        };

        assert!(told(&[0x12, 2, 0x18, 2]).contains("only unigram"));
        assert!(told(&[0x1a, 2, 0x28, 0]).contains("shown as `▁`"));
        assert!(told(&piece("<0x0A>", 6)).contains("`<0x0A>`"));
        assert!(told(&[0x0a, 9, 1]).contains("damaged"));
        assert!(told(&[0x07]).contains("damaged"));
        assert!(Spm::parse(&[]).is_err());
    }

    #[test]
    fn so_many_pieces_are_read_and_no_more() {
        let one = piece(&"a".repeat(100), 1);
        let file = |pieces: usize| one.repeat(pieces);

        assert!(Spm::parse(&file(PIECES_BYTES_MAX / 100)).is_ok());
        let told = Spm::parse(&file(PIECES_BYTES_MAX / 100 + 1)).expect_err("must be refused");
        assert!(told.to_string().contains("at most 4194304 are read"), "{told}");
    }

    proptest::proptest! {
        #[test]
        fn no_file_makes_the_reader_panic(file in proptest::collection::vec(0_u8.., 0..200)) {
            let _ = Spm::parse(&file);
        }
    }
}
