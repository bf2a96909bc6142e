//! Tells the languages of a message that mixes several, each with its share.
//!
//! Short windows slide over the words, a detector of languages reads each, and the cheapest path
//! through its answers, with a price on every change, cuts the message into stretches. A name, a
//! brand or an order number is written the same in every language and is evidence for none.
//!
//! It costs one reading for each word and each stretch, some tens of times what the message costs by
//! itself, so it is for those who ask, not for every message on its way.

use std::collections::BTreeMap;
use std::ops::Range;

use super::script::Script;
use super::text::CHARS_MAX;
use crate::domain::{Guess, Language};

/// A language of a message.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share {
    /// Which.
    pub language: Language,
    /// Part of the message's letters, more than 0 and up to 1; the shares of a message sum to 1.
    pub share: f32,
}

/// Words on each side of a word that are read with it.
const REACH: usize = 2;
/// Characters of a script without spaces that are taken for a word.
const DENSE_WORD: usize = 4;
/// Price of a change of language between two words, in natural logarithms of probability. A word is
/// read in five windows, so one doubtful window does not pay it and three clear words do.
const CHANGE: f32 = 6.0;
/// Probability of a language that a window does not name.
const UNNAMED: f32 = 0.01;
/// Fewest words of a stretch of Latin letters in another language; less is a loan word or a brand.
const LATIN_WORDS_MIN: usize = 3;
/// Fewest letters of a language that is told beside the main one, in Latin letters: three Han
/// characters, or two words of most scripts.
const LETTERS_MIN: usize = 7;
/// Probability that the stretch, read as a whole, must have of being in its language. A row of brand
/// names reaches 0.83, a clause of three words 0.9.
const SURE: f32 = 0.85;
/// The same of a long stretch, which is no row of names: one loan word in it makes it less sure.
const SURE_LONG: f32 = 0.75;
/// Words of a long stretch.
const LONG_WORDS: usize = 6;
/// Smallest share that is told.
const SHARE_MIN: f32 = 0.15;

/// Languages that no short stretch tells apart: beside the one, the other is no second language.
const KIN: [&str; 8] =
    ["ar fa ur", "id ms", "da nb sv", "bs hr sl sr", "cs sk", "ca es gl pt", "hi mr", "et fi"];

/// A word, or a piece of a text without spaces.
struct Word {
    range: Range<usize>,
    script: Script,
    /// How much it says, in Latin letters.
    weight: usize,
    is_name: bool,
}

/// The languages of `text`, the largest first; never empty. `whole` is the language of the message
/// as a whole, and `guess` tells those of a stretch, the most likely first.
pub fn languages(
    text: &str,
    whole: Language,
    guess: &mut dyn FnMut(&str) -> Vec<Guess<Language>>,
) -> Vec<Share> {
    // Each script by itself: beside letters of another script, those of the first say little.
    let mut by_script: BTreeMap<Script, Vec<Word>> = BTreeMap::new();
    for word in words(text).into_iter().filter(|word| !word.is_name) {
        by_script.entry(word.script).or_default().push(word);
    }
    let mut weights: BTreeMap<Language, usize> = BTreeMap::new();
    for (script, words) in &by_script {
        let windows: Vec<Vec<Guess<Language>>> =
            (0..words.len()).map(|at| guess(&joined(text, window(words, at)))).collect();
        for (range, language) in stretches(&cheapest(&windows, whole)) {
            let is_clause = *script != Script::Latin || range.len() >= LATIN_WORDS_MIN;
            let stretch = &words[range];
            let least = if stretch.len() < LONG_WORDS { SURE } else { SURE_LONG };
            if is_clause && chance_of(language, &guess(&joined(text, stretch))) >= least {
                let weight: usize = stretch.iter().map(|word| word.weight).sum();
                *weights.entry(language).or_default() += weight;
            }
        }
    }
    let shares = shares(&weights);
    if shares.len() > 1 { shares } else { vec![Share { language: whole, share: 1.0 }] }
}

/// Cuts a text into words. What has a digit, an `@` or a web address is a name; so is a Latin word
/// with a capital letter among words of another script.
fn words(text: &str) -> Vec<Word> {
    let end = text.char_indices().nth(CHARS_MAX).map_or(text.len(), |(at, _)| at);
    let text = &text[..end];
    let mut words = Vec::new();
    let mut start = 0;
    for token in text.split_inclusive(char::is_whitespace) {
        let range = start..start + token.len();
        start = range.end;
        let is_address = token.contains('@') || token.contains("://") || token.contains("www.");
        if !is_address {
            cut(text, range, &mut words);
        }
    }
    let is_guest = words.iter().any(|word| word.script != Script::Latin);
    for word in &mut words {
        let written = &text[word.range.clone()];
        let is_capital = is_guest && written.chars().any(char::is_uppercase);
        word.is_name |= word.script == Script::Latin && is_capital;
    }
    words
}

/// Adds the words between two spaces: stretches of one script, with the digits that touch them.
fn cut(text: &str, token: Range<usize>, words: &mut Vec<Word>) {
    let mut open: Option<Word> = None;
    for (at, c) in text[token.clone()].char_indices() {
        let range = token.start + at..token.start + at + c.len_utf8();
        let script = Script::of(c);
        let joins = matches!(c, '\'' | '’' | '-' | '\u{0300}'..='\u{036f}');
        match (&mut open, script) {
            (Some(word), Some(script)) if word.script == script && !is_full(word) => {
                word.range.end = range.end;
                word.weight += weight(script);
            }
            (Some(word), None) if c.is_numeric() => {
                word.range.end = range.end;
                word.is_name |= !word.script.is_dense();
            }
            (Some(word), None) if joins => word.range.end = range.end,
            (_, Some(script)) => {
                let after_digit = text[..range.start].ends_with(char::is_numeric);
                let is_name = after_digit && !script.is_dense();
                words.extend(open.take());
                open = Some(Word { range, script, weight: weight(script), is_name });
            }
            (_, None) => words.extend(open.take()),
        }
    }
    words.extend(open);
}

fn is_full(word: &Word) -> bool {
    word.script.is_dense() && word.weight >= DENSE_WORD * weight(word.script)
}

/// Latin letters that say as much as one letter of the script.
fn weight(script: Script) -> usize {
    match script {
        Script::Han => 3,
        Script::Hangul => 2,
        _ => 1,
    }
}

/// The words that are read with the one at `at`.
fn window(words: &[Word], at: usize) -> &[Word] {
    &words[at.saturating_sub(REACH)..(at + REACH + 1).min(words.len())]
}

fn joined(text: &str, words: &[Word]) -> String {
    let mut out = String::new();
    let mut end = None;
    for word in words {
        // What stood together stays together: a script without spaces has none here either.
        if end.is_some_and(|end| end != word.range.start) {
            out.push(' ');
        }
        out.push_str(&text[word.range.clone()]);
        end = Some(word.range.end);
    }
    out
}

/// The language of each word on the path that explains the windows best (Viterbi).
fn cheapest(windows: &[Vec<Guess<Language>>], whole: Language) -> Vec<Language> {
    let mut candidates = vec![whole];
    for guess in windows.iter().filter_map(|guesses| guesses.first()) {
        if !candidates.contains(&guess.label) {
            candidates.push(guess.label);
        }
    }
    let mut scores = vec![0.0; candidates.len()];
    let mut from: Vec<Vec<usize>> = Vec::with_capacity(windows.len());
    for guesses in windows {
        let best = best_of(&scores);
        let (steps, next): (Vec<usize>, Vec<f32>) = candidates
            .iter()
            .enumerate()
            .map(|(at, language)| {
                let stays = scores[at] >= scores[best] - CHANGE;
                let step = if stays { at } else { best };
                let score = scores[step] - if stays { 0.0 } else { CHANGE };
                (step, score + probability(*language, guesses).ln())
            })
            .unzip();
        (scores, _) = (next, from.push(steps));
    }
    let mut at = best_of(&scores);
    let mut path = Vec::with_capacity(windows.len());
    for steps in from.iter().rev() {
        path.push(candidates[at]);
        at = steps[at];
    }
    path.reverse();
    path
}

fn best_of(scores: &[f32]) -> usize {
    let by_score = |a: &usize, b: &usize| scores[*a].total_cmp(&scores[*b]).then(b.cmp(a));
    (0..scores.len()).max_by(by_score).unwrap_or(0)
}

fn probability(language: Language, guesses: &[Guess<Language>]) -> f32 {
    let named = guesses.iter().find(|guess| guess.label == language);
    named.map_or(UNNAMED, |guess| guess.confidence.max(UNNAMED))
}

/// Stretches of one language on the path.
fn stretches(path: &[Language]) -> Vec<(Range<usize>, Language)> {
    let mut stretches: Vec<(Range<usize>, Language)> = Vec::new();
    for (at, language) in path.iter().enumerate() {
        match stretches.last_mut() {
            Some((range, of)) if of == language => range.end = at + 1,
            _ => stretches.push((at..at + 1, *language)),
        }
    }
    stretches
}

fn chance_of(language: Language, guesses: &[Guess<Language>]) -> f32 {
    let kin = guesses.iter().filter(|it| it.label == language || are_kin(it.label, language));
    kin.map(|guess| guess.confidence).sum()
}

fn are_kin(a: Language, b: Language) -> bool {
    let has = |group: &str, language: Language| group.split(' ').any(|it| it == language.as_str());
    KIN.iter().any(|group| has(group, a) && has(group, b))
}

/// Shares by weight, the largest first. What is too small or kin of a larger one goes to the main
/// language.
fn shares(weights: &BTreeMap<Language, usize>) -> Vec<Share> {
    let all = weights.values().sum::<usize>() as f32;
    let mut sorted: Vec<(Language, usize)> = weights.iter().map(|(at, it)| (*at, *it)).collect();
    sorted.sort_by_key(|(_, weight)| std::cmp::Reverse(*weight));
    let mut shares: Vec<Share> = Vec::new();
    for (language, weight) in sorted {
        let share = weight as f32 / all;
        let is_kin = shares.iter().any(|larger| are_kin(larger.language, language));
        match shares.first_mut() {
            Some(main) if is_kin || share < SHARE_MIN || weight < LETTERS_MIN => {
                main.share += share
            }
            _ => shares.push(Share { language, share }),
        }
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn language(code: &str) -> Language {
        code.parse().expect("a language")
    }

    /// A detector that knows words by their first two letters: `esa` is Spanish.
    fn by_prefix(text: &str) -> Vec<Guess<Language>> {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for word in text.split_whitespace() {
            *counts.entry(word[..2].to_lowercase()).or_default() += 1;
        }
        let all: usize = counts.values().sum();
        let mut guesses: Vec<_> = counts
            .into_iter()
            .map(|(code, count)| Guess {
                label: language(&code),
                confidence: count as f32 / all as f32,
            })
            .collect();
        guesses.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
        guesses
    }

    fn codes(text: &str, whole: &str) -> Vec<(String, u32)> {
        let shares = languages(text, language(whole), &mut by_prefix);
        let percent = |share: f32| (share * 100.0).round() as u32;
        shares.iter().map(|it| (it.language.to_string(), percent(it.share))).collect()
    }

    #[test]
    fn two_clauses_in_two_languages_are_told_with_their_shares() {
        let text = "ena enb enc end ene enf, esa esb esc esd";

        assert_eq!(codes(text, "en"), [("en".to_owned(), 60), ("es".to_owned(), 40)]);
    }

    #[test]
    fn a_loan_word_or_two_are_no_second_language() {
        assert_eq!(
            codes("hia hib ena hic hid hie enb hif hig hih", "hi"),
            [("hi".to_owned(), 100)]
        );
        assert_eq!(codes("hia hib hic hid hie ena enb", "hi"), [("hi".to_owned(), 100)]);
    }

    #[test]
    fn a_neighbour_that_short_stretches_do_not_tell_apart_is_no_second_language() {
        assert_eq!(codes("ida idb idc idd ide msa msb msc msd", "id"), [("id".to_owned(), 100)]);
    }

    #[test]
    fn numbers_addresses_and_signs_say_nothing_of_a_language() {
        assert_eq!(codes("😀 10482 !!", "th"), [("th".to_owned(), 100)]);
        let text = "my TW-10482 a@b.com 订单ABC12还没到 iPhone15";
        let words = words(text);
        let telling = words.iter().filter(|word| !word.is_name);
        let telling: Vec<&str> = telling.map(|word| &text[word.range.clone()]).collect();
        assert_eq!(telling, ["my", "订单", "还没到"]);
    }

    proptest! {
        #[test]
        fn any_text_gives_shares_that_sum_to_one(text in "(\\PC|[a-z ]{1,4}|[ก-ฮ一-九]){0,60}") {
            let mut guess = |text: &str| {
                let code = if text.len().is_multiple_of(2) { "en" } else { "th" };
                vec![Guess { label: language(code), confidence: 0.9 }]
            };

            let shares = languages(&text, language("en"), &mut guess);

            let sum: f32 = shares.iter().map(|it| it.share).sum();
            prop_assert!((sum - 1.0).abs() < 1e-4);
            prop_assert!(shares.iter().all(|it| it.share > 0.0));
        }
    }
}
