//! What is done to the regions, and when: by a seed, so that it can be done again.

use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use helius_e2e::RegionProcess;
use tokio::time::{Instant, sleep_until};

/// Between the end of a fault of a region and its next one, in milliseconds.
const PAUSES: Range<u64> = 300..4000;
/// What an answer takes in a region that is well: long enough for some to be under way when it is killed.
const LATENCY: Duration = Duration::from_millis(15);

/// What is done to a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// SIGKILL: connections break, new ones are refused until it is started again.
    Kill,
    /// SIGSTOP: it accepts connections and does not answer, until SIGCONT lets it go on where it stopped.
    Hang,
    /// SIGKILL, and started again at once.
    Restart,
}

/// One fault of one region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault {
    /// After the beginning of the run.
    at: Duration,
    kind: Kind,
    lasts: Duration,
}

/// The faults of one region until `span` is over, one after the other.
fn schedule(rng: &mut Rng, span: Duration) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut at = Duration::from_millis(rng.u64(PAUSES));
    loop {
        // Long enough to outlast timeouts and connections; a hang costs every request a timeout, so it is shorter.
        let (kind, lasts) = match rng.u8(..10) {
            0..4 => (Kind::Kill, rng.u64(100..3000)),
            4..7 => (Kind::Hang, rng.u64(50..2000)),
            _ => (Kind::Restart, 0),
        };
        let lasts = Duration::from_millis(lasts);
        if at + lasts > span {
            return faults;
        }
        faults.push(Fault { at, kind, lasts });
        at += lasts + Duration::from_millis(rng.u64(PAUSES));
    }
}

/// Lets each region have its faults. In the end all of them are well again.
pub(crate) async fn unleash(regions: &mut [RegionProcess; 4], seed: u64, span: Duration, journal: &Journal) {
    let mut rng = Rng::with_seed(seed);
    let mut next = || schedule(&mut rng.fork(), span);
    let [first, second, third, fourth] = regions;
    tokio::join!(
        torment(first, next(), journal),
        torment(second, next(), journal),
        torment(third, next(), journal),
        torment(fourth, next(), journal),
    );
}

async fn torment(region: &mut RegionProcess, faults: Vec<Fault>, journal: &Journal) {
    region.set_latency(LATENCY).await.unwrap();
    for fault in faults {
        let began = journal.began + fault.at;
        sleep_until(began).await;
        journal.write(region, fault);
        match fault.kind {
            Kind::Kill => {
                region.kill();
                sleep_until(began + fault.lasts).await;
                revive(region).await;
            }
            Kind::Hang => {
                region.hang().unwrap();
                sleep_until(began + fault.lasts).await;
                region.resume().unwrap();
            }
            Kind::Restart => revive(region).await,
        }
    }
}

async fn revive(region: &mut RegionProcess) {
    region.restart().await.unwrap();
    region.set_latency(LATENCY).await.unwrap();
}

/// What was done, and when.
#[derive(Debug)]
pub(crate) struct Journal {
    began: Instant,
    entries: Mutex<Vec<(Fault, String)>>,
}

impl Journal {
    pub(crate) fn new(began: Instant) -> Self {
        Self { began, entries: Mutex::default() }
    }

    fn write(&self, region: &RegionProcess, fault: Fault) {
        self.entries().push((fault, region.to_string()));
    }

    fn entries(&self) -> MutexGuard<'_, Vec<(Fault, String)>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many there were of a kind.
    pub(crate) fn count(&self, kind: Kind) -> usize {
        self.entries().iter().filter(|(fault, _)| fault.kind == kind).count()
    }

    /// The faults that a request between these times may have met.
    pub(crate) fn around(&self, from: Duration, to: Duration) -> String {
        let from = from.saturating_sub(Duration::from_millis(500));
        let entries = self.entries();
        let met = entries.iter().filter(|(fault, _)| fault.at <= to && fault.at + fault.lasts >= from);
        let told =
            met.map(|(Fault { at, kind, lasts }, region)| format!("{kind:?} of {region} at {at:?} for {lasts:?}"));
        told.collect::<Vec<_>>().join("; ")
    }
}

#[test]
fn a_seed_gives_the_same_faults_again_one_after_the_other_and_in_time() {
    let span = Duration::from_secs(60);
    for seed in 0..100 {
        let faults = schedule(&mut Rng::with_seed(seed), span);
        assert_eq!(faults, schedule(&mut Rng::with_seed(seed), span));
        assert!(faults.windows(2).all(|pair| pair[0].at + pair[0].lasts < pair[1].at), "{faults:?}");
        assert!(faults.iter().all(|fault| fault.at + fault.lasts <= span), "{faults:?}");
        assert!(faults.len() > 5, "{faults:?}");
    }
}
