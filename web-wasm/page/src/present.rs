//! Who is here: everybody who has the page open, by the lobby's presence.

use std::cell::RefCell;
use std::rc::Rc;

use futures_util::StreamExt;
use gloo_timers::future::TimeoutFuture;
use web_sys::{HtmlFormElement, HtmlInputElement};
use web_wasm::EndReason;
use web_wasm::presence::{
    Channel, Event, HttpSnapshots, JoinError, Member, Presence, PresenceExt, SignalError,
};

use crate::dom::{Missing, Outcome, Text, Verdict, element, on};
use crate::lines::{one_line, short_subject};
use crate::session::Session;
use crate::virtual_list::{RowKind, VirtualList};
use crate::words;

/// The channel that every guest may be on.
const LOBBY: &str = "demo:lobby";

/// Where the API says who was there before.
const SNAPSHOTS: &str = "/v1/presence";

/// The longest name, in characters.
const LONGEST: usize = 40;

/// The pause before the tab tries again to join, in milliseconds.
const PAUSE: u32 = 2_000;

/// A row of the list.
struct Row {
    name: String,
    key: String,
    tabs: String,
}

struct Lobby {
    session: Rc<Session>,
    name: HtmlInputElement,
    outcome: Outcome,
    count: Text,
    list: VirtualList<Row>,
    /// The presence, once the tab has joined. It is borrowed for moments only.
    presence: RefCell<Option<Presence>>,
}

/// Joins the lobby, shows who is there, and serves the form for this tab's name.
///
/// # Errors
/// [`Missing`].
pub(crate) fn serve(session: &Rc<Session>) -> Result<(), Missing> {
    let list = VirtualList::new(
        "present-scroll",
        "present",
        RowKind {
            class: "member",
            cells: &["line", "key", "tabs"],
            texts: |_, row: &Row| vec![row.name.clone(), row.key.clone(), row.tabs.clone()],
        },
    )?;
    let lobby = Rc::new(Lobby {
        session: Rc::clone(session),
        name: element("present-name")?,
        outcome: Outcome::of("present-result")?,
        count: Text::of("present-count")?,
        list,
        presence: RefCell::default(),
    });
    let (form, renaming): (HtmlFormElement, _) = (element("present-form")?, Rc::clone(&lobby));
    on(&form, "submit", move |event| {
        event.prevent_default();
        renaming.outcome.show(&renaming.rename());
    });
    wasm_bindgen_futures::spawn_local(async move { lobby.follow().await });
    Ok(())
}

impl Lobby {
    /// Joins, and shows what happens for as long as the page lives.
    async fn follow(&self) {
        let Ok(channel) = LOBBY.parse::<Channel>() else { return };
        loop {
            let presence = self.session.client.presence(channel.clone());
            let presence = presence.snapshots(Rc::new(HttpSnapshots::new(SNAPSHOTS)));
            match presence.join(&self.session.key, self.data()).await {
                Ok(presence) => {
                    self.presence.replace(Some(presence));
                    break;
                }
                // It was not connected for long enough.
                Err(JoinError::Flush(_)) => TimeoutFuture::new(PAUSE).await,
                Err(error) => return self.outcome.show(&not_here(&error)),
            }
        }
        while let Some(event) = self.next().await {
            self.tell(&event);
            self.draw();
        }
        let reason = self.presence.borrow().as_ref().and_then(Presence::end_reason);
        self.outcome.show(&match reason {
            Some(EndReason::Refused(error)) => {
                Verdict::Denied(format!("Not here any more: {}.", words::server_error(&error)))
            }
            _ => Verdict::Unknown("Not here any more. Reload the page.".to_owned()),
        });
    }

    async fn next(&self) -> Option<Event> {
        core::future::poll_fn(|cx| match &mut *self.presence.borrow_mut() {
            Some(presence) => presence.poll_next_unpin(cx),
            None => core::task::Poll::Ready(None),
        })
        .await
    }

    /// What others are shown of this tab.
    fn data(&self) -> serde_json::Value {
        match self.name.value().trim() {
            "" => serde_json::Value::Null,
            name => serde_json::json!({ "name": name }),
        }
    }

    fn rename(&self) -> Verdict {
        let set = self.presence.borrow().as_ref().map(|presence| presence.set_data(self.data()));
        match set {
            None => Verdict::Unknown("Shown once this tab is in the lobby.".to_owned()),
            Some(Ok(())) if self.name.value().trim().is_empty() => {
                Verdict::Allowed("Everybody sees the key again.".to_owned())
            }
            Some(Ok(())) => Verdict::Allowed("Everybody sees the name.".to_owned()),
            Some(Err(SignalError::DataTooLarge { .. })) => {
                Verdict::Invalid("Not shown: the name is too long.".to_owned())
            }
            Some(Err(error)) => Verdict::Invalid(format!("Not shown: {error}.")),
        }
    }

    /// Tells those who hear the page of others.
    fn tell(&self, event: &Event) {
        let (member, does) = match event {
            Event::Join(member) => (member, "came"),
            Event::Leave(member) => (member, "left"),
            Event::Update(_) => return,
        };
        if !self.is_own(member) {
            self.session.announcer.say(format!("{} {does}", name(member)));
        }
    }

    fn draw(&self) {
        let mut members = match &*self.presence.borrow() {
            Some(presence) => presence.members(),
            None => return,
        };
        // They come in the order of their keys, and those who are equal here stay so.
        members.sort_by_key(|member| !self.is_own(member));
        self.count.set(&match members.len() {
            0 => "nobody".to_owned(),
            1 => "1 visitor".to_owned(),
            count => format!("{count} visitors"),
        });
        let rows = members.iter().map(|member| Row {
            name: name(member),
            key: short_subject(&member.user),
            tabs: tabs(member.tabs, self.is_own(member)),
        });
        self.list.replace(rows);
    }

    fn is_own(&self, member: &Member) -> bool {
        *member.user == *self.session.key
    }
}

/// What a member wants to be called. It comes from outside, and is shown as text only.
fn name(member: &Member) -> String {
    let told = member.data.get("name").and_then(serde_json::Value::as_str).unwrap_or_default();
    match one_line(told.as_bytes(), LONGEST).trim() {
        "" => short_subject(&member.user),
        name => name.to_owned(),
    }
}

fn tabs(tabs: usize, own: bool) -> String {
    let tabs = if tabs == 1 { "1 tab".to_owned() } else { format!("{tabs} tabs") };
    if own { format!("this browser, {tabs}") } else { tabs }
}

fn not_here(error: &JoinError) -> Verdict {
    match error {
        JoinError::Ended(EndReason::Refused(error)) => {
            Verdict::Denied(format!("Not here: {}.", words::server_error(error)))
        }
        error => Verdict::Unknown(format!("Not here: {error}. Reload the page.")),
    }
}
