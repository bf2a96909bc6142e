//! Failed syncs and a full disk at any moment, several in a row, and a power cut at the end.

use super::disk::{Chance, SimulatedDisk};
use super::{append, content, open, record, reliability};

/// Lives in a plain test run.
const LIVES: u64 = 100;
/// Appends of one life.
const APPENDS: usize = 120;

#[tokio::test]
async fn what_the_disk_refused_never_comes_back_and_the_rest_is_kept_in_order() {
    let lives = reliability::size(LIVES);
    let mut refused = 0;
    for seed in (reliability::first_seed()..).take(usize::try_from(lives).unwrap()) {
        refused += one_life(seed).await;
    }
    assert!(refused > lives, "the faults must meet appends: {refused} of {lives} lives");
    println!("{lives} lives, {refused} appends refused");
    reliability::done(lives);
}

async fn one_life(seed: u64) -> u64 {
    let mut chance = Chance(seed);
    let disk = SimulatedDisk::new();
    let (journal, _) = open(&disk);
    let (mut kept, mut refused) = (Vec::new(), 0);
    for number in 0..APPENDS {
        match chance.below(12) {
            0 => disk.fail_syncs(1 + u32::try_from(chance.below(3)).unwrap()),
            1 => disk.limit_capacity(Some(disk.used_bytes())),
            2 | 3 => disk.limit_capacity(None),
            _ => {}
        }
        let is_acknowledged = append(&journal, &record(number)).await.is_ok();
        assert_eq!(journal.healthy(), is_acknowledged, "seed {seed}: health is the last append's");
        if is_acknowledged {
            kept.push(record(number));
        } else {
            refused += 1;
        }
    }
    disk.limit_capacity(None);
    disk.fail_syncs(0);
    append(&journal, b"the last").await.unwrap();
    kept.push(b"the last".to_vec());
    journal.close().await.unwrap();

    let found = content(&disk.after_power_cut(&mut chance)).await;

    assert_eq!(found.records, kept, "seed {seed}");
    assert_eq!((found.damages.len(), found.summary.torn_tail), (0, None), "seed {seed}");
    refused
}
