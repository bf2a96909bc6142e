//! Which row belongs to which feature: two buckets of four rows a feature, told apart by tags.
//!
//! A feature that the trainer did not keep finds no row and takes no part, so rare words of a
//! customer do not borrow the meaning of others (a foreign tag fits in 1 of 8,000 look-ups).

use super::format::BUCKET;
use super::lanes::{Lanes, NOWHERE, Plain};

/// Writes the rows of those of `features` that the model keeps over `rows`, in their order.
#[inline(always)]
pub fn find_all(lanes: impl Lanes, tags: &[u16], features: &[u64], rows: &mut Vec<u32>) {
    rows.clear();
    rows.resize(features.len(), 0);
    let mut found = 0;
    for feature in features {
        // Whether a feature is kept is anybody's guess, also the processor's: no branch on it.
        let (row, kept) = look_up(lanes, tags, *feature);
        rows[found] = row as u32;
        found += usize::from(kept);
    }
    rows.truncate(found);
}

/// The row of `feature`, if the model keeps one.
pub fn find(tags: &[u16], feature: u64) -> Option<usize> {
    let (row, kept) = look_up(Plain, tags, feature);
    kept.then_some(row)
}

/// A row, and whether it is that of `feature`.
#[inline(always)]
fn look_up(lanes: impl Lanes, tags: &[u16], feature: u64) -> (usize, bool) {
    let buckets = buckets_of(tags.len() / BUCKET, feature);
    let [first, second] = buckets.map(|bucket| {
        let tags = tags.get(bucket * BUCKET..(bucket + 1) * BUCKET);
        // Both lie in the table, and 0 is the tag of no feature.
        tags.and_then(|tags| tags.try_into().ok()).unwrap_or([0; BUCKET])
    });
    let position = lanes.position(first, second, tag_of(feature));
    let bucket = if position < BUCKET { buckets[0] } else { buckets[1] };
    (bucket * BUCKET + position % BUCKET, position != NOWHERE)
}

/// Gives `feature` a row in the emptier of its buckets; `None` when both are full or when the row
/// of another feature has the same tag there.
pub fn place(tags: &mut [u16], feature: u64) -> Option<usize> {
    if find(tags, feature).is_some() {
        return None;
    }
    let free = |bucket: usize| {
        let rows = &tags[bucket * BUCKET..(bucket + 1) * BUCKET];
        rows.iter().filter(|tag| **tag == 0).count()
    };
    let [first, second] = buckets_of(tags.len() / BUCKET, feature);
    let bucket = if free(second) > free(first) { second } else { first };
    let rows = bucket * BUCKET..(bucket + 1) * BUCKET;
    let slot = tags[rows].iter().position(|tag| *tag == 0)?;
    let row = bucket * BUCKET + slot;
    tags[row] = tag_of(feature);
    Some(row)
}

/// 0 means that a row is free, so it is no tag. The lowest three bits are the kind of the feature,
/// which hardly tells features apart.
fn tag_of(feature: u64) -> u16 {
    ((feature >> 3) as u16).max(1)
}

fn buckets_of(buckets: usize, feature: u64) -> [usize; 2] {
    let pick = |bits: u64| ((bits * buckets as u64) >> 32) as usize;
    [pick(feature >> 32), pick((feature >> 16) & 0xffff_ffff)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(n: u64) -> u64 {
        (n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (n << 7)
    }

    #[test]
    fn placed_features_are_found_and_hardly_any_others() {
        let mut tags = vec![0; 4_000];

        let placed: Vec<(u64, usize)> =
            (0..3_400).filter_map(|n| Some((spread(n), place(&mut tags, spread(n))?))).collect();

        assert!(placed.len() > 3_300, "{} placed", placed.len());
        assert!(placed.iter().all(|&(feature, row)| find(&tags, feature) == Some(row)));
        let foreign = (10_000..20_000).filter(|n| find(&tags, spread(*n)).is_some()).count();
        assert!(foreign < 20, "{foreign} foreign features found a row");
    }
}
