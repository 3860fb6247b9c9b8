//! The requests that are about consumers.

use alloc::vec::Vec;

use serde::Deserialize;
use serde_json::{Value, json};

use super::api::{ListRequest, page, read};
use super::consumer::Consumer;
use super::refusal::Refusal;
use super::{JetStream, config};
use crate::jetstream::ErrorCode;
use crate::jetstream::consumer::Config;
use crate::simulator::Publication;

/// How many names and how many infos a page has.
const NAMES: usize = 1_024;
const INFOS: usize = 256;

#[derive(Default, Deserialize)]
#[serde(default)]
struct CreateRequest {
    stream_name: alloc::string::String,
    config: Config,
    action: Action,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Action {
    #[default]
    #[serde(rename = "")]
    CreateOrUpdate,
    Create,
    Update,
}

impl JetStream {
    pub(super) fn create_consumer(
        &mut self,
        stream: &str,
        name: &str,
        filter: Option<&str>,
        body: &[u8],
    ) -> Result<Value, Refusal> {
        let asked: CreateRequest = read(body)?;
        let clock = self.clock;
        if asked.stream_name != stream {
            let words = "stream name in subject does not match request";
            return Err(Refusal::new(400, ErrorCode::STREAM_MISMATCH, words));
        }
        let stream = self.stream_of(stream)?;
        if filter.is_some_and(|filter| filter != asked.config.filter_subject) {
            let words =
                "Consumer create request did not match filtered subject from create subject";
            let code = ErrorCode::CONSUMER_CREATE_FILTER_SUBJECT_MISMATCH;
            return Err(Refusal::new(400, code, words));
        }
        let config = config::consumer(asked.config)?;
        let consumer = match stream.consumers.get(name) {
            Some(consumer) if consumer.config == config => return Ok(consumer.info(stream, clock)),
            Some(_) if asked.action == Action::Create => {
                let words = "consumer already exists";
                return Err(Refusal::new(400, ErrorCode::CONSUMER_ALREADY_EXISTS, words));
            }
            Some(consumer) => updated(consumer, config)?,
            None if asked.action == Action::Update => {
                let words = "consumer does not exist";
                return Err(Refusal::new(400, ErrorCode::CONSUMER_DOES_NOT_EXIST, words));
            }
            None => Consumer::new(name.into(), config, stream, clock),
        };
        let info = consumer.info(stream, clock);
        stream.consumers.insert(name.into(), consumer);
        Ok(info)
    }

    pub(super) fn consumer_info(&mut self, stream: &str, name: &str) -> Result<Value, Refusal> {
        let clock = self.clock;
        let stream = self.stream_of(stream)?;
        let consumer = stream.consumers.get(name).ok_or_else(Refusal::consumer_not_found)?;
        Ok(consumer.info(stream, clock))
    }

    pub(super) fn remove_consumer(&mut self, stream: &str, name: &str) -> Result<Value, Refusal> {
        let stream = self.streams.get_mut(stream).ok_or_else(Refusal::stream_not_found)?;
        let mut consumer = stream.consumers.remove(name).ok_or_else(Refusal::consumer_not_found)?;
        consumer.tell_deleted(&mut self.outbox);
        Ok(json!({ "success": true }))
    }

    pub(super) fn consumer_names(&mut self, stream: &str, body: &[u8]) -> Result<Value, Refusal> {
        let asked: ListRequest = read(body)?;
        let stream = self.stream_of(stream)?;
        let names: Vec<Value> = stream.consumers.keys().map(|name| json!(name)).collect();
        Ok(page("consumers", &names, asked.offset, NAMES))
    }

    pub(super) fn consumer_list(&mut self, stream: &str, body: &[u8]) -> Result<Value, Refusal> {
        let asked: ListRequest = read(body)?;
        let clock = self.clock;
        let stream = self.stream_of(stream)?;
        let infos: Vec<Value> =
            stream.consumers.values().map(|consumer| consumer.info(stream, clock)).collect();
        Ok(page("consumers", &infos, asked.offset, INFOS))
    }

    pub(super) fn ask_consumer(&mut self, stream: &str, name: &str, request: &Publication) {
        let clock = self.clock;
        let (Ok(stream), Some(inbox)) = (self.stream_of(stream), &request.reply) else { return };
        let Some(consumer) = stream.consumers.get_mut(name) else { return };
        let answer = consumer.ask(clock, &request.payload, inbox.clone());
        self.outbox.extend(answer);
    }
}

/// A consumer that goes on with another configuration.
fn updated(consumer: &Consumer, config: Config) -> Result<Consumer, Refusal> {
    let fixed = |what: &str| {
        let words = alloc::format!("{what} can not be updated");
        Refusal::new(500, ErrorCode::CONSUMER_CREATE, words)
    };
    if consumer.config.deliver_policy != config.deliver_policy {
        return Err(fixed("deliver policy"));
    }
    if consumer.config.ack_policy != config.ack_policy {
        return Err(fixed("ack policy"));
    }
    let mut updated = consumer.clone();
    updated.config = config;
    Ok(updated)
}
