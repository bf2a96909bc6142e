//! A set of small numbers, one bit each.

const WORD: usize = u64::BITS as usize;

/// A set of numbers below a few tens of thousands. It grows when a higher number is put in, and
/// two sets of different size compare and combine as if the shorter one ended in zeros.
#[derive(Clone, Debug, Default)]
pub struct Bitset {
    words: Vec<u64>,
}

impl Bitset {
    /// The empty set, with room for the numbers below `len`.
    pub fn with_room(len: usize) -> Self {
        Self { words: vec![0; len.div_ceil(WORD)] }
    }

    /// Puts `bit` in.
    pub fn insert(&mut self, bit: usize) {
        let word = bit / WORD;
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        self.words[word] |= 1 << (bit % WORD);
    }

    /// Takes `bit` out.
    pub fn remove(&mut self, bit: usize) {
        if let Some(word) = self.words.get_mut(bit / WORD) {
            *word &= !(1 << (bit % WORD));
        }
    }

    /// Whether `bit` is in.
    pub fn contains(&self, bit: usize) -> bool {
        self.words.get(bit / WORD).is_some_and(|word| word & (1 << (bit % WORD)) != 0)
    }

    /// Whether nothing is in.
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    /// How many are in.
    pub fn len(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Takes everything out.
    pub fn clear(&mut self) {
        self.words.fill(0);
    }

    /// Puts in what `other` has.
    pub fn add_all(&mut self, other: &Self) {
        if other.words.len() > self.words.len() {
            self.words.resize(other.words.len(), 0);
        }
        self.words.iter_mut().zip(&other.words).for_each(|(word, more)| *word |= more);
    }

    /// Takes out what `other` has.
    pub fn take_all(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(word, less)| *word &= !less);
    }

    /// Takes out what `other` has not.
    pub fn keep_only(&mut self, other: &Self) {
        self.words.truncate(other.words.len());
        self.words.iter_mut().zip(&other.words).for_each(|(word, keep)| *word &= keep);
    }

    /// Whether both have a number in common.
    pub fn meets(&self, other: &Self) -> bool {
        self.words.iter().zip(&other.words).any(|(a, b)| a & b != 0)
    }

    /// How many numbers both have in common.
    pub fn common_len(&self, other: &Self) -> usize {
        let both = self.words.iter().zip(&other.words).map(|(a, b)| a & b);
        both.map(|word| word.count_ones() as usize).sum()
    }

    /// The lowest number from `from` on that is in both.
    ///
    /// This is the inner loop of every match. Most words have nothing in common, so they are
    /// looked at eight at a time, which the compiler does with wide registers.
    pub fn first_common(&self, other: &Self, from: usize) -> Option<usize> {
        const BLOCK: usize = 8;
        let first = from / WORD;
        let (a, b) = (self.words.get(first..)?, other.words.get(first..)?);
        let found = |at: usize, word: u64| (first + at) * WORD + word.trailing_zeros() as usize;
        let (head_a, head_b) = (a.first()?, b.first()?);
        let head = head_a & head_b & (u64::MAX << (from % WORD));
        if head != 0 {
            return Some(found(0, head));
        }
        let mut at = 1;
        for (a, b) in a[1..].chunks(BLOCK).zip(b[1..].chunks(BLOCK)) {
            let any = a.iter().zip(b).fold(0, |any, (a, b)| any | (a & b));
            if any != 0 {
                let mut words = a.iter().zip(b).map(|(a, b)| a & b).enumerate();
                let (offset, word) = words.find(|(_, word)| *word != 0)?;
                return Some(found(at + offset, word));
            }
            at += BLOCK;
        }
        None
    }

    /// The numbers that are in, ascending.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.words.iter().enumerate().flat_map(|(at, word)| bits(at, *word))
    }

    /// The numbers that are in both, ascending, from `from` on.
    pub fn iter_common<'a>(
        &'a self,
        other: &'a Self,
        from: usize,
    ) -> impl Iterator<Item = usize> + 'a {
        let first = from / WORD;
        let both = self.words.iter().zip(&other.words).enumerate().skip(first);
        both.flat_map(move |(at, (a, b))| {
            let mask = if at == first { u64::MAX << (from % WORD) } else { u64::MAX };
            bits(at, a & b & mask)
        })
    }
}

impl FromIterator<usize> for Bitset {
    fn from_iter<I: IntoIterator<Item = usize>>(bits: I) -> Self {
        let mut set = Self::default();
        bits.into_iter().for_each(|bit| set.insert(bit));
        set
    }
}

fn bits(at: usize, mut word: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        (word != 0).then(|| {
            let bit = word.trailing_zeros() as usize;
            word &= word - 1;
            at * WORD + bit
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_of_different_size_combine_as_if_padded_with_zeros() {
        let small: Bitset = [1, 5].into_iter().collect();
        let large: Bitset = [5, 64, 200].into_iter().collect();

        let mut sum = small.clone();
        sum.add_all(&large);
        let mut rest = large.clone();
        rest.take_all(&small);
        let mut common = large.clone();
        common.keep_only(&small);

        assert_eq!(sum.iter().collect::<Vec<_>>(), [1, 5, 64, 200]);
        assert_eq!(rest.iter().collect::<Vec<_>>(), [64, 200]);
        assert_eq!(common.iter().collect::<Vec<_>>(), [5]);
        assert!(small.meets(&large) && !rest.meets(&small));
    }

    #[test]
    fn common_numbers_start_at_the_given_one() {
        let a: Bitset = [3, 63, 64, 130].into_iter().collect();
        let b: Bitset = [3, 63, 64, 131].into_iter().collect();

        assert_eq!(a.iter_common(&b, 4).collect::<Vec<_>>(), [63, 64]);
        assert_eq!(a.iter_common(&b, 64).collect::<Vec<_>>(), [64]);
        for from in 0..200 {
            assert_eq!(a.first_common(&b, from), a.iter_common(&b, from).next());
        }
        assert_eq!(a.iter_common(&b, 500).count(), 0);
    }

    #[test]
    fn the_first_common_number_is_found_in_every_word_of_long_sets() {
        for bit in (0..2_000).step_by(37) {
            let a: Bitset = [bit, bit + 900].into_iter().collect();
            let b: Bitset = [bit, bit + 900, 3_000].into_iter().collect();

            assert_eq!(a.first_common(&b, 0), Some(bit));
            assert_eq!(b.first_common(&a, bit), Some(bit));
            assert_eq!(a.first_common(&b, bit + 1), Some(bit + 900));
            assert_eq!(a.first_common(&b, bit + 901), None);
        }
    }

    #[test]
    fn taking_out_what_is_not_in_changes_nothing() {
        let mut set = Bitset::with_room(10);
        set.insert(7);

        set.remove(3);
        set.remove(1_000);

        assert_eq!(set.len(), 1);
        assert!(set.contains(7) && !set.contains(1_000));
    }
}
