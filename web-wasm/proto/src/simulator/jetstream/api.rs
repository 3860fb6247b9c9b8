//! The requests of the API, and what is answered.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::get::Wanted;
use super::outgoing::Outgoing;
use super::refusal::Refusal;
use super::stream::Stream;
use super::{JetStream, config, fault};
use crate::jetstream::ErrorCode;
use crate::jetstream::stream::{Config, StorageType};
use crate::simulator::Publication;

/// How many names and how many infos a page has.
const NAMES: usize = 1_024;
const INFOS: usize = 256;

#[derive(Default, Deserialize)]
#[serde(default)]
struct InfoRequest {
    deleted_details: bool,
    subjects_filter: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ListRequest {
    pub(super) offset: usize,
    subject: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PurgeRequest {
    seq: Option<u64>,
    filter: String,
    keep: u64,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct DeleteRequest {
    seq: u64,
}

/// Reads the body of a request; none asks for the defaults.
pub(super) fn read<T: Default + DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    match body {
        [] => Ok(T::default()),
        body => serde_json::from_slice(body).map_err(|problem| Refusal::invalid_json(&problem)),
    }
}

/// One page of a list.
pub(super) fn page(name: &str, entries: &[Value], offset: usize, limit: usize) -> Value {
    let page: Vec<&Value> = entries.iter().skip(offset).take(limit).collect();
    json!({ "total": entries.len(), "offset": offset, "limit": limit, name: page })
}

impl JetStream {
    /// Answers a request; `tokens` is its subject without the API's prefix.
    pub(super) fn answer(&mut self, tokens: &[&str], request: &Publication) {
        let body = &request.payload;
        let (kind, result) = match *tokens {
            ["INFO"] => ("account_info", Ok(self.account())),
            ["STREAM", "CREATE", name] => ("stream_create", self.create_stream(name, body)),
            ["STREAM", "UPDATE", name] => ("stream_update", self.update_stream(name, body)),
            ["STREAM", "INFO", name] => ("stream_info", self.stream_info(name, body)),
            ["STREAM", "DELETE", name] => ("stream_delete", self.remove_stream(name)),
            ["STREAM", "PURGE", name] => ("stream_purge", self.purge_stream(name, body)),
            ["STREAM", "NAMES"] => ("stream_names", self.stream_names(body)),
            ["STREAM", "LIST"] => ("stream_list", self.stream_list(body)),
            ["STREAM", "MSG", "GET", name] => ("stream_msg_get", self.get_message(name, body)),
            ["STREAM", "MSG", "DELETE", name] => {
                ("stream_msg_delete", self.remove_message(name, body))
            }
            ["DIRECT", "GET", name] => return self.get_directly(name, None, request),
            ["DIRECT", "GET", name, ..] => {
                return self.get_directly(name, Some(&tokens[3..].join(".")), request);
            }
            ["CONSUMER", "MSG", "NEXT", stream, consumer] => {
                return self.ask_consumer(stream, consumer, request);
            }
            ["CONSUMER", "CREATE", stream, name, ..] => {
                let filter = tokens.get(4..).filter(|filter| !filter.is_empty());
                let filter = filter.map(|filter| filter.join("."));
                ("consumer_create", self.create_consumer(stream, name, filter.as_deref(), body))
            }
            ["CONSUMER", "INFO", stream, name] => {
                ("consumer_info", self.consumer_info(stream, name))
            }
            ["CONSUMER", "DELETE", stream, name] => {
                ("consumer_delete", self.remove_consumer(stream, name))
            }
            ["CONSUMER", "NAMES", stream] => ("consumer_names", self.consumer_names(stream, body)),
            ["CONSUMER", "LIST", stream] => ("consumer_list", self.consumer_list(stream, body)),
            // The real one does not answer what it does not know, and a test would wait in vain.
            _ => ("unknown", Err(Refusal::not_simulated(&tokens.join(".")))),
        };
        self.calls.0 += 1;
        self.calls.1 += u64::from(result.is_err());
        let mut answer = match result {
            Ok(answer) => answer,
            Err(refusal) => json!({ "error": refusal.to_json() }),
        };
        answer["type"] = format!("io.nats.jetstream.api.v1.{kind}_response").into();
        let Some(to) = &request.reply else { return };
        if !fault::happens(&mut self.rng, self.faults.loses_answers) {
            self.outbox.push(Outgoing::answer(to.clone(), answer.to_string()));
        }
    }

    pub(super) fn stream_of(&mut self, name: &str) -> Result<&mut Stream, Refusal> {
        self.streams.get_mut(name).ok_or_else(Refusal::stream_not_found)
    }

    fn account(&self) -> Value {
        let of = |storage| {
            let streams = self.streams.values();
            let streams = streams.filter(|stream| stream.config.storage == storage);
            streams.map(Stream::bytes).sum::<u64>()
        };
        json!({
            "memory": of(StorageType::Memory),
            "storage": of(StorageType::File),
            "streams": self.streams.len(),
            "consumers": self.streams.values().map(|stream| stream.consumers.len()).sum::<usize>(),
            "limits": { "max_memory": -1, "max_storage": -1, "max_streams": -1,
                "max_consumers": -1, "max_ack_pending": -1, "memory_max_stream_bytes": -1,
                "storage_max_stream_bytes": -1, "max_bytes_required": false },
            "api": { "level": 5, "total": self.calls.0, "errors": self.calls.1 },
        })
    }

    /// The configuration that a request asks for, with what the server chooses.
    fn configured(&self, name: &str, body: &[u8]) -> Result<Config, Refusal> {
        let asked: Config = read(body)?;
        if asked.name != name {
            let words = "stream name in subject does not match request";
            return Err(Refusal::new(400, ErrorCode::STREAM_MISMATCH, words));
        }
        let config = config::stream(asked)?;
        let mut others = self.streams.iter().filter(|(other, _)| *other != name);
        let overlaps = others.any(|(_, other)| {
            let theirs = &other.config.subjects;
            config.subjects.iter().any(|own| theirs.iter().any(|other| overlap(own, other)))
        });
        if overlaps && !self.streams.contains_key(name) {
            let words = "subjects overlap with an existing stream";
            return Err(Refusal::new(400, ErrorCode::STREAM_SUBJECT_OVERLAP, words));
        }
        Ok(config)
    }

    fn create_stream(&mut self, name: &str, body: &[u8]) -> Result<Value, Refusal> {
        let config = self.configured(name, body)?;
        let stream = match self.streams.remove(name) {
            None => Stream::new(config, self.clock.date()),
            Some(stream) if stream.config == config => stream,
            Some(stream) => {
                self.streams.insert(name.into(), stream);
                let words = "stream name already in use with a different configuration";
                return Err(Refusal::new(400, ErrorCode::STREAM_NAME_EXIST, words));
            }
        };
        let mut info = self.described(&stream, None);
        // It is said of one that was there, too.
        info["did_create"] = json!(true);
        self.streams.insert(name.into(), stream);
        Ok(info)
    }

    fn update_stream(&mut self, name: &str, body: &[u8]) -> Result<Value, Refusal> {
        self.stream_of(name)?;
        let config = self.configured(name, body)?;
        let stream = self.stream_of(name)?;
        if stream.config.storage != config.storage {
            let words = "stream configuration update can not change storage type";
            return Err(Refusal::new(500, ErrorCode::STREAM_INVALID_CONFIG, words));
        }
        stream.reconfigure(config);
        let stream = self.streams.get(name).ok_or_else(Refusal::stream_not_found)?;
        Ok(self.described(stream, None))
    }

    /// What is said of a stream; who did not ask how it is gets no details.
    fn described(&self, stream: &Stream, asked: Option<&InfoRequest>) -> Value {
        let filter = asked.and_then(|asked| asked.subjects_filter.as_deref());
        let details = asked.is_some_and(|asked| asked.deleted_details);
        json!({
            "config": stream.config,
            "created": stream.created.to_string(),
            "state": stream.state(details, filter),
            "ts": self.clock.date().to_string(),
        })
    }

    fn stream_info(&mut self, name: &str, body: &[u8]) -> Result<Value, Refusal> {
        let asked: InfoRequest = read(body)?;
        let stream = self.streams.get(name).ok_or_else(Refusal::stream_not_found)?;
        let mut info = self.described(stream, Some(&asked));
        let subjects = info["state"]["subjects"].as_object().map_or(0, serde_json::Map::len);
        info["total"] = json!(subjects);
        Ok(info)
    }

    fn remove_stream(&mut self, name: &str) -> Result<Value, Refusal> {
        self.stream_of(name)?;
        self.delete_stream(name);
        Ok(json!({ "success": true }))
    }

    fn purge_stream(&mut self, name: &str, body: &[u8]) -> Result<Value, Refusal> {
        let asked: PurgeRequest = read(body)?;
        let stream = self.stream_of(name)?;
        if stream.config.deny_purge {
            let words = "stream purge not permitted";
            return Err(Refusal::new(500, ErrorCode::STREAM_PURGE_FAILED, words));
        }
        let purged = stream.purge(&asked.filter, asked.seq, asked.keep);
        Ok(json!({ "success": true, "purged": purged }))
    }

    fn listed(&self, asked: &ListRequest) -> impl Iterator<Item = &Stream> {
        let wanted = asked.subject.clone();
        self.streams.values().filter(move |stream| {
            let mut subjects = stream.config.subjects.iter();
            wanted.as_ref().is_none_or(|wanted| subjects.any(|own| overlap(own, wanted)))
        })
    }

    fn stream_names(&self, body: &[u8]) -> Result<Value, Refusal> {
        let asked: ListRequest = read(body)?;
        let names: Vec<Value> = self.listed(&asked).map(|one| json!(one.config.name)).collect();
        Ok(page("streams", &names, asked.offset, NAMES))
    }

    fn stream_list(&self, body: &[u8]) -> Result<Value, Refusal> {
        let asked: ListRequest = read(body)?;
        let infos: Vec<Value> =
            self.listed(&asked).map(|stream| self.described(stream, None)).collect();
        Ok(page("streams", &infos, asked.offset, INFOS))
    }

    fn get_message(&mut self, name: &str, body: &[u8]) -> Result<Value, Refusal> {
        let wanted: Wanted = read(body)?;
        self.stream_of(name)?.get(&wanted)
    }

    fn remove_message(&mut self, name: &str, body: &[u8]) -> Result<Value, Refusal> {
        let DeleteRequest { seq } = read(body)?;
        let stream = self.stream_of(name)?;
        if stream.config.deny_delete || seq > stream.last {
            let words = "message delete not permitted";
            return Err(Refusal::new(500, ErrorCode::STREAM_MESSAGE_DELETE_FAILED, words));
        }
        if !stream.remove(seq) {
            let words = format!("sequence {seq} not found");
            return Err(Refusal::new(400, ErrorCode::SEQUENCE_NOT_FOUND, words));
        }
        Ok(json!({ "success": true }))
    }

    fn get_directly(&mut self, name: &str, last_of: Option<&str>, request: &Publication) {
        let (Some(stream), Some(to)) = (self.streams.get(name), &request.reply) else { return };
        match last_of {
            Some(subject) => stream.get_directly(&Wanted::last(subject), to, &mut self.outbox),
            None => match read::<Wanted>(&request.payload) {
                Ok(wanted) => stream.get_directly(&wanted, to, &mut self.outbox),
                Err(_) => self.outbox.push(Outgoing::status(to.clone(), "408 Bad Request")),
            },
        }
    }
}

/// Whether some subject matches both patterns.
pub(super) fn overlap(one: &str, other: &str) -> bool {
    let (mut one, mut other) = (one.split('.'), other.split('.'));
    loop {
        match (one.next(), other.next()) {
            (Some(">"), Some(_)) | (Some(_), Some(">")) | (None, None) => return true,
            (None, _) | (_, None) => return false,
            (Some(a), Some(b)) if a != "*" && b != "*" && a != b => return false,
            _ => {}
        }
    }
}
