use super::*;
use crate::domain::{CustomerKey, Meaning, ShopId};

pub fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(1_000_000_000 + seconds * 1_000)
}

pub fn question(n: u64, language: &str, text: &str) -> Question {
    let language: Language = language.parse().expect("a language");
    let customer = CustomerId::from(format!("v_{n}"));
    let key = CustomerKey::of(&ShopId::from("demo"), &customer);
    Question {
        conversation: ConversationId::new(n, key, n),
        customer,
        told: Told::First,
        waits: true,
        // Whenever it is told.
        asked_at: Timestamp::from_millis(u64::MAX),
        language,
        text: text.into(),
        print: Arc::new(Print::of_text(text, language, &Meaning::default(), None)),
    }
}

/// Askers about a strike, one each ten seconds from `first` on.
pub fn asked_by(live: &mut Live, numbers: std::ops::Range<u64>) -> Vec<Joined> {
    let texts = [
        ("en", "how long is the strike?"),
        ("es", "¿la huelga sigue?"),
        ("ko", "파업 끝났나요"),
        ("fr", "la grève est finie ?"),
    ];
    numbers
        .map(|n| {
            let (language, text) = texts[n as usize % texts.len()];
            live.ask(at(n * 10), &question(n, language, text)).expect("joins")
        })
        .collect()
}

#[test]
fn three_askers_are_suggested_and_the_fifth_in_a_minute_opens() {
    let mut live = Live::default();

    let joined = asked_by(&mut live, 0..5);

    assert!(joined.iter().all(|it| it.cluster == joined[0].cluster));
    let news: Vec<Option<Standing>> =
        joined.iter().map(|it| it.is_news.then_some(it.standing)).collect();
    let (suggested, open) = (Some(Standing::Suggested), Some(Standing::Open));
    assert_eq!(news, [None, None, suggested, None, open]);
    assert_eq!(live.shown().count(), 1);
}

/// One whom a machine has answered.
fn answered(n: u64) -> Question {
    Question { waits: false, ..question(n, "en", "how long is the strike?") }
}

#[test]
fn what_machines_answer_is_told_when_it_is_more_than_usual_and_opens_nothing() {
    let mut live = Live::default();
    let (quiet, hours) = (2 * MEMORY.as_secs(), 10);
    for n in 0..quiet / 60 {
        live.ask(at(n * 60), &answered(n)).expect("joins");
    }
    assert_eq!(live.shown().count(), 0, "one a minute is usual by then");

    let burst = (0..20).map(|n| live.ask(at(quiet + n), &answered(quiet + n)).expect("joins"));
    let standing: Vec<Standing> = burst.map(|it| it.standing).collect();

    assert_eq!((standing[0], standing[19]), (Standing::Watched, Standing::Suggested));
    let mut young = Live::default();
    for n in 0..hours {
        young.ask(at(n), &answered(n)).expect("joins");
    }
    assert_eq!(young.shown().count(), 0, "nobody knows yet what is usual");
}

#[test]
fn who_has_a_machines_answer_makes_no_suggestion_of_two_who_wait_and_follows_that_of_three() {
    let mut live = Live::default();
    (0..8).for_each(|n| drop(live.ask(at(n), &answered(n))));
    asked_by(&mut live, 1_000..1_002);
    assert_eq!(live.shown().count(), 0);

    let third = asked_by(&mut live, 1_002..1_003).remove(0);

    assert_eq!(third.standing, Standing::Suggested);
    let cluster = live.get(third.cluster).expect("shown");
    let waiting: Vec<bool> = cluster.unconfirmed().map(|it| it.waits).collect();
    assert_eq!(waiting.len(), 11);
    assert!(waiting.iter().is_sorted_by_key(|waits| !*waits), "who waits comes first");
}

#[test]
fn half_an_hour_without_a_newcomer_closes_it_and_its_baseline_stays() {
    let mut live = Live::default();
    let id = asked_by(&mut live, 0..5)[0].cluster;
    let last = at(40);
    assert_eq!(live.next_deadline(), Some(last + QUIET_MAX));
    assert!(live.on_timer(last + (QUIET_MAX - Duration::from_millis(1))).is_empty());

    let closed = live.on_timer(last + QUIET_MAX);

    assert_eq!(closed.len(), 1);
    assert_eq!((closed[0].cluster, closed[0].followers.len()), (id, 5));
    assert_eq!(live.shown().count(), 0);
    let again = live.ask(at(3_000), &question(77, "en", "is the strike over")).expect("joins");
    assert_eq!((again.cluster, again.standing), (id, Standing::Watched));
}

#[test]
fn a_conversation_follows_one_cluster_and_leaves_it() {
    let mut live = Live::default();
    asked_by(&mut live, 0..3);
    let asker = question(2, "en", "is the warehouse flooded?");
    assert_eq!(live.ask(at(30), &asker), None);

    assert!(live.leave(asker.conversation).is_some());

    assert!(live.leave(asker.conversation).is_none());
    assert!(live.ask(at(31), &asker).is_some());
}

#[test]
fn an_erased_customer_is_in_no_example_no_print_and_no_count() {
    let mut live = Live::default();
    let mine = question(0, "en", "how long is the strike of ana-said-Q7?");
    let id = live.ask(at(0), &mine).expect("begins").cluster;
    asked_by(&mut live, 1..5);
    live.leave(mine.conversation);
    let copies = |live: &Live| live.find(id).and_then(|it| it.copied_by(&mine.print));
    assert_eq!(copies(&live), Some(Match::Exact));

    assert!(live.forget(&mine.customer));

    let cluster = live.find(id).expect("the others ask it still");
    let kept = format!("{:?}", live.clusters);
    assert!(!kept.contains("ana-said-Q7") && !kept.contains("\"v_0\""), "{kept}");
    assert!(!matches!(copies(&live), Some(Match::Exact)), "what is compared is gone as well");
    assert_eq!((cluster.examples.len(), cluster.followers.len()), (2, 4));
    assert_eq!(live.clone().clusters[0].rate.customers(at(40)), 4);
    assert!(!live.forget(&mine.customer), "there is nothing left of him");
}

#[test]
fn what_a_follower_asked_goes_when_it_leaves_is_erased_or_has_its_cluster_closed() {
    let mut live = Live::default();
    let asked = |n: u64| question(n, "en", &format!("how long is the strike of said-{n}-Q7?"));
    for n in 0..6 {
        live.ask(at(n), &asked(n)).expect("joins");
    }
    let id = live.of(asked(0).conversation).expect("it follows one").id;
    let texts = |live: &Live| -> Vec<String> {
        let followers = live.all().iter().flat_map(|it| it.followers.values());
        followers.map(|it| it.text.to_string()).collect()
    };
    assert_eq!(texts(&live), [0, 1, 2, 3, 4, 5].map(|n| asked(n).text.to_string()));

    live.leave(asked(1).conversation);
    live.returned(asked(2).conversation);
    live.confirm(id, &[], &[asked(3).conversation]).expect("open");
    live.forget(&asked(4).customer);
    assert_eq!(texts(&live), [0, 5].map(|n| asked(n).text.to_string()));
    let kept = format!("{:?}", live.all());
    assert!(!kept.contains("said-4-Q7") && !kept.contains("\"v_4\""), "{kept}");
    assert!(live.of(asked(4).conversation).is_none(), "it follows nothing any more");

    live.close(id).expect("open");
    assert!(texts(&live).is_empty());
}

#[test]
fn a_question_that_only_an_erased_customer_asked_is_forgotten_whole() {
    let mut live = Live::default();
    let mine = question(0, "en", "how long is the strike?");
    live.ask(at(0), &mine).expect("begins");

    live.leave(mine.conversation);
    live.forget(&mine.customer);

    assert!(live.all().is_empty());
}

#[test]
fn clusters_beyond_the_bound_take_the_place_of_those_that_nobody_is_told_of() {
    let mut live = Live::default();
    let open = asked_by(&mut live, 0..5)[0].cluster;
    for n in 0..CLUSTERS_MAX as u64 + 50 {
        // Different texts about nothing in common but a topic that is no strike.
        live.begin(at(100 + n), &question(n, "en", &format!("site {n}")));
    }

    assert_eq!(live.all().len(), CLUSTERS_MAX);
    assert!(live.get(open).is_some());
}
