//! What users of other systems complain about, each as a test of its name: the running router.

#[path = "router/mod.rs"]
mod router;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use router::{Router, config};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tradewind::config::shop::{SeatAccount, Shop, ShopFiles};
use tradewind::domain::{
    ConversationId, Hours, Priority, SeatId, SeatProfile, SeatState, SkillId, Timestamp,
};
use tradewind::flow::{Dispatch, Dispatcher, Owners};
use tradewind::metrics::Metrics;
use tradewind::runtime::Clock;
use tradewind::schedule::{Command, Contact, Roster, Scheduler, SeatView, Settings};

/// A seat that may not reply to customers is never given one.
#[test]
fn no_reply_permission() {
    let folder = tempfile::tempdir().expect("a folder");
    for (file, text) in &ShopFiles::demo().0 {
        let path = folder.path().join("shops/demo").join(file);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        let text = text.replace("id = \"mai\"", "id = \"mai\"\nreplies = false");
        std::fs::write(path, text).expect("a file");
    }
    let router = Router::start(config(folder.path(), "")).expect("a router");
    let mut mai = router.seat("demo", "mai");
    let mut customer = router.customer("demo");
    customer.say("I want to talk to a real person, please.");
    customer.next("queued");

    let mut kofi = router.seat("demo", "kofi");
    let offer = kofi.next("offer");
    kofi.send(&serde_json::json!({"type": "accept", "offer": offer["offer"]}));
    kofi.next("accepted");

    // Of two ready seats one was asked, once.
    assert_eq!(router.metric("tradewind_schedule_offers_total{answer=\"made\"}"), 1.0);
    mai.send(&serde_json::json!({"type": "state", "state": "ready"}));
    let state = mai.next("state");
    assert_eq!((&state["state"], &state["slots"]), (&"away".into(), &0.into()));
}

/// A thousand arrivals from eight sides at once never put a fourth conversation on a seat of three
/// slots. One task schedules, so there are no nodes between which the count could slip.
#[test]
fn cap_never_exceeded_multi_node() {
    const SIDES: u128 = 8;
    const ARRIVALS: u128 = 125;
    let shop = Shop::embedded_demo();
    // Whenever the test runs, all of them are at work.
    let at_work =
        |account: &SeatAccount| SeatProfile { hours: Hours::always(), ..account.profile.clone() };
    let seats: Vec<_> = shop.seats.values().take(20).map(at_work).collect();
    let names: Vec<SeatId> = seats.iter().map(|seat| seat.id.clone()).collect();
    let slots: u32 = seats.iter().map(|seat| u32::from(seat.slots.get())).sum();
    let languages: Vec<_> = seats.iter().map(|seat| seat.languages[0]).collect();
    let roster = Roster {
        shop: shop.id.clone(),
        seats,
        fallback_language: None,
        hours: tradewind::schedule::QueueHours::default(),
        rules: shop.rules.clone(),
        translation: None,
    };
    let scheduler = Scheduler::new(Settings::default(), vec![roster]);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let (dispatcher, drain) = (Dispatcher::new(), CancellationToken::new());
    let metrics = Arc::new(Metrics::new().expect("metrics"));
    let clock = Clock::start();
    let task = dispatcher.clone().run(
        scheduler,
        BTreeMap::new(),
        Owners::new(1, 1 << 16),
        clock,
        metrics,
        drain.clone(),
    );
    let task = runtime.spawn(task);
    let tell = |command| dispatcher.tell(Dispatch::Command(command), Instant::now());
    let view = || -> Vec<SeatView> {
        let (reply, answer) = oneshot::channel();
        dispatcher.tell(Dispatch::View(shop.id.clone(), reply), Instant::now());
        runtime.block_on(answer).expect("a view").1
    };
    for seat in names {
        let (shop, state) = (shop.id.clone(), SeatState::Ready);
        tell(Command::SignIn { shop, seat, state });
    }

    let mut most = 0;
    std::thread::scope(|scope| {
        let sides: Vec<_> = (0..SIDES)
            .map(|side| {
                let (languages, shop, tell) = (&languages, &shop, &tell);
                scope.spawn(move || {
                    for n in 0..ARRIVALS {
                        let id = uuid::Uuid::from_u128(side * ARRIVALS + n + 1);
                        tell(Command::Arrive(Contact {
                            conversation: ConversationId::from_uuid(id),
                            shop: shop.id.clone(),
                            language: languages[n as usize % languages.len()],
                            skill: SkillId::from("general"),
                            region: None,
                            priority: Priority::Normal,
                            arrived_at: Timestamp::from_millis(u64::MAX),
                            hops: 0,
                            only: None,
                            last_seat: None,
                            approval: tradewind::schedule::Approval::None,
                        }));
                    }
                })
            })
            .collect();
        while sides.iter().any(|side| !side.is_finished()) {
            let over = view().iter().map(|seat| seat.offered + seat.assigned).max();
            most = most.max(over.unwrap_or_default());
        }
    });
    let seats = view();
    drain.cancel();
    runtime.block_on(task).expect("the scheduler has not panicked");

    for seat in &seats {
        assert!(seat.offered + seat.assigned <= seat.slots, "{seat:?}");
    }
    assert!(most <= 4, "{most}");
    let used: u32 = seats.iter().map(|seat| seat.offered).sum();
    assert_eq!(used, slots, "and none of them idles: enough wait in every language");
}
