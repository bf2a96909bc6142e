//! What the keys of a data folder promise, with real files.

use super::*;

fn demo() -> ShopId {
    ShopId::from("demo")
}

fn served(folder: &Path) -> Vault {
    let vault = Vault::open(folder, &MasterSource::Beside).expect("it opens");
    vault.find_free().expect("it is read");
    vault.serve([demo()].iter(), false).expect("it serves");
    vault
}

fn take(vault: &Vault, customer: &str) -> Key {
    loop {
        if let Some(key) = vault.take(&demo(), &CustomerId::from(customer)) {
            return key;
        }
        std::thread::yield_now();
    }
}

fn is_destroyed(vault: &Vault, key: &Key) -> bool {
    match vault.find("demo", key.id().slot).expect("it is read") {
        Found::Key(found) => {
            assert_eq!(found.secret().bytes(), key.secret().bytes());
            false
        }
        Found::Destroyed => true,
        Found::Missing => panic!("{key:?} is missing"),
    }
}

#[test]
fn keys_differ_are_found_after_a_restart_and_no_number_is_given_twice() {
    let folder = tempfile::tempdir().expect("a folder");
    let vault = served(folder.path());
    // More than are made at a time.
    let mut keys: Vec<Key> = (0..2_000).map(|n| take(&vault, &format!("c{n}"))).collect();
    drop(vault);

    let vault = served(folder.path());
    assert!(keys.iter().all(|key| !is_destroyed(&vault, key)));
    keys.extend((0..10).map(|n| take(&vault, &format!("d{n}"))));

    let numbers: BTreeSet<u64> = keys.iter().map(|key| key.id().slot).collect();
    let secrets: BTreeSet<[u8; 32]> = keys.iter().map(|key| *key.secret().bytes()).collect();
    assert_eq!((numbers.len(), secrets.len()), (keys.len(), keys.len()));
}

#[test]
fn an_erasure_reaches_every_key_of_the_customer_up_to_then_and_no_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let vault = served(folder.path());
    let of_ana = [take(&vault, "ana"), take(&vault, "ana")];
    let of_min = take(&vault, "min");
    let forgotten = take(&vault, "lee");

    vault.destroy(vec![forgotten.id().clone()]);
    let answer =
        vault.erase(&demo(), &CustomerId::from("ana"), vault.next(&demo()).expect("a number"));
    let later = take(&vault, "ana");
    let erased = answer.blocking_recv().expect("an answer").expect("it worked");

    assert_eq!(erased, Erased { keys: 2 });
    // The answer to an erasure does not wait for keys of conversations that are forgotten.
    vault.sync().expect("on disk");
    let after_restart = {
        drop(vault);
        served(folder.path())
    };
    assert!(of_ana.iter().chain([&forgotten]).all(|key| is_destroyed(&after_restart, key)));
    assert!(!is_destroyed(&after_restart, &of_min) && !is_destroyed(&after_restart, &later));
}

#[test]
fn what_is_asked_for_at_a_start_is_not_given_again_though_its_owner_was_lost() {
    let folder = tempfile::tempdir().expect("a folder");
    let vault = served(folder.path());
    let key = take(&vault, "ana");
    drop(vault);
    // As a power cut would have it: the mark of the owner was not on disk.
    let path = folder.path().join("demo.keys");
    let mut bytes = std::fs::read(&path).expect("a file");
    let at = 80 + usize::try_from(key.id().slot).expect("small") * 80 + 64;
    bytes[at..at + 16].fill(0);
    std::fs::write(&path, bytes).expect("written");

    let vault = Vault::open(folder.path(), &MasterSource::Beside).expect("it opens");
    vault.find_free().expect("it is read");
    assert!(!is_destroyed(&vault, &key));
    vault.note(&key, &CustomerId::from("ana")).expect("noted");
    vault.serve([].iter(), false).expect("it serves");

    assert_ne!(take(&vault, "min").id(), key.id());
    let erased = vault
        .erase(&demo(), &CustomerId::from("ana"), vault.next(&demo()).expect("a number"))
        .blocking_recv();
    assert_eq!(erased.expect("an answer").expect("it worked"), Erased { keys: 1 });
}

#[test]
fn copies_put_together_have_what_is_destroyed_in_none_of_them() {
    let place = tempfile::tempdir().expect("a folder");
    let (keys, before, merged) =
        (place.path().join("keys"), place.path().join("before"), place.path().join("merged"));
    let vault = served(&keys);
    let (ana, min) = (take(&vault, "ana"), take(&vault, "min"));
    vault.sync().expect("on disk");
    super::super::copy(&keys, &before).expect("copied");
    let erased = vault
        .erase(&demo(), &CustomerId::from("ana"), vault.next(&demo()).expect("a number"))
        .blocking_recv();
    erased.expect("an answer").expect("it worked");

    for copies in [[keys.clone(), before.clone()], [before.clone(), keys.clone()]] {
        super::super::merge(&copies, &merged).expect("merged");
        let vault = Vault::open(&merged, &MasterSource::Beside).expect("it opens");
        assert!(is_destroyed(&vault, &ana) && !is_destroyed(&vault, &min));
    }
    let vault = Vault::open(&merged, &MasterSource::Beside).expect("it opens");
    let kept = [(demo(), BTreeSet::new())].into_iter().collect();
    assert_eq!(vault.keep_only(&kept).expect("it worked"), Erased { keys: 1 });
}

#[test]
fn a_keeper_that_is_stuck_with_a_full_queue_keeps_nobody_waiting_and_finishes_later() {
    let folder = tempfile::tempdir().expect("a folder");
    let vault = served(folder.path());
    let (ana, forgotten) = (take(&vault, "ana"), take(&vault, "lee"));
    let below = vault.next(&demo()).expect("a number");
    vault.sync().expect("on disk");
    let keys = vault.shop(&demo()).expect("a shop");
    let stuck = keys.lock();
    // The first is taken out and waits for the lock; the others fill the queue.
    while vault.ask(Job::Grow(demo())) {
        std::thread::yield_now();
    }

    let (done, returned) = sync_channel(1);
    let (asking, gone) = (vault.clone(), forgotten.id().clone());
    std::thread::spawn(move || {
        asking.destroy(vec![gone]);
        let of_ana = asking.erase(&demo(), &CustomerId::from("ana"), below);
        let min = CustomerId::from("min");
        let others = (0..ERASURES_MAX).map(|_| asking.erase(&demo(), &min, below));
        let _ = done.send((of_ana, others.collect::<Vec<_>>()));
    });
    let patience = std::time::Duration::from_secs(30);
    let (of_ana, others) = returned.recv_timeout(patience).expect("nobody waits for the keeper");
    drop(stuck);

    assert_eq!(of_ana.blocking_recv().expect("an answer").expect("it worked"), Erased { keys: 1 });
    let refused = others.into_iter().filter_map(|it| it.blocking_recv().err()).count();
    assert_eq!(refused, 1, "one more than may wait");
    vault.sync().expect("on disk");
    assert!(is_destroyed(&vault, &ana) && is_destroyed(&vault, &forgotten));
}
