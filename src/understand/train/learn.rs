//! From texts to a trained net.

use std::sync::Arc;

use crate::domain::{Intent, Language, Sentiment};
use crate::understand::features;
use crate::understand::lexicon::Lexicon;
use crate::understand::table;
use crate::understand::text::{normalise, strip_accents};

use super::Options;
use super::corpus::Row;
use super::net::{Chance, Net, Rivals, Target};
use super::slots::Values;
use super::vocabulary::Counts;

/// Heads of the net, in the order of [`Layers`](crate::understand::format::Layers).
const LANGUAGE: usize = 0;
const INTENT: usize = 1;
const SENTIMENT: usize = 2;
const MOOD: usize = 3;
const TOPIC: usize = 4;

/// Labels of the topic head.
const SHOP: usize = 0;
const OTHER: usize = 1;

/// Share of the looks at a shop message that see it without accents.
const PLAIN_SHARE: f32 = 0.25;
/// Share of the looks at a text for languages that see a piece of it: messages are shorter than the
/// sentences of a newspaper.
const CUT_SHARE: f32 = 0.8;
/// Characters of such a piece. It is cut at any character, as the ends of a message may be.
const CUT_CHARS: std::ops::RangeInclusive<usize> = 16..=80;
/// The last pass learns at this share of the first rate.
const LAST_RATE: f32 = 0.1;

/// How much the tasks count beside the intent of a shop message.
const SHOP_LANGUAGE_WEIGHT: f32 = 0.7;
const PROSE_WEIGHT: f32 = 1.0;
const LANGUAGE_WEIGHT: f32 = 0.3;
const SENTIMENT_WEIGHT: f32 = 0.5;
const MOOD_WEIGHT: f32 = 0.2;
const TOPIC_WEIGHT: f32 = 0.05;

/// All that a net is trained on.
#[derive(Clone, Debug, Default)]
pub struct Texts {
    /// Shop messages with all labels.
    pub shop: Vec<Row>,
    /// Lines of any content that were written to teach their language; every pass looks at all.
    pub prose: Vec<(String, Language)>,
    /// Texts of which the language is known.
    pub language: Vec<(String, Language)>,
    /// Texts of which the mood is known.
    pub mood: Vec<(String, Sentiment)>,
    /// The words for concepts.
    pub lexicon: Arc<Lexicon>,
}

impl Texts {
    /// Every language there is, sorted.
    pub fn languages(&self) -> Vec<Language> {
        let shop = self.shop.iter().filter_map(|row| row.language);
        let others = self.prose.iter().chain(&self.language).map(|(_, language)| *language);
        let mut all: Vec<Language> = shop.chain(others).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// The table for these texts.
    pub fn tags(&self, rows: usize) -> Vec<u16> {
        let mut counts = Counts::new(&self.lexicon);
        self.shop.iter().for_each(|row| counts.shop(&row.text));
        self.prose.iter().chain(&self.language).for_each(|(text, _)| counts.other(text));
        self.mood.iter().for_each(|(text, _)| counts.other(text));
        counts.tags(rows)
    }
}

/// What a text teaches.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lesson {
    Shop,
    Prose,
    Language,
    Mood,
}

struct Example<'a> {
    lesson: Lesson,
    /// A shop message that has values to vary.
    slotted: Option<&'a Row>,
    rows: Vec<u32>,
    /// Without accents; empty when there are none.
    plain_rows: Vec<u32>,
    /// Of a text that is seen in pieces; empty for others.
    chars: Vec<char>,
    targets: Vec<Target>,
}

impl Example<'_> {
    /// The rows that one look at the text sees.
    fn look<'a>(
        &'a self,
        reader: &'a mut Reader,
        slots: &mut Slots,
        chance: &mut Chance,
    ) -> &'a [u32] {
        if let Some(text) = self.slotted.and_then(|row| slots.vary(row)) {
            return reader.text_rows(&text);
        }
        match self.lesson {
            Lesson::Shop if !self.plain_rows.is_empty() && chance.unit() < PLAIN_SHARE => {
                &self.plain_rows
            }
            Lesson::Prose | Lesson::Language
                if self.chars.len() > *CUT_CHARS.start() && chance.unit() < CUT_SHARE =>
            {
                let longest = self.chars.len().min(*CUT_CHARS.end());
                let len = CUT_CHARS.start() + chance.below(longest - CUT_CHARS.start() + 1);
                let start = chance.below(self.chars.len() - len + 1);
                reader.piece_rows(&self.chars[start..start + len])
            }
            _ => &self.rows,
        }
    }
}

/// Puts other values into messages, with chances of its own: what else is drawn stays as it is.
struct Slots {
    values: Values,
    share: f32,
    chance: Chance,
}

impl Slots {
    /// Another version of `row` for the share of the looks that see one.
    fn vary(&mut self, row: &Row) -> Option<String> {
        let varies = self.share > 0.0 && self.chance.unit() < self.share;
        varies.then(|| self.values.vary(row, &mut self.chance))
    }
}

/// Turns texts into rows of a table.
struct Reader<'a> {
    tags: &'a [u16],
    lexicon: &'a Lexicon,
    chars: Vec<char>,
    plain: Vec<char>,
    features: Vec<u64>,
    rows: Vec<u32>,
}

impl<'a> Reader<'a> {
    fn new(tags: &'a [u16], lexicon: &'a Lexicon) -> Self {
        let (chars, plain, features, rows) = Default::default();
        Self { tags, lexicon, chars, plain, features, rows }
    }

    /// The rows of a text that is looked at once.
    fn text_rows(&mut self, text: &str) -> &[u32] {
        self.rows = self.rows(text);
        &self.rows
    }

    /// The rows of a piece of a text that was normalised before.
    fn piece_rows(&mut self, piece: &[char]) -> &[u32] {
        features::extract(piece, self.lexicon, &mut self.features);
        self.rows = self.found();
        &self.rows
    }
}

impl Reader<'_> {
    fn rows(&mut self, text: &str) -> Vec<u32> {
        normalise(text, &mut self.chars);
        features::extract(&self.chars, self.lexicon, &mut self.features);
        self.found()
    }

    /// The rows of the text that was read last, without accents.
    fn plain_rows(&mut self) -> Vec<u32> {
        if !strip_accents(&self.chars, &mut self.plain) {
            return Vec::new();
        }
        features::extract(&self.plain, self.lexicon, &mut self.features);
        self.found()
    }

    fn found(&self) -> Vec<u32> {
        let rows = self.features.iter().filter_map(|feature| table::find(self.tags, *feature));
        rows.map(|row| row as u32).collect()
    }
}

/// Trains a net on `texts` with the table `tags`. `progress` hears of each pass.
pub fn learn(
    texts: &Texts,
    tags: &[u16],
    languages: &[Language],
    options: &Options,
    progress: &mut dyn FnMut(&str),
) -> Net {
    let examples = examples(texts, tags, languages);
    let moods = Sentiment::ALL.len();
    let classes = [languages.len(), Intent::ALL.len(), moods, moods, 2];
    let mut net = Net::new(tags.len(), options.dims, &classes, options.learning, options.seed);
    let mut reader = Reader::new(tags, &texts.lexicon);
    let mut chance = Chance::new(options.seed ^ 0x7472_6169_6e00);
    let mut slots = Slots {
        values: Values::of(&texts.shop),
        share: options.slot_share,
        chance: Chance::new(options.seed ^ 0x736c_6f74_7300),
    };
    for epoch in 0..options.epochs {
        let done = epoch as f32 / options.epochs as f32;
        net.set_rate(options.learning.rate * (1.0 - (1.0 - LAST_RATE) * done));
        let share = |lesson: Lesson| match lesson {
            Lesson::Shop | Lesson::Prose => 1.0,
            Lesson::Language => options.language_share,
            Lesson::Mood => options.mood_share,
        };
        let mut order: Vec<usize> =
            (0..examples.len()).filter(|i| chance.unit() < share(examples[*i].lesson)).collect();
        chance.shuffle(&mut order);
        let mut loss = 0.0;
        for &at in &order {
            let example = &examples[at];
            let rows = example.look(&mut reader, &mut slots, &mut chance);
            if !rows.is_empty() {
                loss += f64::from(net.learn(rows, &example.targets, &mut chance));
            }
        }
        let mean = loss / order.len().max(1) as f64;
        progress(&format!("pass {} of {}: mean loss {mean:.3}", epoch + 1, options.epochs));
    }
    net
}

fn examples<'a>(texts: &'a Texts, tags: &[u16], languages: &[Language]) -> Vec<Example<'a>> {
    let mut reader = Reader::new(tags, &texts.lexicon);
    let language = |language: Language, weight: f32| {
        let label = languages.binary_search(&language).ok()?;
        Some(target(LANGUAGE, label, weight))
    };
    let shop = texts.shop.iter().map(|row| {
        let targets = [
            row.language.and_then(|label| language(label, SHOP_LANGUAGE_WEIGHT)),
            row.intent.map(|label| target(INTENT, label as usize, 1.0)),
            row.sentiment.map(|label| target(SENTIMENT, label as usize, SENTIMENT_WEIGHT)),
            Some(target(TOPIC, SHOP, TOPIC_WEIGHT)),
        ];
        let slotted = Some(row).filter(|row| !row.spans.is_empty());
        (Lesson::Shop, slotted, row.text.as_str(), targets.into_iter().flatten().collect())
    });
    let prose = texts.prose.iter().map(|row| (Lesson::Prose, PROSE_WEIGHT, row));
    let tongues = texts.language.iter().map(|row| (Lesson::Language, LANGUAGE_WEIGHT, row));
    let tongues = prose.chain(tongues).map(|(lesson, weight, (text, label))| {
        (lesson, None, text.as_str(), language(*label, weight).into_iter().collect())
    });
    let moods = texts.mood.iter().map(|(text, label)| {
        let mood = target(MOOD, *label as usize, MOOD_WEIGHT);
        (Lesson::Mood, None, text.as_str(), vec![mood, target(TOPIC, OTHER, TOPIC_WEIGHT)])
    });
    shop.chain(tongues)
        .chain(moods)
        .map(|(lesson, slotted, text, targets): (Lesson, Option<&Row>, &str, Vec<Target>)| {
            let rows = reader.rows(text);
            let plain_rows = if lesson == Lesson::Shop { reader.plain_rows() } else { Vec::new() };
            let in_pieces = matches!(lesson, Lesson::Prose | Lesson::Language);
            let chars = if in_pieces { reader.chars.clone() } else { Vec::new() };
            Example { lesson, slotted, rows, plain_rows, chars, targets }
        })
        .collect()
}

fn target(task: usize, label: usize, weight: f32) -> Target {
    let rivals = if task == INTENT { Rivals::Apart } else { Rivals::Exclusive };
    Target { task, label, weight, rivals }
}
