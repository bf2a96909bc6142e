//! Whether the language model can be loaded, and how fast it reads.

use std::time::{Duration, Instant};

use super::{Finding, Verdict};
use crate::config::Config;
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
    fn the_model_inside_the_program_loads_and_one_that_is_missing_is_wrong() {
        let mut config = Config::default();
        assert_ne!(examine(&config).verdict, Verdict::Wrong);

        let folder = tempfile::tempdir().expect("a temporary folder");
        config.paths.model = Some(folder.path().to_owned());
        assert_eq!(examine(&config).verdict, Verdict::Wrong);
    }
}
