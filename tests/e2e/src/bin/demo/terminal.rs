//! Where the story is told: with colours and a line that moves on a terminal, in plain lines elsewhere.

use std::io::{IsTerminal, Write, stdout};

/// Back to the first column, and the rest of the line erased.
const AGAIN: &str = "\r\x1b[2K";

/// How a piece of text is to be read.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Style {
    Title,
    Good,
    Degraded,
    Bad,
}

/// Standard output, and what it can show.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terminal {
    moves: bool,
    colours: bool,
}

impl Terminal {
    pub(crate) fn of_stdout() -> Self {
        let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        let moves = stdout().is_terminal() && !is_dumb;
        // https://no-color.org
        Self { moves, colours: moves && !is_set("NO_COLOR") }
    }

    /// Whether a line can be written over.
    pub(crate) const fn moves(self) -> bool {
        self.moves
    }

    /// Whether text can be coloured.
    pub(crate) const fn has_colours(self) -> bool {
        self.colours
    }

    /// A line that stays, in the place of the passing one if there is one.
    pub(crate) fn line(self, text: &str) {
        let again = if self.moves { AGAIN } else { "" };
        // A reader who has left is no reason to stop.
        let _ = writeln!(stdout().lock(), "{again}{text}");
    }

    /// A line that the next one takes the place of; nothing where lines cannot move.
    pub(crate) fn passing_line(self, text: &str) {
        if self.moves {
            let mut stdout = stdout().lock();
            let _ = write!(stdout, "{AGAIN}{text}");
            let _ = stdout.flush();
        }
    }

    pub(crate) fn paint(self, style: Style, text: &str) -> String {
        let code = match style {
            Style::Title => "1",
            Style::Good => "32",
            Style::Degraded => "33",
            Style::Bad => "1;31",
        };
        if self.colours { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}
