//! What the page shows.

use std::collections::VecDeque;

use leptos::prelude::*;

/// How many lines a list keeps: a page may be open for days.
const LINES: usize = 100;

/// The connection, as far as a visitor is concerned.
#[derive(Clone, PartialEq)]
pub(crate) enum State {
    Connecting,
    Connected { server: String },
    Reconnecting,
    Closed,
}

#[derive(Clone)]
pub(crate) enum Line {
    /// A message, and who published it if that is told.
    Message { who: Option<String>, text: String },
    /// That messages are missing here, and why.
    Note(String),
}

/// The newest lines, the newest first, each with a number of its own.
#[derive(Clone, Copy)]
pub(crate) struct Lines(RwSignal<VecDeque<(u64, Line)>>);

impl Lines {
    pub(crate) fn add(self, line: Line) {
        self.0.update(|lines| {
            let number = lines.front().map_or(0, |(newest, _)| newest + 1);
            lines.push_front((number, line));
            lines.truncate(LINES);
        });
    }

    pub(crate) fn get(self) -> VecDeque<(u64, Line)> {
        self.0.get()
    }
}

/// Signals, which are copied freely.
#[derive(Clone, Copy)]
pub(crate) struct Page {
    pub(crate) state: RwSignal<State>,
    /// What went wrong; empty while nothing is.
    pub(crate) problem: RwSignal<String>,
    pub(crate) updates: Lines,
    pub(crate) said: Lines,
}

impl Page {
    pub(crate) fn new() -> Self {
        Self {
            state: RwSignal::new(State::Connecting),
            problem: RwSignal::default(),
            updates: Lines(RwSignal::default()),
            said: Lines(RwSignal::default()),
        }
    }
}
