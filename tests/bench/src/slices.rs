//! The measurement: all Envoys run all the time, and are given load in turn.

use std::io::{IsTerminal, Write, stderr};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use helius_e2e::{Bootstrap, ClosedLoop, LeanAnswer, Mesh, ReservedPort};

use crate::cpu::{self, Machine};
use crate::load::{LANES, ask, question, region};
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
    pub(crate) variant: Variant,
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
    variant: Variant,
    mesh: Mesh,
    load: Option<ClosedLoop>,
    cpu: Vec<f64>,
    requests: u64,
}

/// Measures all of them, or those that are named and whoever they are compared with.
pub(crate) async fn measure(plan: &Plan, only: &[String], machine: &Machine) -> anyhow::Result<Vec<Measured>> {
    let regions = [region("us-east-1").await?, region("us-west-2").await?];
    let nowhere = ReservedPort::any()?;
    let world = World { primary: regions[0].addr(), secondary: regions[1].addr(), nowhere: nowhere.addr() };
    let mut running = Vec::new();
    for (variant, bootstrap) in chosen(all(world), only)? {
        tell(&format!("starting {}", variant.name));
        running.push(start(variant, bootstrap, machine).await?);
    }
    for it in &mut running {
        tell(&format!("warming up {}", it.variant.name));
        // Whoever is tried first meets closed breakers; that is not what is measured.
        let keys = it.variant.keys;
        it.load(move |load| Ok(load.run(WARM_UP, |number| question(number % keys), LeanAnswer::status)?)).await?;
        // Threads that V8 has begun meanwhile.
        machine.pin(it.mesh.envoy().pid())?;
    }
    let begun = Instant::now();
    for round in 0..plan.rounds {
        for it in &mut running {
            it.slice(plan.slice).await?;
        }
        let left = begun.elapsed() / (round + 1) * (plan.rounds - round - 1);
        tell(&format!("round {} of {}, {} s to go", round + 1, plan.rounds, left.as_secs()));
    }
    for it in &running {
        let failures = it.mesh.vm_failures().await?;
        anyhow::ensure!(failures.is_empty(), "{}: the module failed: {failures:?}", it.variant.name);
    }
    Ok(running.iter().map(|it| compared(it, &running)).collect())
}

fn chosen(all: Vec<(Variant, Bootstrap)>, only: &[String]) -> anyhow::Result<Vec<(Variant, Bootstrap)>> {
    if only.is_empty() {
        return Ok(all);
    }
    let names: Vec<&str> = all.iter().map(|(it, _)| it.name).collect();
    if let Some(unknown) = only.iter().find(|it| !names.contains(&it.as_str())) {
        bail!("--only {unknown}: there is no such variant; there are {}", names.join(", "));
    }
    let mut wanted: Vec<&str> = only.iter().map(String::as_str).collect();
    for (it, _) in all.iter().rev() {
        if wanted.contains(&it.name) {
            wanted.push(it.against);
        }
    }
    Ok(all.into_iter().filter(|(it, _)| wanted.contains(&it.name)).collect())
}

async fn start(variant: Variant, bootstrap: Bootstrap, machine: &Machine) -> anyhow::Result<Running> {
    let mesh = bootstrap.start().await.with_context(|| format!("{} does not start", variant.name))?;
    machine.pin(mesh.envoy().pid())?;
    let load = Some(ClosedLoop::connect(mesh.addr(), LANES)?);
    Ok(Running { variant, mesh, load, cpu: Vec::new(), requests: 0 })
}

impl Running {
    /// Gives it load for so long, and notes what a request cost.
    async fn slice(&mut self, span: Duration) -> anyhow::Result<()> {
        let Variant { name, keys, expected, .. } = self.variant;
        let pid = self.mesh.envoy().pid();
        let before = cpu::used(pid)?;
        let counted = self.load(move |load| ask(load, span, keys, expected)).await;
        let used = cpu::used(pid)?.saturating_sub(before);
        let counted = counted.with_context(|| format!("{name}: measured something else than it claims"))?;
        self.cpu.push(microseconds(used) / f64::from(counted.max(1)));
        self.requests += u64::from(counted);
        Ok(())
    }

    /// Has its clients do something, in a thread of their own.
    async fn load<T: Send + 'static>(
        &mut self,
        run: impl FnOnce(&mut ClosedLoop) -> anyhow::Result<T> + Send + 'static,
    ) -> anyhow::Result<T> {
        let mut load = self.load.take().context("the load of before is under way")?;
        let done = tokio::task::spawn_blocking(move || {
            let result = run(&mut load);
            (load, result)
        });
        let (load, result) = done.await?;
        self.load = Some(load);
        result
    }
}

#[expect(clippy::cast_precision_loss, reason = "a slice has fewer nanoseconds than an f64 has digits")]
fn microseconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1000.0
}

fn compared(it: &Running, all: &[Running]) -> Measured {
    let other = all.iter().find(|other| other.variant.name == it.variant.against).unwrap_or(it);
    let pairs = || it.cpu.iter().zip(&other.cpu);
    Measured {
        variant: it.variant,
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
