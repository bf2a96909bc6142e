//! Everything that could grow has a bound, and every bound a test that fills it. The table below has a
//! row for each row of the table in `docs/ARCHITECTURE.md`; a row without tests fails, and so does a
//! test that is not there.

#[path = "router/mod.rs"]
mod router;

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use router::{Client, Router, config, visitor, write_shop};
use serde_json::{Value, json};

/// What could grow, as the page names it, and the tests that fill it: `file::name`.
#[rustfmt::skip] // a table
const BOUNDS: &[(&str, &[&str])] = &[
    ("open connections", &["tests/accounts.rs::a_full_public_address_leaves_management_open"]),
    ("open connections of one address; its handshakes; its messages", &[
        "tests/address_limits.rs::an_address_holds_as_many_connections_as_it_may_and_gets_the_place_of_one_that_ends",
        "tests/address_limits.rs::an_address_that_connects_too_often_is_told_when_to_come_back",
        "tests/address_limits.rs::all_customers_of_one_address_share_its_messages_and_seats_do_not",
    ]),
    ("open connections of one shop; its handshakes", &[
        "tests/address_limits.rs::a_shop_leaves_connections_to_the_others_and_says_when_to_come_back",
        "tests/address_limits.rs::a_shop_that_is_stormed_refuses_sign_ins_with_a_time_and_the_others_do_not_notice",
    ]),
    ("addresses that are remembered", &[
        "src/admission/addresses.rs::who_uses_nothing_is_forgotten_and_a_flood_of_addresses_fills_no_memory",
    ]),
    ("open connections to management", &["tests/bounds.rs::management_takes_so_many_connections_and_no_more"]),
    ("a frame, a text", &[
        "tests/python/test_bad_input.py::test_a_frame_over_64_kib_closes_with_4501",
        "tests/python/test_bad_input.py::test_text_over_16_kib_and_empty_text_are_too_large",
    ]),
    ("an HTTP head, a body", &[
        "tests/half_open.rs::a_head_that_is_too_long_or_has_too_many_lines_is_refused_at_once",
        "tests/bounds.rs::a_body_over_its_size_is_refused",
    ]),
    ("time for TLS, a head, a body, `hello`", &[
        "tests/half_open.rs::a_tls_handshake_that_is_not_finished_ends_at_the_deadline",
        "tests/half_open.rs::a_head_that_does_not_come_or_is_dribbled_ends_at_the_deadline",
        "tests/half_open.rs::a_body_that_is_dribbled_is_refused_at_the_deadline",
        "tests/half_open.rs::a_socket_without_hello_is_closed_with_its_code_at_the_deadline",
    ]),
    ("time without a frame", &["tests/bounds.rs::a_silent_peer_is_closed_with_its_code"]),
    ("messages of one connection, of one shop", &[
        "src/admission/mod.rs::a_burst_is_let_in_and_then_the_rate_holds",
        "src/admission/mod.rs::a_shop_and_an_address_have_limits_over_all_their_connections",
        "tests/python/test_bad_input.py::test_too_many_messages_are_told_how_long_to_wait",
    ]),
    ("frames of one connection that are no messages, and the pongs that answer them", &[
        "tests/websocket/main.rs::whoever_floods_pings_of_the_protocol_is_told_once_and_not_answered_without_end",
    ]),
    ("frames that make no sense", &["tests/python/test_bad_input.py::test_twenty_bad_frames_close_with_4500"]),
    ("WebSocket pings and pongs of one connection, and the pongs that answer them", &[
        "tests/websocket/main.rs::whoever_floods_pings_is_closed_and_not_answered_without_end",
    ]),
    ("passwords that wait to be checked", &[
        "src/gateway/passwords.rs::an_address_and_a_shop_fill_their_own_places_and_are_told_when_to_come_back",
    ]),
    ("calls to providers of identities", &[
        "tests/openid.rs::a_provider_that_is_down_silent_or_odd_is_told_and_keeps_nobody_else_out",
        "src/openid/places.rs::a_shop_fills_its_own_places_and_gives_them_back",
    ]),
    ("sign-ins on their way to a provider", &[
        "src/gateway/pending.rs::a_sign_in_opens_in_its_shop_and_time_and_with_its_own_state_only",
    ]),
    ("sign-ins that came back, so that none does twice", &[
        "src/gateway/pending.rs::a_sign_in_comes_back_once_and_a_full_memory_stays_as_large_as_it_is",
    ]),
    ("lines of the log about what went wrong at the provider of a shop", &[
        "src/gateway/log_lines.rs::a_flood_writes_so_many_lines_a_minute_and_tells_how_many_it_left_out",
        "tests/openid.rs::forged_words_of_a_provider_are_all_counted_and_few_of_them_logged",
    ]),
    ("sessions of providers that were ended", &[
        "src/gateway/signed_out.rs::the_list_is_bounded_and_a_damaged_one_is_told",
    ]),
    ("incidents of a shop; followers of one; characters of what one asked; texts that copies are looked for among", &[
        "src/incidents/live/tests.rs::clusters_beyond_the_bound_take_the_place_of_those_that_nobody_is_told_of",
        "src/incidents/lean.rs::in_a_full_memory_what_is_in_doubt_gives_way_first",
        "src/incidents/lean.rs::an_incident_that_has_no_room_is_leaned_to_by_nobody",
        "src/incidents/sort.rs::an_incident_that_has_no_room_takes_nobody_over",
        "src/incidents/cluster.rs::a_seat_is_shown_160_characters_of_a_question_and_told_where_it_is_cut",
    ]),
    ("incidents that a seat has called different", &[
        "src/incidents/same.rs::that_two_are_apart_is_kept_once_and_goes_with_either",
    ]),
    ("things and names of the middle of an incident", &[
        "src/incidents/topic.rs::a_middle_that_is_full_counts_what_it_has_and_forgets_the_least_for_what_weighs_more",
    ]),
    ("keys made ahead of their use", &[
        "tests/races/main.rs::a_thousand_who_arrive_at_once_are_all_served_and_no_seat_has_more_than_its_slots",
    ]),
    ("erasures whose keys wait to be destroyed", &[
        "src/vault/store_tests.rs::a_keeper_that_is_stuck_with_a_full_queue_keeps_nobody_waiting_and_finishes_later",
    ]),
    ("wait of an erasure for files that know of the customer", &[
        "src/flow/erase.rs::nobody_is_forgotten_whom_a_file_knows_that_is_not_written_in_time",
    ]),
    ("inputs that wait for one owner", &[
        "src/runtime/inbox.rs::a_full_inbox_refuses_new_work_and_still_takes_consequences",
        "src/admission/shed.rs::new_conversations_of_strangers_are_refused_first_and_open_ones_last",
    ]),
    ("conversations", &[
        "tests/flow/conversations.rs::bounds_refuse_with_a_reason_and_harm_nobody_else",
        "tests/flow/bounds.rs::the_last_conversations_are_kept_for_customers_whom_a_shop_vouched_for",
    ]),
    ("events and notes of one conversation", &[
        "tests/flow/bounds.rs::a_full_conversation_takes_no_further_rating_note_or_wish",
    ]),
    ("conversations of one customer", &[
        "tests/flow/bounds.rs::one_customer_cannot_fill_the_router_with_ended_conversations",
    ]),
    ("ids and texts that a conversation remembers", &[
        "src/dedup/seen.rs::a_full_memory_forgets_its_oldest_id_and_grows_by_a_mark_a_message_only",
        "src/dedup/recent.rs::a_flood_of_long_texts_fills_a_bounded_memory",
    ]),
    ("ids of what channels have delivered", &[
        "src/dedup/delivered.rs::a_full_memory_forgets_its_oldest_ids_and_an_old_one_goes_with_the_day",
    ]),
    ("messages that wait for the fast tier", &[
        "src/understand/task.rs::a_full_pool_refuses_and_has_room_again_afterwards",
    ]),
    ("file of a shop's own intents; networks in it", &[
        "src/understand/tenant/task.rs::a_set_that_no_router_would_read_is_not_written_over_one_that_it_does",
        "src/understand/tenant/network.rs::a_set_at_the_bounds_may_have_networks_and_one_beyond_any_of_them_may_not",
        "src/understand/tenant/train.rs::a_set_whose_networks_are_left_out_is_calibrated_and_told_by_its_linear_scores",
        "src/understand/tenant/train.rs::no_time_goes_into_networks_that_would_be_left_out",
    ]),
    ("questions that machines have answered, on their way to the owner of incidents", &[
        "src/flow/incidents/tests.rs::beyond_what_may_wait_what_a_machine_has_answered_is_not_taken_in_and_who_waits_is",
    ]),
    ("questions of incidents that wait for a vector", &[
        "src/flow/incidents/sensing.rs::beyond_those_that_may_wait_a_question_goes_on_at_once_until_there_is_room",
        "src/flow/incidents/sensing.rs::a_question_waits_until_its_deadline_and_no_longer",
    ]),
    ("messages that wait for the encoder", &[
        "src/understand/tiers/task.rs::a_full_queue_refuses_and_a_late_message_is_not_read",
        "tests/flow/second_look.rs::a_late_encoder_lets_the_fast_answer_stand_at_the_deadline_and_not_before",
    ]),
    ("messages of one conversation that are being translated; texts of a shop", &[
        "tests/flow/translated.rs::a_message_beyond_those_that_may_be_translated_at_a_time_goes_on_as_it_was_written_in_its_place",
        "src/flow/translated/task/tests.rs::more_texts_of_a_shop_than_may_wait_stay_as_they_were_written_at_once",
    ]),
    ("languages in which phrases of a shop are kept that it did not write", &[
        "src/flow/translated/phrasebook.rs::so_many_languages_of_a_shop_are_translated_at_a_time_and_each_once",
    ]),
    ("file of a shop's translated phrases", &[
        "src/flow/translated/store.rs::as_many_languages_of_the_longest_phrases_as_there_may_be_are_kept_and_a_larger_file_is_not",
    ]),
    ("wait of a message for its translation", &[
        "tests/flow/translated.rs::an_engine_that_fails_or_is_late_holds_nothing_up_for_longer_than_its_time",
    ]),
    ("time that the encoder takes", &[
        "src/understand/tiers/task.rs::without_time_left_nobody_is_asked_and_what_was_taken_is_answered",
    ]),
    ("texts that wait for a model that translates; what it makes of a sentence", &[
        "tests/translate/local.rs::one_job_too_many_is_refused_and_room_comes_back",
        "tests/translate/local.rs::a_pair_that_it_was_not_named_for_and_a_text_without_end_are_told",
    ]),
    ("remembered decisions", &[
        "src/schedule/records.rs::the_conversations_that_came_first_are_forgotten_first",
        "src/schedule/records.rs::a_conversation_keeps_its_latest_records",
    ]),
    ("conversations that wait for a seat", &[
        "tests/schedule/waiting.rs::a_full_queue_gives_tickets_to_newcomers_and_not_to_who_comes_back",
        "tests/schedule/waiting.rs::nobody_waits_longer_than_the_longest_wait",
    ]),
    ("batches that wait for the disk", &[
        "tests/journal_simulated/faults.rs::a_full_queue_makes_appends_wait_and_then_refuses_them",
    ]),
    ("questions without an article that a shard remembers of a shop; that a list looks at; lists at a time", &[
        "tests/flow/erasure.rs::a_shop_has_so_many_unanswered_questions_and_the_oldest_leave",
        "src/gateway/gaps.rs::only_so_many_questions_are_looked_at_and_those_are_the_latest",
        "src/gateway/gaps.rs::a_list_that_waits_for_its_conversations_stands_in_the_way_of_no_other_shop",
        "src/knowledge/gaps.rs::questions_of_which_none_is_like_another_are_so_many_gaps_and_no_more",
    ]),
    ("rows of a floor that is watched", &["tests/bounds.rs::a_floor_shows_so_many_rows_and_tells_how_many_there_are"]),
    ("showings of a floor", &["tests/bounds.rs::a_floor_shows_so_many_rows_and_tells_how_many_there_are"]),
    ("bytes that wait for one reader", &[
        "src/deliver/outbox.rs::a_reader_over_its_limit_is_cut_off_and_holds_no_memory",
        "tests/slow_reader.rs::a_slow_reader_is_cut_with_its_code_and_gets_the_gap_when_it_comes_back",
    ]),
    ("time in which a reader takes nothing", &["tests/half_open.rs::who_asks_and_does_not_read_is_let_go_of"]),
    ("time of a stop", &[
        "tests/bounds.rs::a_stop_waits_for_nobody_beyond_its_deadline",
        "tests/stop.rs::a_stop_does_not_wait_for_a_file_that_cannot_be_read_to_its_end",
    ]),
    ("sessions with the mail server; time of a step of it", &[
        "tests/email_replies.rs::so_many_sessions_are_open_at_a_time_and_every_letter_goes_out",
        "tests/email_replies.rs::a_mail_server_that_falls_silent_is_left_after_its_time_and_tried_again",
    ]),
    ("hooks of a shop; calls of them at a time; time of one; what is read of its answer", &[
        "src/config/shop/webhook.rs::mistakes_name_the_key_and_no_secret",
        "src/outward/webhooks/line.rs::hooks_take_turns_and_none_has_more_than_its_calls",
        "src/outward/webhooks/line.rs::the_hooks_of_a_shop_have_so_many_calls_together_and_leave_room_for_those_of_others",
        "tests/webhooks.rs::so_many_calls_are_made_at_a_time_and_the_others_wait",
        "tests/webhooks.rs::a_hook_that_does_not_answer_in_time_is_called_again",
        "tests/webhooks.rs::an_answer_that_is_larger_than_what_is_read_is_none",
    ]),
    ("hooks that `tradewind doctor` looks at at a time; time of one; of all", &[
        "src/doctor/webhooks.rs::more_hooks_than_there_are_places_are_all_looked_at_in_their_order",
        "tests/webhook_trial.rs::a_hook_that_says_nothing_is_waited_for_no_longer_than_the_settings_say",
        "src/doctor/webhooks.rs::hooks_for_which_there_is_no_time_are_told_and_not_waited_for",
    ]),
    ("what waits for one hook", &[
        "src/outward/webhooks/line.rs::what_is_too_old_is_given_up_also_while_its_hook_rests",
        "src/outward/webhooks/line.rs::the_oldest_is_dropped_also_where_it_was_tried_and_is_due_later_than_others",
        "tests/webhooks.rs::past_its_bound_what_has_waited_longest_for_a_hook_is_dropped_and_counted",
    ]),
    ("letters that are read at a time; of all mailboxes, that are fetched", &[
        "tests/email_replies.rs::so_many_letters_are_brought_at_a_time_and_others_are_told_to_come_back",
        "tests/imap.rs::so_many_letters_of_all_mailboxes_are_fetched_at_a_time",
    ]),
    ("what lies in a letter", &[
        "src/channels/email/parts.rs::parts_lie_so_deep_and_no_deeper",
        "src/channels/email/parts.rs::a_letter_has_so_many_parts_and_heads_of_such_a_size",
    ]),
    ("letters of one look into a mailbox; time of a step of its server; what it says", &[
        "tests/imap.rs::a_look_takes_so_many_letters_leaves_what_is_too_large_and_moves_what_is_taken",
        "tests/imap.rs::a_server_that_is_silent_says_too_much_or_refuses_is_tried_again_and_loses_nothing",
    ]),
    ("letters in a mailbox that wait for room", &[
        "src/inward/progress.rs::so_many_letters_wait_and_of_more_the_oldest_is_given_up",
        "src/inward/progress.rs::a_letter_without_room_waits_for_two_days_and_holds_nobody_up",
    ]),
    ("looks that fail with one letter; ends of the process while it is read", &[
        "src/inward/progress.rs::a_letter_makes_three_looks_fail_and_no_more_and_one_that_waits_is_put_off",
        "src/inward/progress.rs::a_letter_that_the_process_ended_with_twice_is_not_read_a_third_time",
    ]),
    ("inputs put aside while the disk refuses", &[
        "tests/disk_full.rs::what_is_put_aside_while_the_disk_refuses_has_a_bound",
    ]),
    ("measured values that are not counted into their histograms yet", &[
        "tests/measured.rs::what_is_measured_takes_no_more_memory_where_nobody_scrapes",
    ]),
    ("backups at a time; what each keeps from being used again", &[
        "tests/journal_simulated/holds.rs::a_hold_that_is_not_extended_ends_by_itself_and_there_are_only_so_many",
    ]),
    ("**the journal on disk**", &[
        "tests/disk_full.rs::a_full_disk_stops_acknowledgements_but_not_reads_and_recovers_by_itself",
        "tests/journal_log.rs::freed_segments_are_reused_and_the_folder_stays_small",
    ]),
];

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// First and second column of the table of bounds.
fn rows_of_the_page() -> Vec<(String, String)> {
    let page = read("docs/ARCHITECTURE.md");
    let (_, section) = page.split_once("\n## Bounds\n").expect("the section");
    let section = section.split("\n## ").next().unwrap_or_default();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| ")).skip(1);
    let cells = rows.filter_map(|row| {
        let mut cells = row.split(" | ");
        Some((cells.next()?.to_owned(), cells.next()?.to_owned()))
    });
    cells.collect()
}

#[test]
fn every_bound_has_a_test_that_fills_it() {
    let on_the_page: BTreeSet<String> = rows_of_the_page().into_iter().map(|row| row.0).collect();
    let here: BTreeSet<String> = BOUNDS.iter().map(|(what, _)| (*what).to_owned()).collect();
    assert_eq!(here, on_the_page, "the table and the page name the same");

    for (what, tests) in BOUNDS {
        assert!(!tests.is_empty(), "nothing fills `{what}`");
        for test in *tests {
            let (file, name) = test.split_once("::").expect("a file and a name");
            let text = read(file);
            let is_there =
                ["fn", "def"].iter().any(|word| text.contains(&format!("{word} {name}(")));
            assert!(is_there, "`{what}`: there is no test {test}");
        }
    }
}

#[test]
fn every_setting_that_bounds_something_is_in_the_table() {
    let bounding: String = rows_of_the_page().into_iter().map(|row| row.1).collect();
    let is_bound =
        |key: &str| key.ends_with("_max") || key.ends_with("_capacity") || key.ends_with("_per_s");
    /// They bound what a decision looks at, not what grows.
    const OTHERS: [&str; 6] = [
        "flow.batch_max",
        "journal.commit_bytes_max",
        "schedule.unanswered_max",
        "timers.owner_silence_max",
        "timers.hops_max",
        "dedup.repeat_similarity_min",
    ];

    let missing: Vec<_> = tradewind::config::all_settings()
        .map(|setting| setting.key)
        .filter(|key| is_bound(key) && !OTHERS.contains(key) && !bounding.contains(key))
        .collect();

    assert!(missing.is_empty(), "{missing:?}");
}

fn router(lines: &str) -> (Router, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    write_shop(folder.path(), "first", str::to_owned);
    let router = Router::start(config(folder.path(), lines)).expect("a router");
    (router, folder)
}

#[test]
fn management_takes_so_many_connections_and_no_more() {
    let (router, _folder) = router("");
    let held: Vec<_> =
        (0..64).map(|_| TcpStream::connect(router.admin_address).expect("a connection")).collect();

    let mut answer = String::new();
    let mut one_more = TcpStream::connect(router.admin_address).expect("a connection");
    one_more.read_to_string(&mut answer).expect("an answer");

    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.contains("Retry-After: "), "{answer}");
    drop(held);
}

#[test]
fn a_body_over_its_size_is_refused() {
    let (router, _folder) = router("");
    let body = json!({"shop": "first", "visitor": "v".repeat(5_000)});

    assert_eq!(router::post(router.address, "/v1/widget/session", &body).0, 413);
}

#[test]
fn a_silent_peer_is_closed_with_its_code() {
    let (router, _folder) =
        router("[timers]\nheartbeat = \"100ms\"\npeer_dead_after = \"300ms\"\n");
    let began = Instant::now();

    assert_eq!(router.customer("first").close_code(), 4001);
    assert!(began.elapsed() >= Duration::from_millis(300));
}

#[test]
fn a_stop_waits_for_nobody_beyond_its_deadline() {
    let (router, _folder) = router("[timers]\ndrain = \"200ms\"\n");
    // A peer that does not answer the close is waited for for 2 s.
    let session = visitor(router.address, "first", &Value::Null);
    let deaf = Client::open(router.address, "/v1/widget", &session["token"]);

    let began = Instant::now();
    drop(router);

    assert!(began.elapsed() < Duration::from_millis(1_900), "{:?}", began.elapsed());
    drop(deaf);
}

#[test]
fn a_floor_shows_so_many_rows_and_tells_how_many_there_are() {
    let (router, _folder) = router("[timers]\npeer_dead_after = \"1min\"\n");
    let mut customers: Vec<_> = (0..310).map(|_| router.customer("first")).collect();
    for customer in &mut customers {
        customer.say("Quiero que me devuelvan el dinero de mi pedido, es una vergüenza");
    }
    let until = Instant::now() + Duration::from_secs(60);
    while router.metric("tradewind_schedule_waiting ") < 310.0 {
        assert!(Instant::now() < until, "not all of them wait");
    }
    let mut supervisor = router.seat("first", "wei");

    let began = Instant::now();
    supervisor.send(&json!({"type": "floor", "watch": true}));
    let floor = supervisor.next("floor");

    assert_eq!(floor["waiting"].as_array().map(Vec::len), Some(300), "{}", floor["totals"]);
    assert_eq!(floor["totals"]["waiting"], 310);
    // Whatever changes is told together: each showing waits for its turn.
    let mut seat = router.seat("first", "mai");
    for state in ["away", "ready", "away", "ready"] {
        seat.send(&json!({"type": "state", "state": state}));
        supervisor.next("floor");
    }
    assert!(began.elapsed() >= Duration::from_millis(1_500), "{:?}", began.elapsed());
}

#[test]
fn a_connection_that_writes_without_end_before_it_is_known_is_ended() {
    let (router, _folder) = router("");
    let mut stream = TcpStream::connect(router.address).expect("a connection");
    let line = [b'x'; 1024];

    let is_ended = (0..100_000).any(|_| stream.write_all(&line).is_err());

    assert!(is_ended);
}
