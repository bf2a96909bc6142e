//! What each part needs of the configuration, in the part's own terms.

use std::num::NonZeroUsize;
use std::sync::Arc;

use super::email;
use crate::admission::{Addresses, Allowance, Rate};
use crate::config::shop::Shop;
use crate::config::{AddressLimit, Config, Durability, LostState};
use crate::flow::Shops;
use crate::gateway::{Limits, Proxies, SignInLimits};
use crate::schedule::{QueueHours, Roster, Translation};
use crate::{admission, dedup, flow, journal, schedule};

/// Frames that are no messages may be ten times as many: pings, typing, receipts.
const FRAMES_PER_MESSAGE: usize = 10;
/// Seconds' worth of messages that one address may send at once.
const ADDRESS_MESSAGES_BURST_S: usize = 4;
/// For a loopback address without a limit of its own.
const UNLIMITED: usize = u32::MAX as usize;

pub(super) fn journal_options(config: &Config) -> journal::Options {
    journal::Options {
        segment_bytes: config.journal.segment as u64,
        durability: match config.journal.durability {
            Durability::Durable => journal::Durability::Durable,
            Durability::Memory => journal::Durability::Memory,
        },
        commit_bytes_max: config.journal.commit_bytes_max,
        queue_capacity: config.journal.queue_capacity,
        queue_bytes_max: config.journal.queue_bytes_max,
        queue_wait_max: config.journal.queue_wait_max,
        retry_pause: config.journal.retry_pause,
        unreadable: match config.journal.lost_state {
            LostState::Refuse => journal::Unreadable::Refuse,
            LostState::Start => journal::Unreadable::PassOver,
        },
        observer: None,
    }
}

fn rate(per_s: usize, burst: usize) -> Rate {
    let fit = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Rate::new(fit(per_s), fit(burst)).expect("the configuration rules out zero")
}

pub(super) fn limits(config: &Config) -> Limits {
    let (per_s, burst) = (config.gateway.messages_per_s.get(), config.gateway.messages_burst.get());
    Limits {
        connections_max: config.gateway.connections_max.get(),
        frame_bytes_max: config.gateway.frame_bytes_max,
        read_buffer_bytes: config.gateway.read_buffer,
        outbox_bytes_max: config.gateway.outbox_bytes_max,
        bad_frames_max: config.gateway.bad_frames_max.get(),
        handshake: config.timers.handshake,
        heartbeat: config.timers.heartbeat,
        peer_dead_after: config.timers.peer_dead_after,
        token_ttl: config.timers.token_ttl,
        admission: Arc::new(admission::Limits {
            text_bytes_max: config.gateway.text_bytes_max,
            messages: rate(per_s, burst),
            frames: rate(
                per_s.saturating_mul(FRAMES_PER_MESSAGE),
                burst.saturating_mul(FRAMES_PER_MESSAGE),
            ),
        }),
    }
}

/// What one shop may use while there are others.
pub(super) fn shop_allowance(config: &Config) -> Allowance {
    // A second's worth at once: a shop's messages, and its customers after a break, come in bursts.
    let second = |per_s: usize| rate(per_s, per_s);
    let all = config.gateway.connections_max.get();
    Allowance {
        connections_max: ((all as f64 * config.admission.shop_connections_share) as usize).max(1),
        handshakes: second(config.admission.shop_handshakes_per_s.get()),
        messages: second(config.admission.shop_messages_per_s.get()),
    }
}

/// What each address may use. Loopback addresses are counted when one of the limits holds for them.
pub(super) fn addresses(config: &Config) -> Addresses {
    let connections = config.gateway.address_connections_max;
    let per_s = config.gateway.address_handshakes_per_s;
    let burst = config.gateway.address_handshakes_burst;
    let messages = config.gateway.address_messages_per_s;
    let allowance = |pick: fn(AddressLimit) -> usize| Allowance {
        connections_max: pick(connections),
        handshakes: rate(pick(per_s), pick(burst)),
        messages: rate(pick(messages), pick(messages).saturating_mul(ADDRESS_MESSAGES_BURST_S)),
    };
    let is_counted =
        [connections, per_s, burst, messages].iter().any(|limit| limit.loopback.is_some());
    let others = allowance(|limit| limit.others.get());
    let loopback = allowance(|limit| limit.loopback.map_or(UNLIMITED, NonZeroUsize::get));
    Addresses::new(others, is_counted.then_some(loopback))
}

pub(super) fn proxies(config: &Config) -> Proxies {
    Proxies {
        trusted: config.server.trusted_proxies.clone(),
        header: config.server.forwarded_header,
    }
}

pub(super) fn sign_ins(config: &Config) -> SignInLimits {
    let of_address = config.admission.address_sign_ins_waiting_max;
    SignInLimits {
        shop_max: config.admission.shop_sign_ins_waiting_max.get(),
        address_max: of_address.others.get(),
        loopback_max: of_address.loopback.map_or(UNLIMITED, NonZeroUsize::get),
    }
}

pub(super) fn schedule_settings(config: &Config) -> schedule::Settings {
    schedule::Settings {
        offer_ttl: config.timers.offer,
        seat_grace: config.timers.seat_grace,
        owner_silence: config.timers.owner_silence_max,
        hops_max: u8::try_from(config.timers.hops_max.get()).unwrap_or(u8::MAX),
        first_response_target: config.timers.first_response_target,
        queue_wait_max: config.schedule.queue_wait_max,
        waiting_max: config.schedule.waiting_max.get(),
        unanswered_max: u8::try_from(config.schedule.unanswered_max.get()).unwrap_or(u8::MAX),
        same_seat_pause: config.schedule.same_seat_pause,
        age_bound: config.schedule.age_bound,
        fallback_after: config.schedule.fallback_after,
        promise: config.schedule.shift_opens_within,
        shift_drain: config.schedule.shift_drain,
        records_max: config.schedule.records_max.get(),
        place_update_interval: config.schedule.place_update_interval,
        handling_start: config.schedule.handling_start,
    }
}

pub(super) fn rosters(shops: &Shops) -> Vec<Roster> {
    let roster = |shop: &Arc<Shop>| Roster {
        shop: shop.id.clone(),
        seats: shop
            .seats
            .values()
            .filter(|account| account.replies)
            .map(|account| account.profile.clone())
            .collect(),
        fallback_language: shop.fallback_language,
        hours: QueueHours { shop: shop.hours.clone(), by_skill: shop.queue_hours.clone() },
        rules: shop.rules.clone(),
        translation: shop.translation.map(|seats| Translation {
            after: seats.after,
            slots_kept_free: seats.slots_kept_free,
        }),
    };
    let mut rosters: Vec<Roster> = shops.values().map(roster).collect();
    rosters.sort_by(|a, b| a.shop.cmp(&b.shop));
    rosters
}

/// For each of `count` shards.
pub(super) fn flow_settings(config: &Config, count: usize) -> flow::Settings {
    flow::Settings {
        ack_level: match config.journal.durability {
            Durability::Durable => "durable",
            Durability::Memory => "memory",
        },
        conversations_max: config.flow.conversations_live_max.get().div_ceil(count),
        messages_per_conversation_max: config.flow.messages_per_conversation_max.get(),
        resume_for: config.timers.resume_for,
        greeting_wait: config.timers.greeting_wait,
        lines_wait_max: config.timers.first_response_target.mul_f64(config.flow.lines_wait_share),
        customer_silence_ask: config.timers.customer_silence_ask,
        customer_silence_close: config.timers.customer_silence_close,
        joins_for: config.flow.joins_for,
        dedup: dedup::Settings {
            window: config.dedup.repeat_window,
            likeness_min: config.dedup.repeat_similarity_min as f32,
            ..dedup::Settings::default()
        },
        delivered: dedup::DeliveredLimits {
            ids_max: config.dedup.delivered_max.get().div_ceil(count),
            kept_for: config.dedup.delivered_for,
        },
        email: email::rules(config),
    }
}
