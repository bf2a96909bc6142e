//! Weights as they lie in the repository: packed by gzip, since a sixth of their size is no news.

use std::io::{Read, Write};

use bytes::Bytes;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

/// What every such file begins with.
const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// `content` packed.
pub(super) fn pack(content: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(content).expect("memory takes what is written");
    packed.finish().expect("memory takes what is written")
}

/// The content of a file, packed or not.
///
/// # Errors
/// When it is damaged, or its content is larger than `bytes_max`.
pub(super) fn unpack(file: Bytes, bytes_max: u64) -> std::io::Result<Bytes> {
    if !file.starts_with(&MAGIC) {
        return Ok(file);
    }
    let mut content = Vec::new();
    // One byte more, to see whether there is more.
    GzDecoder::new(&*file).take(bytes_max + 1).read_to_end(&mut content)?;
    if content.len() as u64 > bytes_max {
        let told = format!("unpacks to more than {bytes_max} bytes");
        return Err(std::io::Error::new(std::io::ErrorKind::FileTooLarge, told));
    }
    Ok(content.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_packed_comes_back_and_what_was_not_stays_as_it_is() {
        let content = b"weights ".repeat(100);
        let packed = pack(&content);

        assert!(packed.len() < content.len());
        assert_eq!(unpack(packed.into(), 1_000).expect("sound"), content);
        assert_eq!(unpack(Bytes::from_static(b"TWFM"), 2).expect("as it is"), "TWFM");
    }

    #[test]
    fn a_file_that_is_cut_damaged_or_unpacks_to_too_much_is_an_error() {
        let packed = pack(&[7; 5_000]);

        assert!(unpack(packed.clone().into(), 5_000).is_ok());
        let told = unpack(packed.clone().into(), 4_999).expect_err("too much").to_string();
        assert!(told.contains("4999"), "{told}");
        assert!(unpack(packed[..packed.len() / 2].to_vec().into(), 5_000).is_err());
        let mut damaged = packed;
        let sum = damaged.len() - 6;
        damaged[sum] ^= 1;
        assert!(unpack(damaged.into(), 5_000).is_err());
    }
}
