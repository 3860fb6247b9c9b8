//! What a visitor sees.

use leptos::ev::SubmitEvent;
use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::api;
use crate::page::{Line, Lines, Page, State};
use crate::session::{self, Session};

#[component]
pub(crate) fn App() -> impl IntoView {
    let page = Page::new();
    // A client stays on its thread, as all in a browser does: hence `local`.
    let session = RwSignal::new_local(None::<Session>);
    spawn_local(async move {
        if let Err(error) = session::run(page, session).await {
            page.state.set(State::Closed);
            page.problem.set(format!("No connection: {error}. Reload the page to try again."));
        }
    });

    // Needs no connection: the API publishes, and NATS delivers.
    let call_api = move |_| {
        spawn_local(async move {
            page.problem.set(match api::ping().await {
                Ok(()) => String::new(),
                Err(error) => format!("No update: {error}."),
            });
        });
    };
    let text = RwSignal::new(String::new());
    let publish = move |event: SubmitEvent| {
        event.prevent_default();
        let Some(session) = session.get_untracked() else { return };
        spawn_local(async move {
            match session.say(text.get_untracked()).await {
                Ok(()) => {
                    text.set(String::new());
                    page.problem.set(String::new());
                }
                Err(error) => page.problem.set(format!("Not published: {error}.")),
            }
        });
    };

    view! {
        <main>
            <header>
                <h1>"NATS with Leptos"</h1>
                <Pill state=page.state/>
            </header>
            <p id="problem" role="alert" hidden=move || page.problem.read().is_empty()>
                {page.problem}
            </p>
            <section>
                <div>
                    <h2>"Updates"</h2>
                    <button id="call-api" type="button" on:click=call_api>"Call API"</button>
                </div>
                <List id="updates" label="Updates" class="update" lines=page.updates/>
            </section>
            <section>
                <h2>"Playground"</h2>
                <form id="playground" on:submit=publish>
                    <input
                        id="text"
                        aria-label="What to say"
                        placeholder="Say something to every tab"
                        autocomplete="off"
                        required
                        bind:value=text
                    />
                    <button id="publish" disabled=move || session.with(Option::is_none)>
                        "Publish"
                    </button>
                </form>
                <List id="said" label="What was said" class="said" lines=page.said/>
            </section>
        </main>
    }
}

#[component]
fn Pill(state: RwSignal<State>) -> impl IntoView {
    let name = move || match state.get() {
        State::Connecting => "connecting",
        State::Connected { .. } => "connected",
        State::Reconnecting => "reconnecting",
        State::Closed => "closed",
    };
    let words = move || match state.get() {
        State::Connected { server } => format!("connected to {server}"),
        _ => name().to_owned(),
    };
    view! { <output id="connection" data-state=name>{words}</output> }
}

#[component]
fn List(id: &'static str, label: &'static str, class: &'static str, lines: Lines) -> impl IntoView {
    let row = move |(_, line)| {
        let (class, who, text) = match line {
            Line::Message { who, text } => (class, who, text),
            Line::Note(text) => ("note", None, text),
        };
        view! {
            <li class=class>
                {who.map(|who| view! { <span class="who">{who}</span> })}
                <span class="line">{text}</span>
            </li>
        }
    };
    view! {
        <ol id=id role="log" aria-label=label>
            <For each=move || lines.get() key=|(number, _)| *number children=row/>
        </ol>
    }
}
