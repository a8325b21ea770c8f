//! A client that asks at a steady pace, whatever becomes of its requests.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use helius_e2e::{Client, Connection, Failure, Protocol, Reply};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, interval, timeout};

use crate::answer::{Question, Questions, describe};
use crate::ports;
use crate::tally::{Outcome, Tally};

/// 100 requests a second.
const PACE: Duration = Duration::from_millis(10);
/// A slow primary costs each request its timeout of half a second, so that about 55 are under way at a time.
const MOST_AT_A_TIME: usize = 128;
/// The ladder ends after two seconds at the latest.
const PATIENCE: Duration = Duration::from_secs(3);

/// The running client. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct SteadyClient {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    questions: Questions,
    /// Open connections that wait for their next request.
    idle: Mutex<Vec<Connection>>,
    book: Mutex<Book>,
}

/// A tally for each phase; the last one is being filled.
#[derive(Debug, Default)]
struct Book {
    phases: Vec<Tally>,
    last_answer: String,
    is_closed: bool,
}

impl SteadyClient {
    pub(crate) fn start() -> anyhow::Result<Self> {
        let shared = Shared { questions: Questions::load()?, idle: Mutex::default(), book: Mutex::default() };
        let shared = Arc::new(shared);
        shared.book().phases.push(Tally::default());
        let task = tokio::spawn(keep_asking(Arc::clone(&shared)));
        Ok(Self { shared, task })
    }

    /// What is sent from now on belongs to the next phase.
    pub(crate) fn turn_the_page(&self) {
        self.shared.book().phases.push(Tally::default());
    }

    /// The current phase, and what the last answer looked like.
    pub(crate) fn page(&self) -> (Tally, String) {
        let book = self.shared.book();
        (book.phases.last().cloned().unwrap_or_default(), book.last_answer.clone())
    }

    /// Sends no more, waits for what is under way, and returns the tallies of all phases.
    pub(crate) async fn finish(mut self) -> Vec<Tally> {
        self.shared.book().is_closed = true;
        // It can only fail by a panic, which has been printed; what it counted is still true.
        let _ = (&mut self.task).await;
        std::mem::take(&mut self.shared.book().phases)
    }
}

impl Drop for SteadyClient {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn keep_asking(shared: Arc<Shared>) {
    let mut pace = interval(PACE);
    let permits = Arc::new(Semaphore::new(MOST_AT_A_TIME));
    let mut under_way = JoinSet::new();
    for number in 0.. {
        // The moment when the request was due, not when there was time for it: a client that waits is part of what
        // it measures.
        let due = pace.tick().await;
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { break };
        let Some(phase) = shared.begin() else { break };
        let shared = Arc::clone(&shared);
        under_way.spawn(async move {
            let outcome = shared.ask(Question::numbered(number)).await;
            shared.record(phase, outcome, due.elapsed());
            drop(permit);
        });
        while under_way.try_join_next().is_some() {}
    }
    while under_way.join_next().await.is_some() {}
}

impl Shared {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a request that is about to be sent: the phase that it belongs to, or none if no more are wanted.
    fn begin(&self) -> Option<usize> {
        let mut book = self.book();
        if book.is_closed {
            return None;
        }
        book.phases.last_mut()?.requests += 1;
        Some(book.phases.len() - 1)
    }

    fn record(&self, phase: usize, outcome: Outcome, latency: Duration) {
        if let Some(tally) = self.book().phases.get_mut(phase) {
            tally.record(outcome, latency);
        }
    }

    async fn ask(&self, question: Question) -> Outcome {
        let began = Instant::now();
        let reply = match timeout(PATIENCE, self.send(question)).await {
            Ok(Ok(reply)) => reply,
            Ok(Err(failure)) => return Outcome::Error(failure.to_string()),
            Err(_) => return Outcome::Error(format!("no answer after {:?}", began.elapsed())),
        };
        self.book().last_answer = describe(&reply);
        if reply.status >= 500 {
            return Outcome::ServerError(format!("{}: {}", describe(&reply), reply.text()));
        }
        match self.questions.check(question, &reply) {
            Ok(rung) => Outcome::Served(rung),
            Err(complaint) => Outcome::Wrong(complaint),
        }
    }

    /// Over a connection that is kept alive, and closed when anything goes wrong on it.
    async fn send(&self, question: Question) -> Result<Reply, Failure> {
        let idle = self.idle().pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => Client::new(ports::CLIENTS, Protocol::Http1).connect().await?,
        };
        let reply = connection.send(question.request()).await?;
        if reply.header("connection") != Some("close") {
            self.idle().push(connection);
        }
        Ok(reply)
    }
}
