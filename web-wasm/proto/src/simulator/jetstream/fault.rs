//! What JetStream does wrongly.

/// How JetStream misbehaves. The default is not at all.
///
/// Chances are in a thousand. What else may happen to it is done to it:
/// [`JetStream::change_leader`](super::JetStream::change_leader) and the like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Nobody listens: who asks or publishes is told so by the server itself.
    pub absent: bool,
    /// Requests, messages and acknowledgements are heard, and nothing becomes of them.
    pub deaf: bool,
    /// Consumers deliver nothing, end no request and send no heartbeat.
    pub stalls: bool,
    /// How many messages are lost before they are stored.
    pub loses_messages: u32,
    /// How many messages are stored, and the confirmation is lost.
    pub loses_confirmations: u32,
    /// How many requests to the API are done, and the answer is lost.
    pub loses_answers: u32,
    /// How many acknowledgements of delivered messages are lost.
    pub loses_acknowledgements: u32,
}

/// Whether something with a chance in a thousand happens.
pub(super) fn happens(rng: &mut fastrand::Rng, chance: u32) -> bool {
    chance > 0 && rng.u32(0..1_000) < chance
}
