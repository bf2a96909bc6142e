//! The two inner loops of reading a message, with the vector instructions of this machine where they
//! are known. Both count in whole numbers, so that every machine reads the same.

use super::format::{BUCKET, DIMS_STEP};

/// Bytes of a row that are summed in one pass over the rows: their sums stay in registers.
pub const BLOCK_BYTES: usize = DIMS_STEP / 2;
/// Where [`Lanes::position`] puts a tag that is in neither bucket.
pub const NOWHERE: usize = 2 * BUCKET;
/// Most that a row counts: fifteen times two of them, eight times over, fit sixteen bits.
pub const GAIN_MAX: u8 = 127;
/// Rows whose sum fits sixteen bits.
const GROUP: usize = 16;

/// A row of the table in a sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// The byte of the table where its values begin.
    pub values: u32,
    /// How often it counts, at most [`GAIN_MAX`].
    pub gain: u8,
}

/// Sums of one block of bytes: of the lower and of the upper half of each.
pub type Sums = [[i32; BLOCK_BYTES]; 2];

/// The loops, in the instructions of some machine.
pub trait Lanes: Copy {
    /// The place of the first tag of `first`, then of `second`, that is `tag`, or [`NOWHERE`].
    fn position(self, first: [u16; BUCKET], second: [u16; BUCKET], tag: u16) -> usize;

    /// The sums over `rows` of the bytes of `table` that begin `at` bytes into each row. A row that
    /// does not lie in the table counts nothing.
    fn sum_block(self, table: &[u8], rows: &[Row], at: usize) -> Sums;
}

/// For every machine.
#[derive(Clone, Copy, Debug)]
pub struct Plain;

impl Lanes for Plain {
    #[inline(always)]
    fn position(self, first: [u16; BUCKET], second: [u16; BUCKET], tag: u16) -> usize {
        let mut matches = 0_u32;
        for lane in 0..BUCKET {
            matches |= u32::from(first[lane] == tag) << lane;
            matches |= u32::from(second[lane] == tag) << (BUCKET + lane);
        }
        (matches | 1 << NOWHERE).trailing_zeros() as usize
    }

    #[inline(always)]
    fn sum_block(self, table: &[u8], rows: &[Row], at: usize) -> Sums {
        let mut sums = Sums::default();
        for row in rows {
            let Some(block) = block(table, row, at) else { continue };
            let gain = i32::from(row.gain);
            for i in 0..BLOCK_BYTES {
                sums[0][i] += gain * i32::from(block[i] & 0x0f);
                sums[1][i] += gain * i32::from(block[i] >> 4);
            }
        }
        sums
    }
}

#[inline(always)]
fn block(table: &[u8], row: &Row, at: usize) -> Option<[u8; BLOCK_BYTES]> {
    let start = row.values as usize + at;
    table.get(start..start + BLOCK_BYTES)?.try_into().ok()
}

#[cfg(target_arch = "x86_64")]
impl Lanes for pulp::x86::V3 {
    #[inline(always)]
    fn position(self, first: [u16; BUCKET], second: [u16; BUCKET], tag: u16) -> usize {
        let both = self.sse2._mm_set_epi64x(pulp::cast(second), pulp::cast(first));
        let equal = self.sse2._mm_cmpeq_epi16(both, self.sse2._mm_set1_epi16(tag.cast_signed()));
        let bytes = self.sse2._mm_movemask_epi8(equal).cast_unsigned();
        (bytes | 1 << (2 * NOWHERE)).trailing_zeros() as usize / 2
    }

    #[inline(always)]
    fn sum_block(self, table: &[u8], rows: &[Row], at: usize) -> Sums {
        let (avx, avx2, sse2) = (self.avx, self.avx2, self.sse2);
        let halves = avx._mm256_set1_epi8(0x0f);
        let zero = avx._mm256_setzero_si256();
        let mut sums = [zero; 4];
        for group in rows.chunks(GROUP) {
            let (mut low, mut high) = (zero, zero);
            for pair in group.chunks(2) {
                // The last row of an odd number stands beside one that counts nothing.
                let (one, other) = (pair[0], *pair.get(1).unwrap_or(&Row { gain: 0, ..pair[0] }));
                let (Some(a), Some(b)) = (block(table, &one, at), block(table, &other, at)) else {
                    continue;
                };
                let (a, b) = (pulp::cast(a), pulp::cast(b));
                let woven = avx
                    ._mm256_set_m128i(sse2._mm_unpackhi_epi8(a, b), sse2._mm_unpacklo_epi8(a, b));
                let gains = avx._mm256_set1_epi16(i16::from_le_bytes([one.gain, other.gain]));
                let lower = avx2._mm256_and_si256(woven, halves);
                let upper = avx2._mm256_and_si256(avx2._mm256_srli_epi16::<4>(woven), halves);
                low = avx2._mm256_add_epi16(low, avx2._mm256_maddubs_epi16(lower, gains));
                high = avx2._mm256_add_epi16(high, avx2._mm256_maddubs_epi16(upper, gains));
            }
            let first = |sum| avx2._mm256_cvtepi16_epi32(avx._mm256_castsi256_si128(sum));
            let second = |sum| avx2._mm256_cvtepi16_epi32(avx2._mm256_extracti128_si256::<1>(sum));
            let wide = [first(low), second(low), first(high), second(high)];
            for (sum, more) in sums.iter_mut().zip(wide) {
                *sum = avx2._mm256_add_epi32(*sum, more);
            }
        }
        pulp::cast(sums)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_tag_is_found_in_the_first_bucket_before_the_second() {
        assert_eq!(Plain.position([1, 2, 3, 4], [4, 5, 6, 7], 4), 3);
        assert_eq!(Plain.position([1, 2, 3, 4], [4, 5, 6, 7], 7), 7);
        assert_eq!(Plain.position([1, 2, 3, 4], [4, 5, 6, 7], 9), NOWHERE);
    }

    #[test]
    fn a_row_beyond_the_table_counts_nothing() {
        let rows = [Row { values: 4, gain: 3 }, Row { values: 5, gain: 3 }];

        assert_eq!(Plain.sum_block(&[0x21; 20], &rows, 0), [[3; 16], [6; 16]]);
    }

    proptest! {
        #[test]
        fn every_machine_finds_and_sums_the_same(
            first: [u16; BUCKET],
            second: [u16; BUCKET],
            pick in 0..NOWHERE,
            table in prop::collection::vec(any::<u8>(), 48..400),
            rows in prop::collection::vec((0..400_u32, 0..=GAIN_MAX), 0..70),
        ) {
            let tag = *first.iter().chain(&second).nth(pick).expect("within both");
            // As in a model: every row lies in the table with its whole block.
            let last = table.len() as u32 - 20;
            let rows: Vec<Row> =
                rows.iter().map(|&(at, gain)| Row { values: at.min(last), gain }).collect();
            #[cfg(target_arch = "x86_64")]
            if let Some(wide) = pulp::x86::V3::try_new() {
                prop_assert_eq!(wide.position(first, second, tag), Plain.position(first, second, tag));
                prop_assert_eq!(
                    wide.position(first, first, second[0]),
                    Plain.position(first, first, second[0])
                );
                prop_assert_eq!(wide.sum_block(&table, &rows, 4), Plain.sum_block(&table, &rows, 4));
            }
        }
    }
}
