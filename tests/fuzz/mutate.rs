//! Inputs: good ones that were changed a little or a lot, and plain bytes.

use proptest::prelude::*;

/// Longest input, a little over what the wire lets in.
const BYTES_MAX: usize = 70_000;

/// One change of an input; places are taken modulo what there is.
#[derive(Clone, Debug)]
enum Change {
    Flip {
        at: usize,
        bit: u8,
    },
    Set {
        at: usize,
        to: u8,
    },
    /// A byte that often stands at an edge.
    Edge {
        at: usize,
        to: u8,
    },
    Insert {
        at: usize,
        bytes: Vec<u8>,
    },
    /// A word of the language that is fuzzed.
    Word {
        at: usize,
        word: usize,
    },
    Remove {
        at: usize,
        bytes: usize,
    },
    Repeat {
        at: usize,
        bytes: usize,
        times: usize,
    },
    Cut {
        at: usize,
    },
    /// The rest of another seed.
    Splice {
        at: usize,
        seed: usize,
        from: usize,
    },
}

const EDGES: [u8; 12] = [0, 1, 0x7f, 0x80, 0xc0, 0xdf, 0xfe, 0xff, b'"', b'\n', b'{', b'\\'];

fn change() -> impl Strategy<Value = Change> {
    let at = any::<usize>;
    prop_oneof![
        3 => (at(), 0..8_u8).prop_map(|(at, bit)| Change::Flip { at, bit }),
        3 => (at(), any::<u8>()).prop_map(|(at, to)| Change::Set { at, to }),
        3 => (at(), 0..EDGES.len()).prop_map(|(at, edge)| Change::Edge { at, to: EDGES[edge] }),
        2 => (at(), prop::collection::vec(any::<u8>(), 1..9))
            .prop_map(|(at, bytes)| Change::Insert { at, bytes }),
        4 => (at(), at()).prop_map(|(at, word)| Change::Word { at, word }),
        2 => (at(), 1..64_usize).prop_map(|(at, bytes)| Change::Remove { at, bytes }),
        1 => (at(), 1..64_usize, 1..200_usize)
            .prop_map(|(at, bytes, times)| Change::Repeat { at, bytes, times }),
        1 => at().prop_map(|at| Change::Cut { at }),
        1 => (at(), at(), at()).prop_map(|(at, seed, from)| Change::Splice { at, seed, from }),
    ]
}

/// Inputs made of `seeds` and of `words`; one in sixteen is nothing but chance.
pub fn inputs(
    seeds: Vec<Vec<u8>>,
    words: &'static [&'static str],
) -> impl Strategy<Value = Vec<u8>> {
    let changed =
        (0..seeds.len(), prop::collection::vec(change(), 0..6)).prop_map(move |(seed, changes)| {
            let mut input = seeds[seed].clone();
            for change in &changes {
                apply(change, &mut input, &seeds, words);
                input.truncate(BYTES_MAX);
            }
            input
        });
    prop_oneof![15 => changed, 1 => prop::collection::vec(any::<u8>(), 0..200)]
}

fn apply(change: &Change, input: &mut Vec<u8>, seeds: &[Vec<u8>], words: &[&str]) {
    let place = |at: usize| at % (input.len() + 1);
    let byte = |at: usize| (!input.is_empty()).then(|| at % input.len());
    match *change {
        Change::Flip { at, bit } => {
            if let Some(at) = byte(at) {
                input[at] ^= 1 << bit;
            }
        }
        Change::Set { at, to } | Change::Edge { at, to } => {
            if let Some(at) = byte(at) {
                input[at] = to;
            }
        }
        Change::Insert { at, ref bytes } => {
            let at = place(at);
            input.splice(at..at, bytes.iter().copied());
        }
        Change::Word { at, word } => {
            let (at, word) = (place(at), words[word % words.len()]);
            input.splice(at..at, word.bytes());
        }
        Change::Remove { at, bytes } => {
            let at = place(at);
            let end = (at + bytes).min(input.len());
            input.drain(at..end);
        }
        Change::Repeat { at, bytes, times } => {
            let at = place(at);
            let piece = input[at..(at + bytes).min(input.len())].repeat(times);
            input.splice(at..at, piece);
        }
        Change::Cut { at } => input.truncate(place(at)),
        Change::Splice { at, seed, from } => {
            let other = &seeds[seed % seeds.len()];
            input.truncate(place(at));
            input.extend_from_slice(&other[from % (other.len() + 1)..]);
        }
    }
}
