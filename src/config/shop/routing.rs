//! Reads the rules by which conversations find their seats.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU8;
use std::time::Duration;

use crate::domain::{
    Hours, LEVEL_MAX, Needs, QueueRules, RegionId, Regions, Rules, Select, SkillId, Step,
};

use super::hours::HoursReader;
use super::parse::SLOTS_MAX;
use super::region::Region;
use super::section::Section;

const WRAP_UP_MAX: Duration = Duration::from_secs(30 * 60);
const STICKY_MAX: Duration = Duration::from_secs(30 * 24 * 3_600);
const SHIFT_LEFT_MAX: Duration = Duration::from_secs(8 * 3_600);
const STEP_AFTER_MAX: Duration = Duration::from_secs(24 * 3_600);
const WAITING_MAX: u32 = 1_000_000;
const STEPS_MAX: usize = 8;
const LEVEL: &str = "1 to 5 behind a colon, as in `returns:3`";

/// What the rules may speak of.
pub(super) struct Known<'a> {
    pub skills: &'a [SkillId],
    pub regions: &'a [Region],
}

/// The rules under `[routing]`.
pub(super) fn rules(mut section: Section<'_>, known: &Known<'_>) -> Rules {
    let default = Rules::default();
    let chat_slots = chat_slots(section.section("slots_of")).unwrap_or(default.chat_slots);
    if section.has("queues") {
        let accepted = "[[queues]] with the same keys, beside the hours of the skill, and its steps under [[queues.steps]]";
        section.note("queues", "has another place", accepted);
        section.forget("queues");
    }
    let resident = known.regions.iter().filter(|region| region.resident);
    let rules = Rules {
        chat_slots,
        wrap_up: section.length("wrap_up", WRAP_UP_MAX, default.wrap_up),
        sticky_for: section.length("sticky_for", STICKY_MAX, default.sticky_for),
        sticky_shift_left: section.length(
            "sticky_shift_left",
            SHIFT_LEFT_MAX,
            default.sticky_shift_left,
        ),
        resident: resident.map(|region| region.id.clone()).collect::<BTreeSet<_>>(),
        queues: BTreeMap::new(),
    };
    section.finish();
    rules
}

/// The slots that a conversation of each channel uses. There is one channel so far: what is said of
/// another would have no effect.
fn chat_slots(section: Section<'_>) -> Option<NonZeroU8> {
    const CHANNEL: &str = "chat";
    let slots = section.map::<String, _>(CHANNEL, |section, key, value| {
        if key != CHANNEL {
            let accepted = "`chat`: conversations come by no other channel yet";
            section.note(key, "is no channel", accepted);
            return None;
        }
        let slots = value.as_integer().and_then(|slots| u8::try_from(slots).ok());
        let slots = slots.filter(|slots| u32::from(*slots) <= SLOTS_MAX).and_then(NonZeroU8::new);
        let accepted = format!("a whole number from 1 to {SLOTS_MAX}");
        slots.or_else(|| section.refuse(key, &value, &accepted))
    });
    slots.get(CHANNEL).copied()
}

/// The tables of single skills: their rules go to `queues`. Gives the hours of those that have some
/// of their own.
pub(super) fn queues(
    sections: Vec<Section<'_>>,
    known: &Known<'_>,
    hours: &HoursReader<'_>,
    queues: &mut BTreeMap<SkillId, QueueRules>,
) -> BTreeMap<SkillId, Hours> {
    let mut own_hours = BTreeMap::new();
    for mut section in sections {
        let skill = SkillId::from(section.required_text("skill", "a skill of [intents]"));
        known.check_skill(&section, "skill", &skill);
        if queues.contains_key(&skill) {
            section.note("skill", format!("`{skill}` stands twice"), "one table for each skill");
        }
        if let Some(hours) = hours.read(&mut section, "open") {
            own_hours.insert(skill.clone(), hours);
        }
        queues.insert(skill, known.queue(section));
    }
    own_hours
}

impl Known<'_> {
    /// The rules of a queue whose skill and hours were read.
    fn queue(&self, mut section: Section<'_>) -> QueueRules {
        let needs = self.needs(&mut section, &Needs::default());
        let prefers: Vec<_> = section.texts("prefers").into_iter().map(SkillId::from).collect();
        prefers.iter().for_each(|skill| self.check_skill(&section, "prefers", skill));
        let select = select(&mut section);
        let waiting_max = section.has("waiting_max").then(|| {
            let most = section.whole("waiting_max", 0..=WAITING_MAX, WAITING_MAX);
            usize::try_from(most).unwrap_or(usize::MAX)
        });
        let wrap_up =
            section.has("wrap_up").then(|| section.length("wrap_up", WRAP_UP_MAX, Duration::ZERO));
        let sections = section.sections("steps");
        if sections.len() > STEPS_MAX {
            section.note("steps", "are too many", format!("at most {STEPS_MAX}"));
        }
        let steps = sections.into_iter().map(|step| self.step(step, &needs)).collect();
        section.finish();
        QueueRules { needs, prefers, select, waiting_max, wrap_up, steps }
    }

    fn step(&self, mut section: Section<'_>, at_first: &Needs) -> Step {
        let after =
            section.has("after").then(|| section.length("after", STEP_AFTER_MAX, Duration::ZERO));
        let longer_than = section.has("longer_than").then(|| {
            let most = section.whole("longer_than", 0..=WAITING_MAX, WAITING_MAX);
            usize::try_from(most).unwrap_or(usize::MAX)
        });
        let if_nobody_there = section.flag("if_nobody_there");
        if after.is_none() && longer_than.is_none() && !if_nobody_there {
            let accepted = "`after`, `longer_than` or `if_nobody_there = true`";
            section.note("after", "the step never opens", accepted);
        }
        let needs = self.needs(&mut section, at_first);
        section.finish();
        Step { needs, after, longer_than, if_nobody_there }
    }

    /// What is asked of a seat; what the section does not say is as in `unless_said`.
    fn needs(&self, section: &mut Section<'_>, unless_said: &Needs) -> Needs {
        let level = |section: &mut Section<'_>, key, default: u8| {
            let level = section.whole(key, 1..=u32::from(LEVEL_MAX), u32::from(default));
            u8::try_from(level).unwrap_or(default)
        };
        let level_needed = level(section, "level", unless_said.level);
        let fluency = level(section, "fluency", unless_said.fluency);
        let said = section.has("regions");
        let texts = section.texts("regions");
        let regions = match texts.as_slice() {
            _ if !said => unless_said.regions.clone(),
            [] => Regions::Own,
            [any] if any == "any" => Regions::Any,
            names => {
                let is_known =
                    |name: &str| self.regions.iter().any(|region| region.id.as_str() == name);
                for name in names.iter().filter(|name| !is_known(name)) {
                    let accepted = "ids of [[regions]], or \"any\" alone";
                    section.note("regions", format!("`{name}` is no region"), accepted);
                }
                Regions::Also(names.iter().map(|name| RegionId::from(name.as_str())).collect())
            }
        };
        Needs { level: level_needed, fluency, regions }
    }

    fn check_skill(&self, section: &Section<'_>, key: &str, skill: &SkillId) {
        if !skill.as_str().is_empty() && !self.skills.contains(skill) {
            let known: Vec<&str> = self.skills.iter().map(SkillId::as_str).collect();
            let accepted = format!("one of {}", known.join(", "));
            section.note(key, format!("no intent asks for `{skill}`"), accepted);
        }
    }
}

fn select(section: &mut Section<'_>) -> Select {
    const ACCEPTED: &str = "balanced, round_robin, least_loaded or longest_idle";
    match section.text("select").as_deref() {
        None | Some("balanced") => Select::Balanced,
        Some("round_robin") => Select::RoundRobin,
        Some("least_loaded") => Select::LeastLoaded,
        Some("longest_idle") => Select::LongestIdle,
        Some(other) => {
            section.note("select", format!("`{other}` does not fit"), ACCEPTED);
            Select::Balanced
        }
    }
}

/// Takes the level off the end of each name, such as 3 off `returns:3`. Gives the names, and those
/// that say a level with it.
pub(super) fn levels(
    section: &Section<'_>,
    key: &str,
    texts: Vec<String>,
) -> (Vec<String>, BTreeMap<String, u8>) {
    let mut levels = BTreeMap::new();
    let names = texts.into_iter().map(|text| {
        let Some((name, level)) = text.split_once(':') else { return text };
        match level.trim().parse::<u8>().ok().filter(|level| (1..=LEVEL_MAX).contains(level)) {
            Some(level) => {
                levels.insert(name.to_owned(), level);
            }
            None => section.note(key, format!("`{text}` has no such level"), LEVEL),
        }
        name.to_owned()
    });
    (names.collect(), levels)
}
