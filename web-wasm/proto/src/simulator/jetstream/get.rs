//! Messages that are got by number or subject.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use data_encoding::BASE64;
use serde::Deserialize;
use serde_json::{Value, json};

use super::outgoing::{Outgoing, with_headers};
use super::refusal::Refusal;
use super::stream::{Stored, Stream};
use crate::jetstream::{DateTime, headers};
use crate::subject::{self, Subject};

/// Which messages are wanted.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    seq: u64,
    last_by_subj: String,
    next_by_subj: String,
    batch: usize,
    start_time: Option<DateTime>,
    multi_last: Vec<String>,
    up_to_seq: u64,
}

impl Wanted {
    /// The last message of a subject.
    pub(super) fn last(subject: &str) -> Self {
        Self { last_by_subj: subject.into(), ..Self::default() }
    }

    fn is_empty(&self) -> bool {
        self.seq == 0
            && self.last_by_subj.is_empty()
            && self.next_by_subj.is_empty()
            && self.start_time.is_none()
            && self.multi_last.is_empty()
    }

    fn is_many(&self) -> bool {
        self.batch > 0 || !self.multi_last.is_empty()
    }
}

impl Stream {
    fn find(&self, wanted: &Wanted) -> Option<(u64, &Stored)> {
        let number = match wanted {
            Wanted { last_by_subj, .. } if !last_by_subj.is_empty() => {
                self.last_of(last_by_subj)?
            }
            Wanted { next_by_subj, .. } if !next_by_subj.is_empty() => {
                self.numbers(next_by_subj).find(|number| *number >= wanted.seq)?
            }
            Wanted { start_time: Some(time), .. } => {
                let mut messages = self.messages.iter();
                *messages.find(|(_, message)| message.time >= *time)?.0
            }
            Wanted { seq, .. } => *seq,
        };
        self.messages.get(&number).map(|message| (number, message))
    }

    /// The leader's answer.
    pub(super) fn get(&self, wanted: &Wanted) -> Result<Value, Refusal> {
        if wanted.is_empty() {
            return Err(Refusal::bad_request());
        }
        let (number, message) = self.find(wanted).ok_or_else(Refusal::no_message)?;
        let mut found = json!({
            "subject": message.subject.as_str(),
            "seq": number,
            "data": BASE64.encode(&message.payload),
            "time": message.time.to_string(),
        });
        if let Some(headers) = &message.headers {
            found["hdrs"] = json!(BASE64.encode(headers));
        }
        Ok(json!({ "message": found }))
    }

    /// The answers of whichever server has the messages.
    pub(super) fn get_directly(&self, wanted: &Wanted, to: &Subject, out: &mut Vec<Outgoing>) {
        let status = |line: &str| Outgoing::status(to.clone(), line);
        if wanted.is_empty() && wanted.batch == 0 {
            return out.push(status("408 Empty Request"));
        }
        if wanted.is_many() {
            return self.get_many(wanted, to, out);
        }
        match self.find(wanted) {
            Some((number, message)) => out.push(self.direct(to, number, message, None)),
            None => out.push(status("404 Message Not Found")),
        }
    }

    fn get_many(&self, wanted: &Wanted, to: &Subject, out: &mut Vec<Outgoing>) {
        let numbers = self.wanted_numbers(wanted);
        if numbers.is_empty() {
            return out.push(Outgoing::status(to.clone(), "404 No Results"));
        }
        let most = if wanted.batch == 0 { numbers.len() } else { wanted.batch };
        let (mut before, mut pending) = (0, numbers.len());
        for &number in numbers.iter().take(most) {
            let Some(message) = self.messages.get(&number) else { continue };
            pending -= 1;
            out.push(self.direct(to, number, message, Some((pending, before))));
            before = number;
        }
        let mut end = alloc::format!(
            "204 EOB\r\n{}: {pending}\r\n{}: {before}",
            headers::NUM_PENDING,
            headers::LAST_SEQUENCE
        );
        if !wanted.multi_last.is_empty() {
            let up_to = if wanted.up_to_seq == 0 { self.last } else { wanted.up_to_seq };
            end += &alloc::format!("\r\n{}: {up_to}", headers::UP_TO_SEQUENCE);
        }
        out.push(Outgoing::status(to.clone(), &end));
    }

    fn wanted_numbers(&self, wanted: &Wanted) -> Vec<u64> {
        let up_to = if wanted.up_to_seq == 0 { u64::MAX } else { wanted.up_to_seq };
        if wanted.multi_last.is_empty() {
            let after = |message: &Stored| wanted.start_time.is_none_or(|at| message.time >= at);
            let numbers = self.numbers(&wanted.next_by_subj);
            return numbers
                .filter(|number| *number >= wanted.seq && after(&self.messages[number]))
                .collect();
        }
        let matches = |message: &Stored| {
            wanted.multi_last.iter().any(|pattern| subject::matches(pattern, &message.subject))
        };
        let mut last = alloc::collections::BTreeMap::new();
        for (&number, message) in self.messages.range(..=up_to) {
            if matches(message) {
                last.insert(message.subject.clone(), number);
            }
        }
        let mut numbers: Vec<u64> = last.into_values().collect();
        numbers.retain(|number| *number >= wanted.seq);
        numbers.sort_unstable();
        numbers
    }

    /// A message as the answer to a direct request, with the place it has among several.
    fn direct(
        &self,
        to: &Subject,
        number: u64,
        message: &Stored,
        place: Option<(usize, u64)>,
    ) -> Outgoing {
        let mut more: Vec<(&str, &dyn ToString)> = Vec::from([
            (headers::STREAM, &self.config.name as &dyn ToString),
            (headers::SUBJECT, &message.subject),
            (headers::SEQUENCE, &number),
            (headers::TIME_STAMP, &message.time),
        ]);
        if let Some((pending, before)) = &place {
            more.push((headers::NUM_PENDING, pending));
            more.push((headers::LAST_SEQUENCE, before));
        }
        let mut outgoing = Outgoing::answer(to.clone(), message.payload.clone());
        outgoing.publication.headers = Some(with_headers(message.headers.as_ref(), &more));
        outgoing
    }
}
