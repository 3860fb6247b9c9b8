//! Which objects there are.

use async_nats::StatusCode;
use data_encoding::BASE64URL;
use futures_util::StreamExt;
use serde_json::json;
use tokio::time::timeout;

use super::{error::ReadError, meta::Meta, name::ObjectName, places::Place, store::Store};
use crate::streams::{JetStreamError, jetstream::DEADLINE};

/// Infos asked for at once.
const BATCH: u64 = 256;
/// Infos looked at for one page at most, so that one call is bounded whoever owns what is there.
const MAX_LOOKED_AT: usize = 2048;
/// The status that ends a batch.
const END: u16 = 204;
/// Headers of what is got (ADR-31).
const SEQUENCE: &str = "Nats-Sequence";
const TIME: &str = "Nats-Time-Stamp";
const PENDING: &str = "Nats-Num-Pending";

/// Some of the objects of a bucket, in the order in which they were stored.
#[derive(Debug)]
pub struct Page {
    /// Each with its name.
    pub objects: Vec<(ObjectName, Meta)>,
    /// What to ask with for those after these; `None` if there are none.
    pub next: Option<u64>,
}

impl Store {
    /// Up to `limit` of the objects that were stored after number `after` and are wanted. There may be
    /// fewer, or none, and more after them all the same. Objects with names that no [`ObjectName`] is
    /// are left out. `_place` is held meanwhile.
    ///
    /// # Errors
    /// [`ReadError::JetStream`].
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn list(
        &self,
        after: u64,
        limit: usize,
        wanted: impl Fn(&ObjectName) -> bool,
        _place: Place,
    ) -> Result<Page, ReadError> {
        let mut page = Page { objects: Vec::new(), next: None };
        let (mut last, mut looked_at) = (after, 0);
        loop {
            let batch = self.batch(last.saturating_add(1)).await?;
            for got in &batch.messages {
                if page.objects.len() == limit || looked_at == MAX_LOOKED_AT {
                    page.next = Some(last);
                    return Ok(page);
                }
                looked_at += 1;
                last = got.sequence;
                let Some(name) = self.name_of(&got.subject).filter(&wanted) else { continue };
                match Meta::read(&got.payload, got.sequence, got.time.clone()) {
                    Ok(meta) if meta.is_object() => page.objects.push((name, meta)),
                    // What can't be read is nothing to anybody.
                    Ok(_) | Err(_) => {}
                }
            }
            if batch.is_last {
                return Ok(page);
            }
        }
    }

    /// The name in a subject. What an info says of itself doesn't count.
    fn name_of(&self, subject: &str) -> Option<ObjectName> {
        let pattern = self.layout().all_meta();
        let token = subject.strip_prefix(pattern.strip_suffix('>')?)?;
        let name = BASE64URL.decode(token.as_bytes()).ok()?;
        ObjectName::parse(std::str::from_utf8(&name).ok()?).ok()
    }

    /// The next infos from this number on (ADR-31).
    async fn batch(&self, from: u64) -> Result<Batch, ReadError> {
        let inbox = self.client().new_inbox();
        let failed = |error: &dyn std::error::Error| ReadError::Info(error.to_string().into());
        let mut answers =
            self.client().subscribe(inbox.clone()).await.map_err(|error| failed(&error))?;
        let body = json!({ "seq": from, "batch": BATCH, "next_by_subj": self.layout().all_meta() });
        self.client()
            .publish_with_reply(self.api("DIRECT.GET"), inbox, body.to_string().into())
            .await
            .map_err(|error| failed(&error))?;
        let mut batch = Batch { messages: Vec::new(), is_last: true };
        loop {
            let answer = timeout(DEADLINE, answers.next()).await;
            let Ok(Some(answer)) = answer else { return Err(JetStreamError::Silent.into()) };
            let header = |name: &str| {
                let value = answer.headers.as_ref().and_then(|headers| headers.get(name));
                value.map(|value| value.as_str().to_owned())
            };
            let number = |name| header(name).and_then(|number| number.parse::<u64>().ok());
            match answer.status {
                None => {
                    let sequence = number(SEQUENCE);
                    batch.messages.push(Got {
                        sequence: sequence.ok_or_else(|| ReadError::Info("no number".into()))?,
                        time: header(TIME).unwrap_or_default(),
                        subject: header("Nats-Subject").unwrap_or_default(),
                        payload: answer.payload,
                    });
                }
                Some(status) if status == END => {
                    batch.is_last = number(PENDING).is_none_or(|pending| pending == 0);
                    return Ok(batch);
                }
                Some(StatusCode::NOT_FOUND) => return Ok(batch),
                Some(StatusCode::NO_RESPONDERS) => return Err(JetStreamError::NotThere.into()),
                Some(status) => {
                    return Err(ReadError::Info(format!("the answer has status {status}").into()));
                }
            }
        }
    }
}

struct Batch {
    messages: Vec<Got>,
    is_last: bool,
}

struct Got {
    sequence: u64,
    time: String,
    subject: String,
    payload: bytes::Bytes,
}
