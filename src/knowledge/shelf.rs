//! The articles of one language, found by their words (BM25) and by the vector of their questions.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;

use tantivy::TantivyError;

use crate::config::shop::Article;

use super::near::Near;
use super::words::{Words, Writer};

/// How much the words count beside the vector.
const WORDS_WEIGHT: f32 = 0.5;
/// Articles that are found at least, where there are as many.
pub const HITS_MIN: usize = 5;

/// A question as it is searched for.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// As it was typed.
    pub text: &'a str,
    /// Its vector, of length one.
    pub vector: &'a [f32],
}

/// What was found for a question.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// The articles that fit best, the best one first: a few, and as many more as it takes until one says
    /// something else than the best.
    pub hits: Vec<Hit>,
    /// How alike the question is to the nearest of what any article is not for, as [`Hit::score`].
    pub not_for: f32,
}

/// An article that was found.
#[derive(Clone, Debug)]
pub struct Hit {
    /// Which.
    pub article: Arc<Article>,
    /// Share of what the words of the question tell that is found in it, 0 to 1.
    pub words: f32,
    /// Cosine with the nearest of its questions, 0 to 1.
    pub meaning: f32,
    /// Both together, 0 to 1.
    pub score: f32,
    /// How alike the question is to the nearest of what the article is not for, as `score`.
    pub not_for: f32,
}

/// An article with the numbers of its texts.
struct Placed {
    article: Arc<Article>,
    /// The same for articles that say the same.
    answer: usize,
    asked: usize,
    not_for: Option<usize>,
}

/// The articles of one language.
pub(super) struct Shelf {
    placed: Vec<Placed>,
    words: Words,
    near: Near,
}

/// A text that was looked at.
#[derive(Clone, Copy, Debug)]
struct Looked {
    /// Which of those that were to be looked at.
    number: usize,
    meaning: f32,
    score: f32,
}

/// How well the best text fits, and the best one that says something else.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Leading {
    answer: usize,
    score: f32,
    other: Option<f32>,
}

impl Leading {
    /// The same with one more text that gives this answer.
    fn with(self, answer: usize, score: f32) -> Self {
        if answer == self.answer {
            Self { score: self.score.max(score), ..self }
        } else if score > self.score {
            Self { answer, score, other: Some(self.score) }
        } else {
            Self { other: Some(self.other.map_or(score, |other| other.max(score))), ..self }
        }
    }
}

impl Shelf {
    /// A shelf with these articles; `embed` gives the vector of a text.
    pub(super) fn new(
        articles: &[Arc<Article>],
        embed: &mut dyn FnMut(&str) -> Vec<f32>,
    ) -> Result<Self, TantivyError> {
        let (mut writer, mut near) = (Writer::new()?, Near::default());
        let (mut placed, mut answers) = (Vec::new(), HashMap::new());
        let mut texts = 0..;
        let mut next = || texts.next().expect("there are more numbers than texts");
        for article in articles {
            let mut vectors: Vec<_> = article.questions.iter().map(|it| embed(it)).collect();
            vectors.push(embed(&article.title));
            near.add(&vectors);
            let asked = article.questions.iter().chain([&article.title]);
            writer.add(asked.map(String::as_str), Some(&article.answer))?;
            let asked = next();
            let not_for = if article.not_for.is_empty() {
                None
            } else {
                near.add(&article.not_for.iter().map(|it| embed(it)).collect::<Vec<_>>());
                writer.add(article.not_for.iter().map(String::as_str), None)?;
                Some(next())
            };
            let answer = answers.len();
            let answer = *answers.entry(&article.answer).or_insert(answer);
            placed.push(Placed { article: article.clone(), answer, asked, not_for });
        }
        Ok(Self { placed, words: writer.finish()?, near })
    }

    /// The articles that fit best. How near a text is at most is known quickly of all of them; exactly it is
    /// looked at from the most promising one on, until no other can be among those that are told.
    pub(super) fn search(&self, query: &Query<'_>) -> Found {
        let words = self.words.shares(query.text);
        let most = self.near.at_most(query.vector);
        let exactly = |text: usize| {
            let meaning = self.near.nearest(text, query.vector);
            (meaning, score(words[text], meaning))
        };
        let bound = |text: usize| score(words[text], most[text]);
        let asked = self.placed.iter().map(|it| bound(it.asked));
        let mut leading: Option<Leading> = None;
        let best = looked_at(
            asked,
            |number| exactly(self.placed[number].asked),
            |seen, Looked { number, score, .. }| {
                let answer = self.placed[number].answer;
                let now = match leading {
                    Some(leading) => leading.with(answer, score),
                    None => Leading { answer, score, other: None },
                };
                leading = Some(now);
                // Both the few, and one that says something else.
                Some(seen.get(HITS_MIN - 1)?.score.min(now.other?))
            },
        );
        let told = |looked: Looked| {
            let Placed { article, asked, not_for, .. } = &self.placed[looked.number];
            let not_for = not_for.map_or(0.0, |text| exactly(text).1);
            let Looked { meaning, score, .. } = looked;
            Hit { article: article.clone(), words: words[*asked], meaning, score, not_for }
        };
        let not_for: Vec<usize> = self.placed.iter().filter_map(|it| it.not_for).collect();
        let bounds = not_for.iter().map(|text| bound(*text));
        let nearest =
            looked_at(bounds, |number| exactly(not_for[number]), |seen, _| Some(seen[0].score));
        Found {
            hits: best.into_iter().map(told).collect(),
            not_for: nearest.first().map_or(0.0, |it| it.score),
        }
    }
}

/// The texts that score best, in order; of those that score the same the first comes first. Each has a bound
/// that its score does not pass. `enough` gives, of those in order that were looked at and the latest of them, the
/// score below which no others are wanted.
fn looked_at(
    bounds: impl Iterator<Item = f32>,
    exactly: impl Fn(usize) -> (f32, f32),
    mut enough: impl FnMut(&[Looked], Looked) -> Option<f32>,
) -> Vec<Looked> {
    // Scores are not negative, and the bits of such numbers are in their order.
    let promising = bounds.enumerate().map(|(number, bound)| (bound.to_bits(), Reverse(number)));
    let mut promising: BinaryHeap<_> = promising.collect();
    let mut seen: Vec<Looked> = Vec::new();
    let mut wanted_from = None;
    while let Some((bound, Reverse(number))) = promising.pop() {
        if let Some(score) = wanted_from
            && f32::from_bits(bound) < score
        {
            seen.retain(|it| it.score >= score);
            break;
        }
        let (meaning, score) = exactly(number);
        let at =
            seen.partition_point(|it| it.score > score || it.score == score && it.number < number);
        let looked = Looked { number, meaning, score };
        seen.insert(at, looked);
        wanted_from = enough(&seen, looked);
    }
    seen
}

fn score(words: f32, meaning: f32) -> f32 {
    WORDS_WEIGHT * words + (1.0 - WORDS_WEIGHT) * meaning
}

#[cfg(test)]
mod tests {
    use super::super::tokens::tokens;
    use super::super::verdict::margin;
    use super::*;

    /// Numbers that are the same in every run.
    struct Chance(u64);

    impl Chance {
        fn below(&mut self, end: usize) -> usize {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (self.0 >> 33) as usize % end
        }

        /// Some of 200 words, of which the first come up more often.
        fn words(&mut self, most: usize) -> String {
            let count = 1 + self.below(most);
            let word = |_| format!("w{}", self.below(200).min(self.below(200)));
            (0..count).map(word).collect::<Vec<_>>().join(" ")
        }

        fn article(&mut self, number: usize, answers: usize) -> Arc<Article> {
            let several = |chance: &mut Self, least: usize| {
                let count = least + chance.below(4);
                (0..count).map(|_| chance.words(6)).collect::<Vec<_>>()
            };
            let (questions, not_for) = (several(self, 1), several(self, 0));
            let text = format!(
                "+++\ntitle = {:?}\nintents = [\"return_policy\"]\nquestions = {questions:?}\n\
                 not_for = {not_for:?}\n+++\nSo it is {}.\n",
                self.words(4),
                self.below(answers)
            );
            Arc::new(Article::read(&format!("a{number}.en.md"), &text).expect("an article"))
        }
    }

    /// What words are, each in two of 48 places, as a vector of length one.
    fn embed(text: &str) -> Vec<f32> {
        let mut vector = vec![0.0_f32; 48];
        for token in tokens(text) {
            let number = token.bytes().fold(7_usize, |sum, it| sum * 31 + usize::from(it));
            vector[number % 48] += 1.0;
            vector[number / 48 % 48] -= 0.5;
        }
        let length = vector.iter().map(|it| it * it).sum::<f32>().sqrt().max(1e-6);
        vector.into_iter().map(|it| it / length).collect()
    }

    impl Shelf {
        /// The same with every text looked at exactly.
        fn search_all(&self, query: &Query<'_>) -> Found {
            let words = self.words.shares(query.text);
            let exactly = |text: usize| {
                let meaning = self.near.nearest(text, query.vector);
                (meaning, score(words[text], meaning))
            };
            let hit = |it: &Placed| {
                let (meaning, score) = exactly(it.asked);
                let not_for = it.not_for.map_or(0.0, |text| exactly(text).1);
                let (article, words) = (it.article.clone(), words[it.asked]);
                Hit { article, words, meaning, score, not_for }
            };
            let mut hits: Vec<Hit> = self.placed.iter().map(hit).collect();
            hits.sort_by(|a, b| b.score.total_cmp(&a.score));
            let not_for = hits.iter().map(|hit| hit.not_for).fold(0.0, f32::max);
            Found { hits, not_for }
        }
    }

    fn told(hits: &[Hit]) -> Vec<(String, [u32; 4])> {
        let bits = |hit: &Hit| [hit.words, hit.meaning, hit.score, hit.not_for].map(f32::to_bits);
        hits.iter().map(|hit| (hit.article.id.to_string(), bits(hit))).collect()
    }

    #[test]
    fn what_is_found_is_what_looking_at_everything_finds_to_the_bit() {
        for (seed, articles, answers) in
            [(1, 1, 1), (2, 4, 2), (3, 300, 300), (4, 300, 3), (5, 300, 1)]
        {
            let mut chance = Chance(seed);
            let articles: Vec<_> =
                (0..articles).map(|number| chance.article(number, answers)).collect();
            let shelf = Shelf::new(&articles, &mut embed).expect("a shelf");
            for _ in 0..100 {
                let text = chance.words(8);
                let vector = embed(&text);
                let query = Query { text: &text, vector: &vector };

                let (found, all) = (shelf.search(&query), shelf.search_all(&query));

                assert!(found.hits.len() >= HITS_MIN.min(articles.len()), "{seed} {text}");
                let count = found.hits.len();
                assert_eq!(told(&found.hits), told(&all.hits[..count]), "{seed} {text}");
                assert_eq!(found.not_for.to_bits(), all.not_for.to_bits(), "{seed} {text}");
                assert_eq!(margin(&found).to_bits(), margin(&all).to_bits(), "{seed} {text}");
            }
        }
    }

    #[test]
    fn the_words_of_the_last_of_many_texts_count_as_those_of_the_first() {
        let line =
            |n: usize| (0..8).map(|word| format!("w{n}x{word}")).collect::<Vec<_>>().join(" ");
        let not_for: Vec<String> = (0..40).map(line).collect();
        let text = format!(
            "+++\ntitle = \"Gifts\"\nintents = [\"product_question\"]\n\
             questions = [\"Do you gift wrap?\"]\nnot_for = {not_for:?}\n+++\nFor 2 €.\n"
        );
        let article = Arc::new(Article::read("gifts.en.md", &text).expect("an article"));
        let shelf = Shelf::new(&[article], &mut embed).expect("a shelf");
        let found = |text: &str| shelf.search(&Query { text, vector: &embed(text) }).not_for;

        let (first, last) = (found(&not_for[0]), found(&not_for[39]));

        // By meaning alone it would be one half.
        assert!(first > 0.55 && (first - last).abs() < 1e-3, "{first} {last}");
    }

    #[test]
    fn the_best_that_says_something_else_is_the_one_that_looking_at_all_finds() {
        let mut chance = Chance(7);
        for answers in [1, 2, 3, 9] {
            let seen: Vec<(usize, f32)> =
                (0..40).map(|_| (chance.below(answers), chance.below(20) as f32)).collect();
            let (answer, score) = seen[0];
            let mut leading = Leading { answer, score, other: None };
            for count in 1..=seen.len() {
                if count > 1 {
                    leading = leading.with(seen[count - 1].0, seen[count - 1].1);
                }
                let all = &seen[..count];
                let best = all.iter().map(|it| it.1).fold(0.0, f32::max);
                let others = all.iter().filter(|it| it.0 != leading.answer).map(|it| it.1);
                assert_eq!(leading.score, best, "{all:?}");
                assert!(all.contains(&(leading.answer, best)), "{all:?}");
                assert_eq!(leading.other, others.reduce(f32::max), "{all:?}");
            }
        }
    }

    #[test]
    fn of_many_texts_few_are_looked_at_exactly() {
        let mut chance = Chance(6);
        let bounds: Vec<f32> = (0..4_000).map(|_| chance.below(1_000) as f32 / 1e3).collect();
        let looks = std::cell::Cell::new(0);

        let seen = looked_at(
            bounds.iter().copied(),
            |number| {
                looks.set(looks.get() + 1);
                (bounds[number], bounds[number] * 0.99)
            },
            |seen, _| Some(seen.get(HITS_MIN - 1)?.score),
        );

        assert!(seen.len() >= HITS_MIN && looks.get() < 100, "{} {}", seen.len(), looks.get());
        assert!(looked_at([].into_iter(), |_| (0.0, 0.0), |_, _| None).is_empty());
    }
}
