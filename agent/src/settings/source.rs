//! Where a setting was given.

/// Where a setting was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// On the command line.
    Flag,
    /// In the environment.
    Variable,
    /// In the file.
    File {
        /// The file's name as it was given.
        path: String,
        /// Counted from 1, where it is known.
        line: Option<usize>,
    },
    /// Nowhere.
    Default,
}

impl Source {
    /// What to call the setting `flag` there, so that an operator finds it.
    pub fn name(&self, flag: &str) -> String {
        match self {
            Self::Flag => format!("--{flag}"),
            Self::Variable => variable(flag),
            Self::File { path, line: Some(line) } => format!("{path}:{line}: {flag}"),
            Self::File { path, line: None } => format!("{path}: {flag}"),
            Self::Default => format!("the default of --{flag}"),
        }
    }
}

/// The variable of a flag: `HELIUS_AGENT_LISTEN` of `listen`.
fn variable(flag: &str) -> String {
    format!("HELIUS_AGENT_{}", flag.replace('-', "_").to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_called_what_it_is_called_there() {
        let file = Source::File { path: "agent.yaml".to_owned(), line: Some(3) };
        assert_eq!(file.name("drain"), "agent.yaml:3: drain");
        assert_eq!(Source::Flag.name("app-probe"), "--app-probe");
        assert_eq!(Source::Variable.name("app-probe"), "HELIUS_AGENT_APP_PROBE");
    }
}
