//! Whether the language model and the encoder can be loaded, and how fast they read.

use std::time::{Duration, Instant};

use super::{Finding, Verdict};
use crate::config::Config;
use crate::domain::{Intent, Sentiment};
use crate::understand::encoder::{EncoderError, Installed};
use crate::understand::tiers::{SecondTier, Unsure};
use crate::understand::{Hint, Model, Scratch};

/// Read many times over: every text a shop sees often, in scripts of three kinds.
const TEXTS: [&str; 4] = [
    "Where is my parcel? It was due on Monday.",
    "¿Puedo cambiar la dirección de entrega?",
    "退款什么时候到账？",
    "أريد التحدث إلى موظف",
];
const ROUNDS: usize = 50;

/// A message that takes longer than this leaves no room for the others of its second.
const SLOW: Duration = Duration::from_millis(1);

pub(super) fn examine(config: &Config) -> Finding {
    const CHECK: &str = "model";
    let folder = config.paths.model.as_deref();
    let place = folder.map_or("inside the program".into(), |it| it.display().to_string());
    let started = Instant::now();
    match folder.map_or_else(Model::embedded, Model::load) {
        Ok(model) => {
            let loaded = started.elapsed();
            let each = time_of_one(&model);
            let text = format!(
                "{place}, loaded in {} ms, {} languages, {} us a message",
                loaded.as_millis(),
                model.languages().len(),
                each.as_micros()
            );
            let verdict = if each <= SLOW { Verdict::Good } else { Verdict::Odd };
            Finding::new(CHECK, verdict, text)
        }
        Err(error) => Finding::new(CHECK, Verdict::Wrong, format!("{place}: {error}")),
    }
}

/// Messages that the encoder reads to tell its time.
const ENCODER_ROUNDS: usize = 4;

pub(super) fn encoder(config: &Config) -> Finding {
    const CHECK: &str = "encoder";
    let settings = &config.understand;
    let wrong = |error: EncoderError| Finding::new(CHECK, Verdict::Wrong, error.to_string());
    let chosen = Installed::chosen(&config.paths.data, settings.encoder);
    let tier = match chosen.map(|chosen| chosen.of_messages) {
        Ok(None) => return Finding::new(CHECK, Verdict::Good, "none is asked"),
        Ok(Some(installed)) => SecondTier::installed(installed),
        Err(error) => return wrong(error),
    };
    match tier.and_then(|mut tier| time_of_second_look(&mut tier)) {
        Ok(each) => {
            let wait_max = settings.encoder_wait_max;
            let text = format!("{} us a message, at most {wait_max:?} is waited", each.as_micros());
            let verdict = if each < wait_max { Verdict::Good } else { Verdict::Odd };
            Finding::new(CHECK, verdict, text)
        }
        Err(error) => wrong(error),
    }
}

/// Mean time of a message that is read alone, once the encoder is warm.
fn time_of_second_look(tier: &mut SecondTier) -> Result<Duration, EncoderError> {
    let even = |labels: usize| vec![1.0 / labels as f32; labels];
    let (intents, sentiments) = (even(Intent::ALL.len()), even(Sentiment::ALL.len()));
    let started = Instant::now();
    let mut read_all = |rounds: usize| -> Result<Duration, EncoderError> {
        let begun = started.elapsed();
        for text in TEXTS.iter().cycle().take(rounds * TEXTS.len()) {
            let (intents, sentiments) = (intents.clone(), sentiments.clone());
            let message = Unsure { text: (*text).into(), intents, sentiments };
            tier.read(&[message], &mut || started.elapsed())?;
        }
        Ok(started.elapsed() - begun)
    };
    read_all(1)?;
    let took = read_all(ENCODER_ROUNDS)?;
    Ok(took / u32::try_from(ENCODER_ROUNDS * TEXTS.len()).unwrap_or(u32::MAX))
}

/// Mean time of a message once the model is warm.
fn time_of_one(model: &Model) -> Duration {
    let mut scratch = Scratch::default();
    let mut read_all = |rounds: usize| {
        for text in TEXTS.iter().cycle().take(rounds * TEXTS.len()) {
            std::hint::black_box(model.understand(text, &Hint::default(), &mut scratch));
        }
    };
    read_all(1);
    let started = Instant::now();
    read_all(ROUNDS);
    started.elapsed() / u32::try_from(ROUNDS * TEXTS.len()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_encoder_is_good_the_built_in_one_runs_and_one_that_is_asked_for_and_missing_is_wrong() {
        let mut config = Config::default();
        let folder = tempfile::tempdir().expect("a temporary folder");
        config.paths.data = folder.path().to_owned();
        // How fast it is hangs on the machine.
        assert_ne!(encoder(&config).verdict, Verdict::Wrong);

        config.understand.encoder = crate::config::EncoderChoice::Off;
        assert_eq!(encoder(&config).verdict, Verdict::Good);

        config.understand.encoder = crate::config::EncoderChoice::Added;
        assert_eq!(encoder(&config).verdict, Verdict::Wrong);
    }

    #[test]
    fn the_model_inside_the_program_loads_and_one_that_is_missing_is_wrong() {
        let mut config = Config::default();
        assert_ne!(examine(&config).verdict, Verdict::Wrong);

        let folder = tempfile::tempdir().expect("a temporary folder");
        config.paths.model = Some(folder.path().to_owned());
        assert_eq!(examine(&config).verdict, Verdict::Wrong);
    }
}
