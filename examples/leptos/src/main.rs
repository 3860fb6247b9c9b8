//! A page that is a NATS client, in Rust: [`app`] is what a visitor sees, [`session`] speaks to NATS and
//! [`page`] is what both share.

mod api;
mod app;
mod page;
mod session;

fn main() {
    console_error_panic_hook::set_once();
    leptos::mount::mount_to_body(app::App);
}
