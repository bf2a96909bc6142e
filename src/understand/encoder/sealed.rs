//! Small files of numbers with a header, sealed by a checksum: what stands beside an encoder.
//!
//! Magic (4 bytes), version (u16), length of the header (u32), header (JSON), numbers (f32), CRC-32C of all
//! before (u32); little-endian.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::EncoderError;

/// Bytes before the header.
const FIXED: usize = 10;

/// A kind of such files.
pub(super) struct Kind {
    /// First bytes.
    pub(super) magic: [u8; 4],
    pub(super) version: u16,
    /// What the file is called, for errors.
    pub(super) name: &'static str,
}

impl Kind {
    pub(super) fn seal<'a>(
        &self,
        header: &impl Serialize,
        numbers: impl Iterator<Item = &'a f32>,
    ) -> Vec<u8> {
        let header = serde_json::to_vec(header).expect("a header has only plain fields");
        let mut file = self.magic.to_vec();
        file.extend(self.version.to_le_bytes());
        file.extend((header.len() as u32).to_le_bytes());
        file.extend(header);
        file.extend(numbers.flat_map(|number| number.to_le_bytes()));
        let sum = crc32c::crc32c(&file);
        file.extend(sum.to_le_bytes());
        file
    }

    /// The header and the numbers, each of which is finite.
    ///
    /// # Errors
    /// When the file is damaged, of another kind or of another version.
    pub(super) fn open<H: DeserializeOwned>(
        &self,
        file: &[u8],
    ) -> Result<(H, Vec<f32>), EncoderError> {
        let (body, sum) = file.split_last_chunk::<4>().ok_or_else(|| self.wrong("too short"))?;
        let (fixed, rest) =
            body.split_first_chunk::<FIXED>().ok_or_else(|| self.wrong("too short"))?;
        let [a, b, c, d, v0, v1, n0, n1, n2, n3] = *fixed;
        if [a, b, c, d] != self.magic {
            return Err(self.wrong("a file of another kind"));
        }
        if crc32c::crc32c(body) != u32::from_le_bytes(*sum) {
            return Err(self.wrong("damaged: the checksum differs"));
        }
        let version = u16::from_le_bytes([v0, v1]);
        if version != self.version {
            return Err(self.wrong(&format!(
                "version {version}, this program reads {}: add the encoder again with \
                 `tradewind model add`",
                self.version
            )));
        }
        let header_bytes = u32::from_le_bytes([n0, n1, n2, n3]) as usize;
        let (header, numbers) = rest
            .split_at_checked(header_bytes)
            .ok_or_else(|| self.wrong("the header ends early"))?;
        let header =
            serde_json::from_slice(header).map_err(|error| self.wrong(&error.to_string()))?;
        let (numbers, odd) = numbers.as_chunks();
        if !odd.is_empty() {
            return Err(self.wrong("ends within a number"));
        }
        let numbers: Vec<f32> = numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        if !numbers.iter().all(|number| number.is_finite()) {
            return Err(self.wrong("a weight is not a number"));
        }
        Ok((header, numbers))
    }

    /// An error about this file.
    pub(super) fn wrong(&self, told: &str) -> EncoderError {
        EncoderError::Heads(format!("{}: {told}", self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: Kind = Kind { magic: *b"TEST", version: 2, name: "test.bin" };

    fn told(file: &[u8]) -> String {
        KIND.open::<String>(file).expect_err("a wrong file").to_string()
    }

    #[test]
    fn header_and_numbers_come_back_and_any_changed_or_missing_byte_is_an_error() {
        let file = KIND.seal(&"header", [1.0, -2.5].iter());

        assert_eq!(KIND.open::<String>(&file).expect("sound"), ("header".into(), vec![1.0, -2.5]));
        for at in 0..file.len() {
            let mut damaged = file.clone();
            damaged[at] ^= 0x40;
            assert!(told(&damaged).contains("test.bin"), "byte {at}");
            assert!(told(&file[..at]).contains("test.bin"), "cut at {at}");
        }
    }

    #[test]
    fn what_is_sealed_but_cannot_be_used_says_why() {
        let older = Kind { version: 1, ..KIND }.seal(&"header", [].iter());
        assert!(told(&older).contains("version 1") && told(&older).contains("model add"));
        let other = Kind { magic: *b"ELSE", ..KIND }.seal(&"header", [].iter());
        assert!(told(&other).contains("another kind"));
        assert!(told(&KIND.seal(&7, [].iter())).contains("invalid type"));
        assert!(told(&KIND.seal(&"header", [f32::NAN].iter())).contains("not a number"));
    }
}
