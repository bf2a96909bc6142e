//! Reads the files of a model, and runs it on a thread of its own.

use std::fs::File;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use crossbeam::channel::{Receiver, Sender, bounded};
use tokio::sync::oneshot;

use super::super::engine::{EngineError, Job, Translating, Translator};
use super::super::marks::Markup;
use super::{Model, ModelError, ModelFiles, Unsaid};
use crate::config::shop::LocalModel;
use crate::domain::Language;

/// Most bytes of `config.json`.
const CONFIG_BYTES_MAX: u64 = 1 << 20;
/// Most bytes of a vocabulary or a model of SentencePiece: the published ones have 2 MB.
const TOKENS_BYTES_MAX: u64 = 32 << 20;
/// Most bytes of the weights: the published ones have up to 1 GB.
const WEIGHTS_BYTES_MAX: u64 = 2 << 30;
/// Jobs that wait for a model. Whoever asks has a longest wait, and more could not be done in it.
pub const JOBS_WAITING_MAX: usize = 32;
/// How much the thread yields to the rest, 0 to 19: sockets and owners of conversations go first when
/// the processors are busy.
const NICENESS: i32 = 10;

/// A model on a thread of its own, behind the port. The thread reads the files when it starts; until it
/// has, jobs wait, and where it cannot, each is told why. It ends when this is dropped.
pub struct LocalEngine {
    from: Vec<Language>,
    to: Vec<Language>,
    queue: Sender<Asked>,
}

type Answer = Result<Vec<String>, EngineError>;

struct Asked {
    job: Job,
    /// Closed when nobody waits any more.
    reply: oneshot::Sender<Answer>,
}

impl LocalEngine {
    /// Starts the thread of a model.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(model: &LocalModel) -> Result<Self, EngineError> {
        let (queue, inbox) = bounded(JOBS_WAITING_MAX);
        let (folder, to) = (model.folder.clone(), model.to.clone());
        std::thread::Builder::new()
            .name("translator".to_owned())
            .spawn(move || serve(&inbox, &folder, &to))
            .map_err(|error| EngineError::Unavailable(error.to_string()))?;
        Ok(Self { from: model.from.clone(), to: model.to.clone(), queue })
    }

    async fn ask(&self, job: &Job) -> Answer {
        if !self.from.contains(&job.from) || !self.to.contains(&job.to) {
            return Err(EngineError::Pair { from: job.from, to: job.to });
        }
        let (reply, answer) = oneshot::channel();
        let full = |_| EngineError::Busy { retry_after: None };
        self.queue.try_send(Asked { job: job.clone(), reply }).map_err(full)?;
        let gone = |_| EngineError::Unavailable("the model's thread ended".to_owned());
        answer.await.map_err(gone)?
    }
}

impl Translator for LocalEngine {
    fn name(&self) -> &str {
        "local"
    }

    fn markup(&self) -> Markup {
        Markup::Bracket
    }

    fn translate<'a>(&'a self, job: &'a Job) -> Translating<'a> {
        Box::pin(self.ask(job))
    }
}

fn serve(inbox: &Receiver<Asked>, folder: &Path, to: &[Language]) {
    // Where the system does not let a thread yield, it computes all the same.
    let _ = rustix::process::setpriority_process(None, NICENESS);
    let runner = caught(|| Runner::load(folder, to).map_err(|error| error.to_string()));
    if let Err(reason) = &runner {
        tracing::error!(folder = %folder.display(), reason, "a model cannot be used");
    }
    while let Ok(Asked { job, reply }) = inbox.recv() {
        // Its time was over before its turn came.
        if reply.is_closed() {
            continue;
        }
        let said = match &runner {
            Ok(runner) => caught(|| Ok(runner.answer(&job, &|| !reply.is_closed()))),
            Err(reason) => Err(reason.clone()),
        };
        let _ = reply.send(said.unwrap_or_else(|reason| Err(EngineError::Unavailable(reason))));
    }
}

/// A text that brings the arithmetic down must not take the texts behind it along.
fn caught<T>(run: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    let panicked = |_| Err("the model failed".to_owned());
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(panicked)
}

/// A model and the one thread that computes. Without it each product would be cut up among all cores,
/// which gains little on products this small and takes the cores from the sockets.
struct Runner {
    model: Model,
    worker: rayon::ThreadPool,
    knows_marks: bool,
}

impl Runner {
    fn load(folder: &Path, to: &[Language]) -> Result<Self, ModelError> {
        let model = Model::new(files(folder)?)?;
        if let Some(language) = to.iter().find(|language| !model.says(**language)) {
            let reason = format!("the model has no token for the language `{language}`");
            return Err(ModelError::new("vocab.json", reason));
        }
        let worker = rayon::ThreadPoolBuilder::new()
            .num_threads(1)
            .thread_name(|_| "translator".to_owned())
            .build()
            .map_err(|error| ModelError::new("a thread", error))?;
        Ok(Self { knows_marks: model.knows_marks(), model, worker })
    }

    fn answer(&self, job: &Job, is_wanted: &(dyn Fn() -> bool + Sync)) -> Answer {
        if job.markup.is_some() && !self.knows_marks {
            // It would lose every mark. An answer without them has the text asked in pieces at once.
            return Ok(vec![String::new(); job.texts.len()]);
        }
        let say = |text: &String| self.model.translate(text, job.to, is_wanted).map_err(told);
        self.worker.install(|| job.texts.iter().map(say).collect())
    }
}

fn told(unsaid: Unsaid) -> EngineError {
    match unsaid {
        Unsaid::Unwanted => EngineError::Late,
        Unsaid::Endless => EngineError::Answer("the model found no end"),
        Unsaid::Empty => EngineError::Answer("the model said nothing"),
        Unsaid::Tokens(_) | Unsaid::Arithmetic(_) => EngineError::Unavailable(unsaid.to_string()),
    }
}

fn files(folder: &Path) -> Result<ModelFiles, ModelError> {
    Ok(ModelFiles {
        config: read(folder, "config.json", CONFIG_BYTES_MAX)?,
        vocabulary: read(folder, "vocab.json", TOKENS_BYTES_MAX)?,
        source: read(folder, "source.spm", TOKENS_BYTES_MAX)?,
        weights: read(folder, "model.safetensors", WEIGHTS_BYTES_MAX)?,
    })
}

fn read(folder: &Path, name: &'static str, bytes_max: u64) -> Result<Vec<u8>, ModelError> {
    let path: PathBuf = folder.join(name);
    let failed = |error: std::io::Error| ModelError::new(name, format!("cannot be read: {error}"));
    let file = File::open(path).map_err(failed)?;
    let bytes = file.metadata().map_err(failed)?.len();
    if bytes > bytes_max {
        let reason = format!("{bytes} bytes, at most {bytes_max} are read");
        return Err(ModelError::new(name, reason));
    }
    let mut content = Vec::with_capacity(bytes as usize);
    file.take(bytes_max).read_to_end(&mut content).map_err(failed)?;
    Ok(content)
}
