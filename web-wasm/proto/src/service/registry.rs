//! What a running service knows of itself.

use alloc::collections::BTreeMap;
use alloc::string::String;
use core::time::Duration;

use super::documents::{
    Document, EndpointSchema, Info, PingResponse, Schema, SchemaResponse, Stats,
};
use super::endpoint::{self, Tally};
use super::error::Error;
use crate::jetstream::DateTime;

/// One instance of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The name that all instances share; see [`validate_name`](super::validate_name).
    pub name: String,
    /// The instance's own id: one token, which no other instance has.
    pub id: String,
    /// See [`validate_version`](super::validate_version).
    pub version: String,
    /// What it is for, in words for people.
    pub description: String,
    /// What its author says of it besides.
    pub metadata: BTreeMap<String, String>,
}

/// An endpoint of a service; unique within its [`Registry`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EndpointId(u64);

/// A service's endpoints and what they have done. It reads no clock: how long something took is
/// told to it.
///
/// ```
/// use core::time::Duration;
/// use nats_proto::jetstream::DateTime;
/// use nats_proto::service::{Identity, Registry, endpoint};
///
/// let identity = Identity { name: "products".into(), ..Identity::default() };
/// let mut registry = Registry::new(identity, DateTime::UNIX_EPOCH);
/// let get = registry.add(endpoint::Info { name: "get".into(), ..Default::default() }, None);
/// registry.requested(get);
/// registry.took(get, Duration::from_millis(3));
/// let stats = registry.stats();
/// assert_eq!((stats.endpoints[0].requests, stats.endpoints[0].errors), (1, 0));
/// ```
#[derive(Debug)]
pub struct Registry {
    identity: Identity,
    started: DateTime,
    endpoints: BTreeMap<EndpointId, Endpoint>,
    last: u64,
}

#[derive(Debug)]
struct Endpoint {
    info: endpoint::Info,
    schema: Option<Schema>,
    tally: Tally,
}

impl Registry {
    /// An instance that began at `started` and has no endpoints yet.
    pub fn new(identity: Identity, started: DateTime) -> Self {
        Self { identity, started, endpoints: BTreeMap::new(), last: 0 }
    }

    /// Which instance it is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Takes in an endpoint, and what it takes and gives if that is known.
    pub fn add(&mut self, info: endpoint::Info, schema: Option<Schema>) -> EndpointId {
        self.last += 1;
        let id = EndpointId(self.last);
        self.endpoints.insert(id, Endpoint { info, schema, tally: Tally::default() });
        id
    }

    /// An endpoint is no more. Does nothing for one that is not there.
    pub fn remove(&mut self, id: EndpointId) {
        self.endpoints.remove(&id);
    }

    /// An endpoint got a request.
    pub fn requested(&mut self, id: EndpointId) {
        self.tally(id, Tally::requested);
    }

    /// An endpoint was busy with a request, for so long since it got it, or since it was last told.
    pub fn took(&mut self, id: EndpointId, time: Duration) {
        self.tally(id, |tally| tally.took(time));
    }

    /// An endpoint answered with an error, or refused a request for one.
    pub fn failed(&mut self, id: EndpointId, error: Error) {
        self.tally(id, |tally| tally.failed(error));
    }

    fn tally(&mut self, id: EndpointId, count: impl FnOnce(&mut Tally)) {
        if let Some(endpoint) = self.endpoints.get_mut(&id) {
            count(&mut endpoint.tally);
        }
    }

    /// Counts from zero again, from `now` on.
    pub fn reset(&mut self, now: DateTime) {
        self.started = now;
        for endpoint in self.endpoints.values_mut() {
            endpoint.tally = Tally::default();
        }
    }

    /// The answer to PING.
    pub fn ping(&self) -> PingResponse {
        let Identity { name, id, version, metadata, .. } = self.identity.clone();
        PingResponse { kind: PingResponse::KIND.into(), name, id, version, metadata }
    }

    /// The answer to INFO.
    pub fn info(&self) -> Info {
        let Identity { name, id, version, description, metadata } = self.identity.clone();
        let endpoints = self.endpoints.values().map(|endpoint| endpoint.info.clone()).collect();
        let kind = Info::KIND.into();
        Info { kind, name, id, version, metadata, description, endpoints }
    }

    /// The answer to STATS, in which no endpoint has data of its author's.
    pub fn stats(&self) -> Stats {
        let Identity { name, id, version, metadata, .. } = self.identity.clone();
        let endpoints = self.endpoints.values();
        let endpoints = endpoints.map(|endpoint| endpoint.tally.report(&endpoint.info)).collect();
        let (kind, started) = (Stats::KIND.into(), self.started);
        Stats { kind, name, id, version, metadata, started, endpoints }
    }

    /// The answer to SCHEMA.
    pub fn schema(&self) -> SchemaResponse {
        let Identity { name, id, version, metadata, .. } = self.identity.clone();
        let schema = |endpoint: &Endpoint| EndpointSchema {
            name: endpoint.info.name.clone(),
            subject: endpoint.info.subject.clone(),
            schema: endpoint.schema.clone(),
        };
        let endpoints = self.endpoints.values().map(schema).collect();
        let kind = SchemaResponse::KIND.into();
        SchemaResponse { kind, name, id, version, metadata, endpoints }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::DocumentError;
    use alloc::string::ToString;
    use alloc::vec;
    use alloc::vec::Vec;
    use serde_json::json;

    fn registry() -> (Registry, EndpointId) {
        let identity = Identity {
            name: "products".into(),
            id: "I1".into(),
            version: "1.0.0".into(),
            description: "what there is".into(),
            metadata: [("region".into(), "eu".into())].into(),
        };
        let mut registry = Registry::new(identity, DateTime::UNIX_EPOCH);
        let info = endpoint::Info {
            name: "get".into(),
            subject: "v1.get".into(),
            queue_group: "q".into(),
            metadata: BTreeMap::new(),
        };
        let id = registry.add(info, None);
        (registry, id)
    }

    fn json<T: Document>(document: &T) -> serde_json::Value {
        serde_json::from_slice(&document.write()).unwrap()
    }

    #[test]
    fn documents_have_the_shape_of_the_specification() {
        let (mut registry, get) = registry();
        registry.requested(get);
        registry.requested(get);
        registry.took(get, Duration::from_nanos(5));
        registry.failed(get, Error { code: 404, status: "none: such".into() });
        let standard = |kind: &str, rest: serde_json::Value| {
            let mut document = json!({
                "type": kind, "name": "products", "id": "I1", "version": "1.0.0",
                "metadata": {"region": "eu"},
            });
            let rest = rest.as_object().unwrap().clone();
            document.as_object_mut().unwrap().extend(rest);
            document
        };
        let ping = standard("io.nats.micro.v1.ping_response", json!({}));
        assert_eq!(json(&registry.ping()), ping);
        let info = json!({
            "description": "what there is",
            "endpoints": [
                {"name": "get", "subject": "v1.get", "queue_group": "q", "metadata": {}},
            ],
        });
        let info = standard("io.nats.micro.v1.info_response", info);
        assert_eq!(json(&registry.info()), info);
        let stats = json!({
            "started": "1970-01-01T00:00:00Z",
            "endpoints": [{
                "name": "get", "subject": "v1.get", "queue_group": "q",
                "num_requests": 2, "num_errors": 1, "last_error": "404:none: such",
                "processing_time": 5, "average_processing_time": 2,
            }],
        });
        let stats = standard("io.nats.micro.v1.stats_response", stats);
        assert_eq!(json(&registry.stats()), stats);
        let request = json!({"type": "string"});
        let schema = Schema { request: request.clone(), response: json!(null) };
        registry.add(endpoint::Info { name: "put".into(), ..Default::default() }, Some(schema));
        let schema = json!({
            "endpoints": [
                {"name": "get", "subject": "v1.get"},
                {"name": "put", "subject": "", "schema": {"request": request, "response": null}},
            ],
        });
        let schema = standard("io.nats.micro.v1.schema_response", schema);
        assert_eq!(json(&registry.schema()), schema);
    }

    #[test]
    fn what_is_written_is_read() {
        let (mut registry, get) = registry();
        registry.requested(get);
        registry.took(get, Duration::from_millis(1));
        registry.failed(get, Error { code: 0, status: "a:b".into() });
        assert_eq!(PingResponse::read(&registry.ping().write()), Ok(registry.ping()));
        assert_eq!(Info::read(&registry.info().write()), Ok(registry.info()));
        assert_eq!(SchemaResponse::read(&registry.schema().write()), Ok(registry.schema()));
        let mut stats = registry.stats();
        assert_eq!(Stats::read(&stats.write()), Ok(stats.clone()));
        stats.endpoints[0].data = Some(json!({"cache": [1, 2]}));
        assert_eq!(Stats::read(&stats.write()), Ok(stats));
    }

    #[test]
    fn what_others_leave_out_or_write_as_null_is_read() {
        let ping = br#"{"type":"io.nats.micro.v1.ping_response","name":"a","id":"b","version":"1.0.0","metadata":null}"#;
        assert_eq!(PingResponse::read(ping).unwrap().metadata, BTreeMap::new());
        let info = br#"{"type":"io.nats.micro.v1.info_response","name":"a","id":"b","version":"1.0.0","endpoints":null}"#;
        assert_eq!(Info::read(info).unwrap().endpoints, vec![]);
        let stats = br#"{"type":"io.nats.micro.v1.stats_response","name":"a","id":"b","version":"1.0.0",
            "started":"2026-01-02T03:04:05.6Z","endpoints":[{"name":"e","subject":"s","last_error":"oh"}]}"#;
        let stats = Stats::read(stats).unwrap();
        assert_eq!(stats.started.to_string(), "2026-01-02T03:04:05.6Z");
        let error = Error { code: 0, status: "oh".into() };
        assert_eq!(
            (stats.endpoints[0].requests, &stats.endpoints[0].last_error),
            (0, &Some(error))
        );
    }

    #[test]
    fn what_is_another_document_is_refused() {
        let (registry, _) = registry();
        let expected = PingResponse::KIND;
        let found = Info::KIND.into();
        let other = PingResponse::read(&registry.info().write());
        assert_eq!(other, Err(DocumentError::OtherKind { expected, found }));
        for broken in ["", "{}", "[]", "null", "{\"type\":7}", "\u{fffd}"] {
            let broken = PingResponse::read(broken.as_bytes());
            assert!(matches!(broken, Err(DocumentError::Malformed(_))), "{broken:?}");
        }
    }

    #[test]
    fn endpoints_of_one_name_are_counted_apart_and_reset() {
        let (mut registry, get) = registry();
        let again = registry.add(registry.info().endpoints[0].clone(), None);
        registry.requested(again);
        registry.failed(again, Error { code: 1, status: "x".into() });
        let counted = |registry: &Registry| {
            let endpoints = registry.stats().endpoints;
            endpoints.iter().map(|stats| (stats.requests, stats.errors)).collect::<Vec<_>>()
        };
        assert_eq!(counted(&registry), [(0, 0), (1, 1)]);
        let later = DateTime::from_unix_time(Duration::from_secs(1));
        registry.reset(later);
        assert_eq!(counted(&registry), [(0, 0), (0, 0)]);
        assert_eq!(
            (registry.stats().started, registry.stats().endpoints[1].clone().last_error),
            (later, None)
        );
        registry.remove(get);
        registry.requested(get);
        assert_eq!(counted(&registry), [(0, 0)]);
    }
}
