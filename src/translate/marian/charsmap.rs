//! How a model of SentencePiece writes a text before it is cut: characters replaced by others, spaces
//! joined and shown.

use super::PIECE_BYTES_MAX;
use super::spm::Spm;

/// What SentencePiece shows a space as.
pub(super) const SPACE: char = '▁';

/// Replacements of sequences of characters, in the compiled form of SentencePiece: a double-array trie
/// of bytes, then the replacements, each with a zero byte at its end.
#[derive(Debug, Default)]
struct CharsMap {
    units: Vec<u32>,
    replacements: String,
}

/// Writes texts as a model of SentencePiece expects them.
#[derive(Debug)]
pub(super) struct Normaliser {
    map: CharsMap,
    /// A space goes before the first word, too.
    space_first: bool,
    /// Spaces at the ends are left out, several become one.
    joins_spaces: bool,
}

impl Normaliser {
    /// # Errors
    /// When the table of replacements is damaged.
    pub(super) fn new(spm: &Spm) -> Result<Self, String> {
        let map = CharsMap::parse(&spm.charsmap)?;
        Ok(Self { map, space_first: spm.space_first, joins_spaces: spm.joins_spaces })
    }

    /// The text as the pieces of the model spell it; empty when nothing is left of it.
    pub(super) fn write(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len() + 8);
        let mut is_after_space = self.joins_spaces;
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let (read, replaced) = match self.map.longest(rest) {
                Some((read, replacement)) => (read, replacement),
                None => (first.len_utf8(), &rest[..first.len_utf8()]),
            };
            rest = &rest[read..];
            let part = if is_after_space { replaced.trim_start_matches(' ') } else { replaced };
            if part.is_empty() {
                continue;
            }
            if out.is_empty() && self.space_first {
                out.push(SPACE);
            }
            out.extend(part.chars().map(|c| if c == ' ' { SPACE } else { c }));
            is_after_space = self.joins_spaces && part.ends_with(' ');
        }
        if self.joins_spaces {
            out.truncate(out.trim_end_matches(SPACE).len());
        }
        out
    }
}

impl CharsMap {
    fn parse(bytes: &[u8]) -> Result<Self, String> {
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        let damaged = || "the table of replaced characters is damaged".to_owned();
        let (size, rest) = bytes.split_first_chunk::<4>().ok_or_else(damaged)?;
        let size = u32::from_le_bytes(*size) as usize;
        let (trie, replacements) = rest.split_at_checked(size).ok_or_else(damaged)?;
        let (units, left) = trie.as_chunks::<4>();
        if !left.is_empty() {
            return Err(damaged());
        }
        let units = units.iter().map(|unit| u32::from_le_bytes(*unit)).collect();
        let replacements = String::from_utf8(replacements.to_vec()).map_err(|_| damaged())?;
        // A customer's text would grow by as much with each of its characters.
        if replacements.split('\0').any(|it| it.len() > PIECE_BYTES_MAX) {
            return Err(damaged());
        }
        Ok(Self { units, replacements })
    }

    /// How many bytes of `text` the longest sequence at its start has, and what stands in its place.
    fn longest(&self, text: &str) -> Option<(usize, &str)> {
        let mut at = unit::offset(*self.units.first()?);
        let mut found = None;
        for (read, byte) in text.bytes().enumerate().take(PIECE_BYTES_MAX) {
            at ^= usize::from(byte);
            let Some(unit) =
                self.units.get(at).filter(|unit| unit::label(**unit) == u32::from(byte))
            else {
                break;
            };
            at ^= unit::offset(*unit);
            if unit::has_value(*unit) && text.is_char_boundary(read + 1) {
                found = self.units.get(at).map(|value| (read + 1, unit::value(*value)));
            }
        }
        let (read, start) = found?;
        Some((read, self.replacements.get(start..)?.split('\0').next()?))
    }
}

/// A unit of a double array as Darts lays it out.
mod unit {
    pub(super) const fn has_value(unit: u32) -> bool {
        unit >> 8 & 1 == 1
    }

    pub(super) const fn value(unit: u32) -> usize {
        (unit & 0x7fff_ffff) as usize
    }

    /// The byte that leads here; of a unit that holds a value it is none.
    pub(super) const fn label(unit: u32) -> u32 {
        unit & 0x8000_00ff
    }

    pub(super) const fn offset(unit: u32) -> usize {
        ((unit >> 10) << ((unit & 1 << 9) >> 6)) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(space_first: bool, joins_spaces: bool) -> Normaliser {
        Normaliser { map: CharsMap::default(), space_first, joins_spaces }
    }

    #[test]
    fn spaces_are_joined_and_shown_as_the_model_was_trained() {
        assert_eq!(plain(true, true).write("  a  b "), "▁a▁b");
        assert_eq!(plain(false, false).write(" a  b "), "▁a▁▁b▁");
        assert_eq!(plain(true, true).write("   "), "");
        assert_eq!(plain(true, true).write(""), "");
    }

    #[test]
    fn a_table_that_was_cut_off_is_told() {
        assert!(CharsMap::parse(&[1, 2]).is_err());
        assert!(CharsMap::parse(&[8, 0, 0, 0, 1, 2, 3]).is_err());
        assert!(CharsMap::parse(&[3, 0, 0, 0, 1, 2, 3]).is_err());
        assert!(CharsMap::parse(&[0, 0, 0, 0, 0xff]).is_err());
    }

    #[test]
    fn a_replacement_has_an_end() {
        let table = |bytes: usize| [&[0; 4][..], b"a\0", &b"a".repeat(bytes)[..], b"\0"].concat();

        assert!(CharsMap::parse(&table(PIECE_BYTES_MAX)).is_ok());
        assert!(CharsMap::parse(&table(PIECE_BYTES_MAX + 1)).is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_table_makes_the_reader_panic(
            units in proptest::collection::vec(0_u32.., 0..64),
            replacements in "\\PC{0,20}",
            text in "\\PC{0,20}",
        ) {
            let normaliser = Normaliser {
                map: CharsMap { units, replacements },
                space_first: true,
                joins_spaces: true,
            };
            normaliser.write(&text);
        }
    }
}
