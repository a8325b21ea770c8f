//! `helius-agent override`: what operators switch, from the command line, through the API of an agent.
//!
//! | file | what it is |
//! |---|---|
//! | `set` | the flags of an override, and the request that they make |
//! | `call` | the exchange with the agent |
//! | `table` | overrides, a line each |

mod call;
mod set;
mod table;

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::SystemTime;

use clap::{Args, Subcommand};
use hyper::Method;
use serde_json::Value;

use call::{Agent, CallError};
use set::Set;

/// The agent has refused.
const REFUSED: u8 = 1;
/// It could not be carried out.
const FAILED: u8 = 2;

/// Sets, lists and clears overrides.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    helius-agent override set static --route assist --ttl 15m --reason \"garbage since the rollout\"\n  \
    helius-agent override set breaker --state open --route assist --region us-east-1 --reason \"it hangs\"\n  \
    helius-agent override set rate-limit --scale 0.5 --service ingest --reason \"the backlog grows\"\n  \
    helius-agent override set drain --region us-east-1 --reason maintenance --dry-run\n  \
    helius-agent override list\n  \
    helius-agent override clear o-3\n  \
    kubectl exec deploy/llm-router -c helius-agent -- helius-agent override list\n\n\
    Ends with 0 where it is done, with 1 where the agent refuses it, with 2 where it could not be carried out.")]
#[expect(clippy::doc_markdown, reason = "clap prints it as it stands")]
pub struct OverrideArgs {
    /// Where the API of the agent is: an address with a port, or unix:/path
    #[arg(long, global = true, env = "HELIUS_AGENT_API", value_name = "ADDRESS", default_value = "127.0.0.1:9910")]
    agent: String,
    /// A file with the agent's token, where it has one
    #[arg(long, global = true, env = "HELIUS_AGENT_TOKEN_FILE", value_name = "FILE")]
    token_file: Option<String>,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Switches something for a while; it ends by itself
    #[command(subcommand)]
    Set(Set),
    /// Says what is switched
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Takes overrides back before their end
    #[command(after_help = "Examples:\n  helius-agent override clear o-3 o-4\n  helius-agent override clear --all")]
    Clear {
        /// Their numbers, as set and list say them
        #[arg(required_unless_present = "all", conflicts_with = "all", value_name = "ID")]
        ids: Vec<String>,
        /// All but those that stand in a file
        #[arg(long)]
        all: bool,
        /// Who takes them back; without it the user and the host
        #[arg(long, env = "HELIUS_AUTHOR")]
        author: Option<String>,
    },
}

/// Does what the command line asks for, and gives the exit code.
pub fn run(args: OverrideArgs) -> u8 {
    // A template that has nothing to say leaves a variable empty.
    let token_file = args.token_file.filter(|path| !path.is_empty()).map(PathBuf::from);
    let done = Agent::new(&args.agent, token_file.as_deref()).and_then(|agent| match args.verb {
        Verb::Set(set) => self::set(&agent, set),
        Verb::List { json } => list(&agent, json),
        Verb::Clear { ids, all: _, author } => clear(&agent, &ids, author),
    });
    match done {
        Ok(()) => 0,
        Err(error) => {
            let _ = writeln!(io::stderr().lock(), "{error}");
            if matches!(error, CallError::Refused(_)) { REFUSED } else { FAILED }
        }
    }
}

fn set(agent: &Agent, set: Set) -> Result<(), CallError> {
    let answer = agent.call(Method::POST, "", Some(&set.request()), None)?;
    warn(&answer);
    let mut told =
        if answer["dry_run"] == true { "would be set".to_owned() } else { format!("{} set", word(&answer["id"])) };
    told.push_str(": ");
    told.push_str(&table::sentence(&answer, SystemTime::now()));
    if let Some(changes) = answer["changes"].as_array() {
        let changes: Vec<&str> = changes.iter().filter_map(Value::as_str).collect();
        told.push_str("; changes ");
        told.push_str(&changes.join(", "));
    }
    print(&told);
    Ok(())
}

fn list(agent: &Agent, is_json: bool) -> Result<(), CallError> {
    let answer = agent.call(Method::GET, "?detail=true", None, None)?;
    if is_json {
        print(&answer.to_string());
    } else {
        print(table::of(&answer, SystemTime::now()).trim_end());
    }
    if let Some(why) = answer["file_rejected"].as_str() {
        let _ = writeln!(io::stderr().lock(), "the file of overrides is refused; what it said before stays:\n{why}");
    }
    Ok(())
}

fn clear(agent: &Agent, ids: &[String], author: Option<String>) -> Result<(), CallError> {
    let author = author.filter(|author| !author.is_empty()).unwrap_or_else(set::caller);
    if ids.is_empty() {
        let answer = agent.call(Method::DELETE, "", None, Some(&author))?;
        warn(&answer);
        let cleared = answer["cleared"].as_array().map(Vec::as_slice).unwrap_or_default();
        let ids: Vec<&str> = cleared.iter().map(|entry| word(&entry["id"])).collect();
        print(&if ids.is_empty() { "nothing was set".to_owned() } else { format!("{} cleared", ids.join(", ")) });
        return Ok(());
    }
    // One that is refused does not keep the others from being cleared.
    let mut refused = Ok(());
    for id in ids {
        match agent.call(Method::DELETE, &format!("/{}", call::encoded(id)), None, Some(&author)) {
            Ok(_) => print(&format!("{id} cleared")),
            Err(CallError::Refused(why)) => refused = Err(join(refused, why)),
            Err(error) => return Err(error),
        }
    }
    refused
}

fn join(refused: Result<(), CallError>, why: String) -> CallError {
    match refused {
        Err(CallError::Refused(before)) => CallError::Refused(format!("{before}\n{why}")),
        _ => CallError::Refused(why),
    }
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}

fn warn(answer: &Value) {
    for warning in answer["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        let _ = writeln!(io::stderr().lock(), "warning: {warning}");
    }
}

/// Where nobody reads it any more, nobody misses it.
fn print(text: &str) {
    let _ = writeln!(io::stdout().lock(), "{text}");
}
