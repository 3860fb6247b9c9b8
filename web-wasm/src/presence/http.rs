//! Snapshots from an API.

use std::cell::RefCell;

use nats_proto::presence::{Channel, Limits, Snapshot};

use super::{Snapshots, SnapshotsError};
use crate::platform::LocalBoxFuture;
use crate::platform::http::{Problem, Question, Unreachable};

/// Asks an API who is there: `GET ENDPOINT/room:7`, in as many parts as it takes.
///
/// `Debug` shows no token.
pub struct HttpSnapshots {
    endpoint: String,
    bearer: RefCell<Option<String>>,
    role: RefCell<Option<String>>,
}

impl HttpSnapshots {
    /// Snapshots from the API's `endpoint`, such as `/v1/presence`.
    pub fn new(endpoint: impl Into<String>) -> Self {
        Self { endpoint: endpoint.into(), bearer: RefCell::default(), role: RefCell::default() }
    }

    /// Sends this bearer token with each question from now on, for an API that wants to know who asks.
    pub fn set_bearer(&self, token: impl Into<String>) {
        self.bearer.replace(Some(token.into()));
    }

    /// Asks as a holder of this role instead of the one that the API gives the visitor by itself.
    pub fn set_role(&self, role: impl Into<String>) {
        self.role.replace(Some(role.into()));
    }

    async fn ask(&self, channel: &Channel) -> Result<Snapshot, SnapshotsError> {
        let mut whole = self.part(channel, None).await?;
        // Who comes beyond that would find no room.
        while whole.members.len() < Limits::default().members
            && let Some(after) = whole.next.take()
        {
            let part = self.part(channel, Some(&after)).await?;
            if part.next.as_ref().is_some_and(|next| *next <= after) {
                return Err(SnapshotsError::Malformed("its parts go in a circle".into()));
            }
            whole.append(part);
        }
        Ok(whole)
    }

    async fn part(
        &self,
        channel: &Channel,
        after: Option<&str>,
    ) -> Result<Snapshot, SnapshotsError> {
        let query = [("role", self.role.borrow().clone()), ("after", after.map(str::to_owned))];
        // A role has no character that means something in a query; if it does, the API refuses it.
        let query: Vec<String> = query
            .into_iter()
            .filter_map(|(name, value)| {
                let value = js_sys::encode_uri_component(&value?);
                Some(format!("{name}={value}"))
            })
            .collect();
        let mut url = format!("{}/{channel}", self.endpoint);
        if !query.is_empty() {
            url = format!("{url}?{}", query.join("&"));
        }
        let bearer = self.bearer.borrow().clone();
        let question = Question { method: "GET", url: &url, bearer, json: None };
        let answer = question.ask().await;
        let answer = answer.map_err(|Unreachable(why)| SnapshotsError::Unreachable(why))?;
        if answer.is_ok {
            return Snapshot::read(answer.text.as_bytes())
                .map_err(|error| SnapshotsError::Malformed(error.to_string()));
        }
        let Problem { code, detail } = answer.problem();
        Err(SnapshotsError::Refused { status: answer.status, code, detail })
    }
}

impl Snapshots for HttpSnapshots {
    fn snapshot<'a>(
        &'a self,
        channel: &'a Channel,
    ) -> LocalBoxFuture<'a, Result<Snapshot, SnapshotsError>> {
        Box::pin(self.ask(channel))
    }
}

impl core::fmt::Debug for HttpSnapshots {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("HttpSnapshots").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}
