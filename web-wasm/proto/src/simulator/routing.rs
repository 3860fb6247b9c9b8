//! From a publisher to subscriptions.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use bytes::{Bytes, BytesMut};

use super::client_op::Publication;
use super::link::{LinkId, Subscribed};
use super::world::{Delivery, Taken, World};
use crate::subject::{self, Subject};

impl World {
    /// A client's message is routed, or denied.
    pub(super) fn publish(&mut self, from: LinkId, publication: Publication) {
        let Some(link) = self.links.get_mut(&from) else { return };
        if self.servers[link.server.0].denies_publish(&publication.subject) {
            let subject = &publication.subject;
            return link.error(&format!("Permissions Violation for Publish to \"{subject}\""));
        }
        let index = self.taken.len();
        let receivers = self.choose_receivers(Some(from), &publication.subject);
        for &(id, sid) in &receivers {
            if let Some(end) = self.write_message(id, sid, &publication) {
                self.deliveries.push(Delivery { link: id, sid, taken: index, end });
            }
        }
        let streaming = self.jetstream.listens(&publication.subject);
        if streaming {
            self.jetstream.hear(&publication);
            self.run_jetstream();
        } else if receivers.is_empty() {
            self.tell_no_responders(from, &publication);
        }
        let receivers = receivers.len() + usize::from(streaming);
        self.taken.push(Taken { link: from, publication, receivers });
    }

    /// The subscriptions that get a message: each plain one, and one of each queue group.
    pub(super) fn choose_receivers(
        &mut self,
        from: Option<LinkId>,
        subject: &str,
    ) -> Vec<(LinkId, u64)> {
        let mut receivers = Vec::new();
        let mut groups: BTreeMap<&Subject, Vec<(LinkId, u64)>> = BTreeMap::new();
        for (&id, link) in &self.links {
            let echo = link.client.as_ref().is_some_and(|client| client.echo);
            if from == Some(id) && !echo {
                continue;
            }
            for (&sid, subscribed) in &link.subscriptions {
                if subject::matches(&subscribed.subject, subject) {
                    match &subscribed.queue_group {
                        None => receivers.push((id, sid)),
                        Some(group) => groups.entry(group).or_default().push((id, sid)),
                    }
                }
            }
        }
        for members in groups.into_values() {
            receivers.extend(self.rng.choice(members));
        }
        receivers
    }

    /// Writes a copy of a message and returns where in the connection's output it ends.
    pub(super) fn write_message(
        &mut self,
        id: LinkId,
        sid: u64,
        publication: &Publication,
    ) -> Option<u64> {
        self.active.insert(id);
        let link = self.links.get_mut(&id)?;
        let headers = link.client.as_ref().is_some_and(|client| client.headers);
        let headers = publication.headers.as_ref().filter(|_| headers);
        let end = link.write(message(sid, publication, headers));
        if let Some(subscribed) = link.subscriptions.get_mut(&sid) {
            subscribed.delivered += 1;
            if subscribed.max.is_some_and(|max| subscribed.delivered >= max) {
                link.subscriptions.remove(&sid);
            }
        }
        end
    }

    /// Tells who asked that nobody listens, if it listens for that.
    fn tell_no_responders(&mut self, from: LinkId, publication: &Publication) {
        let (Some(link), Some(reply)) = (self.links.get_mut(&from), &publication.reply) else {
            return;
        };
        if !link.client.as_ref().is_some_and(|client| client.headers && client.no_responders) {
            return;
        }
        let listens =
            |(_, subscribed): &(&u64, &Subscribed)| subject::matches(&subscribed.subject, reply);
        if let Some((sid, _)) = link.subscriptions.iter().find(listens) {
            let block = format!("NATS/1.0 503\r\nNats-Subject: {}\r\n\r\n", publication.subject);
            let len = block.len();
            link.write(Bytes::from(format!("HMSG {reply} {sid} {len} {len}\r\n{block}\r\n")));
        }
    }
}

/// MSG, or HMSG where there are headers.
fn message(sid: u64, publication: &Publication, headers: Option<&Bytes>) -> Bytes {
    let Publication { subject, reply, payload, .. } = publication;
    let reply = reply.as_ref().map_or_else(String::new, |reply| format!("{reply} "));
    let line = match headers {
        None => format!("MSG {subject} {sid} {reply}{}\r\n", payload.len()),
        Some(block) => {
            let total = block.len() + payload.len();
            format!("HMSG {subject} {sid} {reply}{} {total}\r\n", block.len())
        }
    };
    let parts = [line.as_bytes(), headers.map_or(&[], |block| block), payload, b"\r\n"];
    let mut out = BytesMut::with_capacity(parts.iter().map(|part| part.len()).sum());
    for part in parts {
        out.extend_from_slice(part);
    }
    out.freeze()
}
