//! The story: six phases, in each of which something happens in the world and the client sees what comes of it.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::ensure;
use tokio::time::{Instant, sleep_until};

use crate::agent;
use crate::answer::Rung;
use crate::client::SteadyClient;
use crate::counters::Comparison;
use crate::ports::{ADMIN, AGENT, CLIENTS};
use crate::summary::Summary;
use crate::tally::Tally;
use crate::terminal::{Style, Terminal};
use crate::world::{Change, ENVOY_LOG, World};

/// How long each phase lasts, in seconds.
const LASTS: u64 = 10;
/// How long the operator's switch holds, in seconds: what the command says.
const SWITCHED_UNTIL: u64 = 5;
/// Without a terminal a line comes every so many seconds.
const PLAIN_EVERY: u64 = 5;

struct Phase {
    name: &'static str,
    change: Change,
    world: &'static str,
    client: &'static str,
}

const PHASES: [Phase; 6] = [
    Phase {
        name: "all well",
        change: Change::Nothing,
        world: "both regions answer after 20 ms.",
        client: "gets the primary's answers, as if there were no mesh.",
    },
    Phase {
        name: "primary slow",
        change: Change::PrimarySlow,
        world: "us-east-1 takes 3 s for everything now; its timeout is 500 ms.",
        client: "waits for it a moment, until the circuit breaker is open; from then on us-west-2 answers at once.",
    },
    Phase {
        name: "primary down",
        change: Change::PrimaryDown,
        world: "us-east-1 is killed (kill -9): connections are refused.",
        client: "goes on being answered by us-west-2; now and then a probe finds out that nobody is back.",
    },
    Phase {
        name: "both down",
        change: Change::BothDown,
        world: "us-west-2 is killed too: nobody is left.",
        client: "gets the static answer of the configuration, with confidence 0, and never a 5xx.",
    },
    Phase {
        name: "back",
        change: Change::Back,
        world: "both regions are started again.",
        client: "gets more and more of the regions' answers again, and in the end only the primary's: nobody did anything.",
    },
    Phase {
        name: "switched",
        change: Change::Switched,
        world: "all is well, and an operator drains us-east-1 for 5 s.",
        client: "is answered by us-west-2 at once, and by us-east-1 again when the time is over: nobody undoes it.",
    },
];

/// Tells it all. The world goes on after it; the status says whether the promise was kept.
pub(crate) async fn tell(terminal: Terminal) -> anyhow::Result<(World, ExitCode)> {
    let mut world = World::start().await?;
    introduce(&world, terminal);
    let client = SteadyClient::start()?;
    for (index, phase) in PHASES.iter().enumerate() {
        if index > 0 {
            client.turn_the_page();
        }
        phase.play(index + 1, &mut world, &client, terminal).await?;
    }
    let tallies = client.finish().await;
    let summary = Summary::of(PHASES.iter().map(|phase| phase.name).zip(tallies).collect());
    let counters = Comparison::read(&world.envoy, &summary.total).await?;
    let status = conclude(&summary, &counters, terminal)?;
    Ok((world, status))
}

fn introduce(world: &World, terminal: Terminal) {
    terminal.line(&terminal.paint(Style::Title, "Helius Mesh: down the ladder and back"));
    terminal.line(&format!("  Envoy with the filter: clients at {CLIENTS}, admin at {ADMIN}, log in {ENVOY_LOG}"));
    terminal.line("  The services know nothing of it:");
    for (service, region, process) in world.regions() {
        let pid = process.pid().unwrap_or_default();
        terminal.line(&format!("    {service:<15} in {region}   {}   pid {pid}", process.addr()));
    }
    terminal.line(
        "  A client sends 100 requests a second, POST /assist and POST /predict in turn, and checks each answer.",
    );
    terminal.line(&format!(
        "  The agent: metrics at {}, log in {}; its view is that of `helius-agent status`.",
        AGENT[1],
        agent::LOG
    ));
}

impl Phase {
    async fn play(
        &self,
        number: usize,
        world: &mut World,
        client: &SteadyClient,
        terminal: Terminal,
    ) -> anyhow::Result<()> {
        let title = format!("{number}/{} {}", PHASES.len(), self.name);
        terminal.line(&format!("\n{}", terminal.paint(Style::Title, &title)));
        terminal.line(&format!("  The world:  {}", self.world));
        terminal.line(&format!("  The client: {}", self.client));
        if matches!(self.change, Change::Switched) {
            terminal.line(&format!("  $ {}", agent::switch_command()));
        }
        let began = Instant::now();
        world.change(self.change).await?;
        for second in 1..=LASTS {
            sleep_until(began + Duration::from_secs(second)).await;
            ensure!(world.envoy.is_alive(), "Envoy has ended, its log ends so:\n{}", world.envoy.log_tail());
            let line = progress(&title, second, &client.page().0, terminal);
            if second == SWITCHED_UNTIL / 2 && matches!(self.change, Change::Switched) {
                agent_view(terminal).await;
            }
            // The last one stays.
            if second == LASTS || (!terminal.moves() && second % PLAIN_EVERY == 0) {
                terminal.line(&line);
            } else {
                terminal.passing_line(&line);
            }
        }
        let (tally, last_answer) = client.page();
        terminal.line(&format!("  last answer: {last_answer}"));
        agent_view(terminal).await;
        for complaint in &tally.complaints {
            terminal.line(&terminal.paint(Style::Bad, &format!("  {complaint}")));
        }
        Ok(())
    }
}

/// What the agent says is degraded.
async fn agent_view(terminal: Terminal) {
    for (index, line) in agent::view(terminal).await.iter().enumerate() {
        let head = if index == 0 { "the agent:" } else { "" };
        terminal.line(&format!("  {head:<12} {line}"));
    }
}

/// One line of less than 80 columns, so that it can be written over.
fn progress(title: &str, second: u64, tally: &Tally, terminal: Terminal) -> String {
    let styles = [Style::Good, Style::Degraded, Style::Degraded];
    let rungs = Rung::ALL.into_iter().zip(styles).map(|(rung, style)| {
        let count = tally.served_by(rung);
        let text = format!("{count} {}", rung.word());
        if count > 0 { terminal.paint(style, &text) } else { text }
    });
    let rungs = rungs.collect::<Vec<_>>().join(" ");
    let bad = format!("5xx {}", tally.server_errors + tally.errors + tally.wrong);
    let bad = if tally.is_clean() { bad } else { terminal.paint(Style::Bad, &bad) };
    format!("  {title} {second:>2}/{LASTS} s, {} sent: {rungs} {bad}", tally.requests)
}

/// Prints the results; the status says whether the promise was kept.
fn conclude(summary: &Summary, counters: &Comparison, terminal: Terminal) -> anyhow::Result<ExitCode> {
    summary.print(terminal);
    counters.print(terminal);
    let file = summary.write(counters)?;
    terminal.line(&format!("\n  The same as JSON: {file}"));
    if let Some(fault) = summary.fault(counters) {
        terminal.line(&terminal.paint(Style::Bad, &format!("  Failed: {fault}.")));
        for complaint in &summary.total.complaints {
            terminal.line(&format!("    {complaint}"));
        }
        return Ok(ExitCode::FAILURE);
    }
    let kept = "  Kept: no 5xx, no error, no wrong answer, and Envoy's counters agree with the client's.";
    terminal.line(&terminal.paint(Style::Good, kept));
    Ok(ExitCode::SUCCESS)
}
