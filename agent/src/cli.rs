//! The command line.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{ArgMatches, Args, Command, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::operator::{self, OverrideArgs};
use crate::schema::SCHEMA;
use crate::sidecar::{self, Settings, SidecarArgs};
use crate::status::{self, StatusArgs};
use crate::validate::{self, Report};

/// Something is wrong with what was to be checked.
const WRONG: u8 = 1;
/// The command could not be carried out. clap ends with the same for a command that it does not understand.
const FAILED: u8 = 2;

#[derive(Debug, Parser)]
#[command(name = "helius-agent", version, about = "Works beside the Helius Mesh filter", long_about = None)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
#[expect(clippy::doc_markdown, reason = "clap prints it as it stands")]
enum Verb {
    /// Checks configurations of the filter, by the filter's own rules, before they reach Envoy
    ///
    /// A file is the document itself (service, routes), or one that has it inside: an EnvoyFilter, a WasmPlugin, an
    /// EnvoyExtensionPolicy, the bootstrap of an Envoy, or several of them with --- between. All that is wrong is told, a line
    /// each: file, line, place, value, rule and remedy.
    ///
    /// Ends with 0 where all is well, with 1 where something is wrong, with 2 where a file cannot be read.
    Validate(Validate),
    /// Runs beside the application and Envoy in each pod, until a signal ends it
    ///
    /// Serves /metrics, /healthz and /readyz. Needs neither Envoy nor the application to be there, so it can start before
    /// both.
    ///
    /// Ends with 0 after SIGTERM or SIGINT, with 2 where it could not begin.
    Sidecar(Box<SidecarArgs>),
    /// Says what is degraded right now, in one pod or several
    ///
    /// Asks the metrics of each pod's agent. A pod that does not answer is told like one that is degraded.
    ///
    /// Ends with 0 where all is well, with 1 where something is degraded, with 2 where no pod has answered.
    Status(StatusArgs),
    /// Sets, lists and clears what operators switch for a while
    Override(OverrideArgs),
    /// Prints the JSON Schema of a configuration, for editors
    #[command(after_help = "Examples:\n  \
        helius-agent schema > helius.schema.json\n  \
        # yaml-language-server: $schema=helius.schema.json    (the first line of a document)")]
    Schema,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    helius-agent validate envoy/bootstrap.yaml\n  \
    helius-agent validate --explain envoy/bootstrap.yaml\n  \
    helius-agent validate istio/*.yaml\n  \
    kubectl get envoyfilter helius -o yaml | helius-agent validate -")]
struct Validate {
    /// Says of each good configuration what it means, route by route
    #[arg(long)]
    explain: bool,
    /// The files; - is the standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// Does what the command line asks for.
pub fn run() -> ExitCode {
    let mut command = Cli::command();
    let matches = command.clone().get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.format(&mut command).exit());
    match cli.verb {
        Verb::Schema => match io::stdout().lock().write_all(SCHEMA.as_bytes()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::from(FAILED),
        },
        Verb::Validate(Validate { explain, files }) => {
            let (mut out, mut err) = (io::stdout().lock(), io::stderr().lock());
            let worst = files.iter().map(|file| tell(file, explain, &mut out, &mut err)).max();
            ExitCode::from(worst.unwrap_or(0))
        }
        Verb::Status(arguments) => status::run(&arguments),
        Verb::Override(args) => ExitCode::from(operator::run(args)),
        Verb::Sidecar(_) => {
            let verb = matches.subcommand().and_then(|(name, matches)| Some((command.find_subcommand(name)?, matches)));
            verb.map_or(ExitCode::from(FAILED), |(command, matches)| run_sidecar(command, matches))
        }
    }
}

fn run_sidecar(command: &Command, matches: &ArgMatches) -> ExitCode {
    let ended = Settings::read(command, matches)
        .map_err(|error| error.to_string())
        .and_then(|settings| sidecar::run(settings).map_err(|error| error.to_string()));
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            let _ = writeln!(io::stderr().lock(), "{why}");
            ExitCode::from(FAILED)
        }
    }
}

/// Tells what there is to say of a file. Where nobody reads it any more, nobody misses it.
fn tell(file: &Path, is_explained: bool, out: &mut impl Write, err: &mut impl Write) -> u8 {
    let name = if validate::is_stdin(file) { "(standard input)".to_owned() } else { file.display().to_string() };
    match validate::check(file) {
        Ok(Report { problems, .. }) if !problems.is_empty() => {
            for problem in problems {
                let _ = writeln!(err, "{name}{problem}");
            }
            WRONG
        }
        Ok(Report { good, .. }) => {
            for config in good {
                let _ = writeln!(out, "{name}: {config}");
                if is_explained {
                    let _ = writeln!(out, "\n{}", config.explanation());
                }
            }
            0
        }
        Err(why) => {
            let _ = writeln!(err, "{name}: cannot be read: {why}");
            FAILED
        }
    }
}
