/// A way to use a library.
#[derive(Debug)]
pub(crate) struct Contender {
    /// What it is called in the results.
    pub(crate) name: &'static str,
    /// The module of the page that has it.
    pub(crate) library: &'static str,
    /// How it receives.
    pub(crate) how: &'static str,
    /// What it is called where there is nothing to receive, if it then stands for its library.
    pub(crate) elsewhere: Option<&'static str>,
}

impl Contender {
    /// Whether it is the limit that all others are compared with.
    pub(crate) fn is_bare(&self) -> bool {
        self.library == "bare"
    }
}

/// The limit.
pub(crate) const BARE: &str = "bare socket";
/// What is to be beaten, by both of its names.
pub(crate) const RIVAL: [&str; 2] = ["nats.js callback", "nats.js"];

/// All of them, in the order of the tables.
pub(crate) const CONTENDERS: [Contender; 7] = [
    contender(BARE, "bare", "bytes", Some(BARE)),
    contender(RIVAL[0], "natsjs", "callback", Some(RIVAL[1])),
    contender("nats.js iterator", "natsjs", "iterator", None),
    contender("Rust closure", "rust", "handler", Some("Rust")),
    contender("Rust Stream", "rust", "stream", None),
    contender("JS callback", "js", "callback", Some("JS")),
    contender("JS iterator", "js", "iterator", None),
];

const fn contender(
    name: &'static str,
    library: &'static str,
    how: &'static str,
    elsewhere: Option<&'static str>,
) -> Contender {
    Contender { name, library, how, elsewhere }
}
