//! Messages that streams store.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::json;

use super::clock::Clock;
use super::outgoing::{Outgoing, parse_headers};
use super::refusal::Refusal;
use super::stream::{Stored, Stream};
use crate::header::HeaderMap;
use crate::jetstream::stream::DiscardPolicy;
use crate::jetstream::{ErrorCode, headers};
use crate::simulator::Publication;

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Stored(u64),
    Duplicate(u64),
}

/// What a message deletes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rollup {
    Subject,
    All,
}

impl Stream {
    /// Takes a message that it stores, unless it has it or refuses it.
    pub(super) fn take(
        &mut self,
        clock: Clock,
        publication: &Publication,
    ) -> Result<Outcome, Refusal> {
        let headers = parse_headers(publication.headers.as_ref());
        self.check_expectations(&headers, &publication.subject)?;
        let id = headers.get(headers::MESSAGE_ID).map(ToString::to_string);
        if let Some((number, _)) = id.as_ref().and_then(|id| self.ids.get(id)) {
            return Ok(Outcome::Duplicate(*number));
        }
        self.check_last_id(&headers)?;
        let message = Stored::new(
            publication.subject.clone(),
            publication.headers.clone(),
            publication.payload.clone(),
            (clock.date(), clock.now),
        );
        self.check_size(&message)?;
        let rollup = self.rollup(&headers)?;
        self.check_room(&message)?;
        let number = self.store(message);
        if let Some(id) = &id {
            self.ids.insert(id.clone(), (number, clock.now + self.config.duplicate_window));
        }
        self.last_id = id.unwrap_or_default();
        match rollup {
            Some(Rollup::Subject) => drop(self.purge(&publication.subject, None, 1)),
            Some(Rollup::All) => drop(self.purge("", None, 1)),
            None => {}
        }
        Ok(Outcome::Stored(number))
    }

    /// The server looks at numbers before it looks at ids.
    fn check_expectations(&self, headers: &HeaderMap, subject: &str) -> Result<(), Refusal> {
        if headers.get(headers::EXPECTED_STREAM).is_some_and(|name| *name != *self.config.name) {
            let words = "expected stream does not match";
            return Err(Refusal::new(400, ErrorCode::STREAM_NOT_MATCH, words));
        }
        if headers.get(headers::MESSAGE_TTL).is_some() {
            let words = "per-message TTL is disabled";
            return Err(Refusal::new(400, ErrorCode::MESSAGE_TTL_DISABLED, words));
        }
        let number = |name| headers.get(name).and_then(|value| value.parse::<u64>().ok());
        let of_subject = headers
            .get(headers::EXPECTED_LAST_SUBJECT_SEQUENCE_SUBJECT)
            .map_or(subject, |pattern| pattern);
        let wrong = |last| {
            let words = format!("wrong last sequence: {last}");
            Err(Refusal::new(400, ErrorCode::STREAM_WRONG_LAST_SEQUENCE, words))
        };
        if let Some(expected) = number(headers::EXPECTED_LAST_SEQUENCE)
            && expected != self.last
        {
            return wrong(self.last);
        }
        if let Some(expected) = number(headers::EXPECTED_LAST_SUBJECT_SEQUENCE) {
            let last = self.last_of(of_subject).unwrap_or(0);
            if expected != last {
                return wrong(last);
            }
        }
        Ok(())
    }

    fn check_last_id(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        match headers.get(headers::EXPECTED_LAST_MESSAGE_ID) {
            Some(expected) if *expected != *self.last_id => {
                let words = format!("wrong last msg ID: {}", self.last_id);
                Err(Refusal::new(400, ErrorCode::STREAM_WRONG_LAST_MESSAGE_ID, words))
            }
            _ => Ok(()),
        }
    }

    fn rollup(&self, headers: &HeaderMap) -> Result<Option<Rollup>, Refusal> {
        let failed = |words: &str| Refusal::new(500, ErrorCode::STREAM_ROLLUP_FAILED, words);
        let Some(rollup) = headers.get(headers::ROLLUP) else { return Ok(None) };
        if !self.config.allow_rollup || self.config.deny_purge {
            return Err(failed("rollup not permitted"));
        }
        match rollup.as_str() {
            "sub" => Ok(Some(Rollup::Subject)),
            "all" => Ok(Some(Rollup::All)),
            other => Err(failed(&format!("rollup value invalid: \"{other}\""))),
        }
    }

    fn check_size(&self, message: &Stored) -> Result<(), Refusal> {
        if usize::try_from(self.config.max_message_size).is_ok_and(|max| message.len() > max) {
            let words = "message size exceeds maximum allowed";
            return Err(Refusal::new(400, ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM, words));
        }
        Ok(())
    }

    fn check_room(&self, message: &Stored) -> Result<(), Refusal> {
        if self.config.discard == DiscardPolicy::Old {
            return Ok(());
        }
        let full = |words: &str| Err(Refusal::new(503, ErrorCode::STREAM_STORE_FAILED, words));
        let count = self.messages.len() as u64;
        if u64::try_from(self.config.max_messages).is_ok_and(|max| count >= max) {
            // One that displaces another of its subject takes no more room.
            let per_subject = u64::try_from(self.config.max_messages_per_subject);
            if !per_subject.is_ok_and(|max| self.count(&message.subject) >= max) {
                return full("maximum messages exceeded");
            }
        }
        let bytes = self.bytes() + self.size_of(message);
        if u64::try_from(self.config.max_bytes).is_ok_and(|max| bytes > max) {
            return full("maximum bytes exceeded");
        }
        Ok(())
    }
}

/// The confirmation of a message, or why there is none.
pub(super) fn confirmation(
    stream: &str,
    outcome: &Result<Outcome, Refusal>,
    publication: &Publication,
) -> Option<Outgoing> {
    let to = publication.reply.clone()?;
    let body = match outcome {
        Ok(Outcome::Stored(number)) => json!({ "stream": stream, "seq": number }),
        Ok(Outcome::Duplicate(number)) => {
            json!({ "stream": stream, "seq": number, "duplicate": true })
        }
        Err(refusal) => json!({ "error": refusal.to_json(), "stream": stream, "seq": 0 }),
    };
    let text: String = body.to_string();
    Some(Outgoing::answer(to, Vec::from(text)))
}
