//! The measurement: all Envoys run all the time, and are given load in turn.

use std::io::{IsTerminal, Write, stderr};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use helius_e2e::{ClosedLoop, LeanAnswer, LeanRegion, Mesh, Mood, ReservedPort};

use crate::cpu::{self, Machine};
use crate::load::{ANSWER, Expected, LANES, ask, question};
use crate::statistics::Spread;
use crate::variant::{Variant, World, all};

/// Long enough for V8 to have optimised the module, and for breakers to be open.
const WARM_UP: Duration = Duration::from_millis(1500);

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) rounds: u32,
    pub(crate) slice: Duration,
}

/// What became of a variant.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) against: &'static str,
    pub(crate) target: Option<f64>,
    /// CPU of the Envoy process for each request, in microseconds.
    pub(crate) cpu: Spread,
    /// How much more than the variant that it is compared with, slice by slice.
    pub(crate) more: Spread,
    /// How many times that one, slice by slice.
    pub(crate) ratio: Spread,
    /// Requests in all slices.
    pub(crate) requests: u64,
}

/// One that runs.
struct Running {
    name: &'static str,
    about: &'static str,
    against: &'static str,
    target: Option<f64>,
    keys: u32,
    expected: Expected,
    mesh: Mesh,
    load: Option<ClosedLoop>,
    cpu: Vec<f64>,
    requests: u64,
}

/// Measures all of them, or those that are named and whoever they are compared with.
pub(crate) async fn measure(plan: &Plan, only: &[String], machine: &Machine) -> anyhow::Result<Vec<Measured>> {
    let regions = [LeanRegion::start("us-east-1").await?, LeanRegion::start("us-west-2").await?];
    for region in &regions {
        region.behave(Mood::Say(ANSWER));
        region.forget();
    }
    let nowhere = ReservedPort::any()?;
    let world = World { primary: regions[0].addr(), secondary: regions[1].addr(), nowhere: nowhere.addr() };
    let mut running = Vec::new();
    for variant in chosen(all(world), only)? {
        tell(&format!("starting {}", variant.name));
        running.push(start(variant, machine).await?);
    }
    for it in &mut running {
        tell(&format!("warming up {}", it.name));
        slice(it, WARM_UP).await?;
        // Threads that V8 has begun meanwhile.
        machine.pin(it.mesh.envoy().pid())?;
        (it.cpu, it.requests) = (Vec::new(), 0);
    }
    let begun = Instant::now();
    for round in 0..plan.rounds {
        for it in &mut running {
            slice(it, plan.slice).await?;
        }
        let left = begun.elapsed() / (round + 1) * (plan.rounds - round - 1);
        tell(&format!("round {} of {}, {} s to go", round + 1, plan.rounds, left.as_secs()));
    }
    for it in &running {
        let failures = it.mesh.vm_failures().await?;
        anyhow::ensure!(failures.is_empty(), "{}: the module failed: {failures:?}", it.name);
    }
    Ok(running.iter().map(|it| compared(it, &running)).collect())
}

fn chosen(all: Vec<Variant>, only: &[String]) -> anyhow::Result<Vec<Variant>> {
    if only.is_empty() {
        return Ok(all);
    }
    let names: Vec<&str> = all.iter().map(|it| it.name).collect();
    if let Some(unknown) = only.iter().find(|it| !names.contains(&it.as_str())) {
        bail!("--only {unknown}: there is no such variant; there are {}", names.join(", "));
    }
    let mut wanted: Vec<&str> = only.iter().map(String::as_str).collect();
    for it in all.iter().rev() {
        if wanted.contains(&it.name) {
            wanted.push(it.against);
        }
    }
    let wanted: Vec<String> = wanted.into_iter().map(str::to_owned).collect();
    Ok(all.into_iter().filter(|it| wanted.iter().any(|name| name == it.name)).collect())
}

async fn start(variant: Variant, machine: &Machine) -> anyhow::Result<Running> {
    let Variant { name, about, against, target, keys, expected, tolerated, .. } = variant;
    let expected = Expected { answer: expected, tolerated };
    let mesh = variant.take_bootstrap().start().await.with_context(|| format!("{name} does not start"))?;
    machine.pin(mesh.envoy().pid())?;
    let load = Some(ClosedLoop::connect(mesh.addr(), LANES)?);
    Ok(Running { name, about, against, target, keys, expected, mesh, load, cpu: Vec::new(), requests: 0 })
}

/// Gives load to one of them, and notes what a request cost.
async fn slice(it: &mut Running, span: Duration) -> anyhow::Result<()> {
    let pid = it.mesh.envoy().pid();
    let (keys, expected, is_warm) = (it.keys, it.expected, span != WARM_UP);
    let mut load = it.load.take().context("the load of before is under way")?;
    let before = cpu::used(pid)?;
    let asked = tokio::task::spawn_blocking(move || {
        // Whoever is tried first meets closed breakers; that is not what is measured.
        let counted = if is_warm { ask(&mut load, span, keys, expected) } else { warm(&mut load, span, keys) };
        (load, counted)
    });
    let (load, counted) = asked.await?;
    let used = cpu::used(pid)?.saturating_sub(before);
    it.load = Some(load);
    let counted = counted.with_context(|| format!("{}: measured something else than it claims", it.name))?;
    it.cpu.push(microseconds(used) / f64::from(counted.max(1)));
    it.requests += u64::from(counted);
    Ok(())
}

fn warm(load: &mut ClosedLoop, span: Duration, keys: u32) -> anyhow::Result<u32> {
    let tally = load.run(span, |number| question(number % keys), LeanAnswer::status)?;
    Ok(tally.values().sum())
}

#[expect(clippy::cast_precision_loss, reason = "a slice has fewer nanoseconds than an f64 has digits")]
fn microseconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1000.0
}

fn compared(it: &Running, all: &[Running]) -> Measured {
    let other = all.iter().find(|other| other.name == it.against).unwrap_or(it);
    let pairs = || it.cpu.iter().zip(&other.cpu);
    Measured {
        name: it.name,
        about: it.about,
        against: it.against,
        target: it.target,
        cpu: Spread::of(it.cpu.iter().copied()),
        more: Spread::of(pairs().map(|(own, other)| own - other)),
        ratio: Spread::of(pairs().map(|(own, other)| own / other)),
        requests: it.requests,
    }
}

/// Says how far it is, on one line where there is a terminal.
pub(crate) fn tell(what: &str) {
    let mut to = stderr().lock();
    // Whoever has closed it does not want to know.
    let _ = if stderr().is_terminal() { write!(to, "\r\x1b[K==> {what}") } else { writeln!(to, "==> {what}") };
}
