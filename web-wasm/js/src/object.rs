//! Plain objects, read and written.

use core::time::Duration;

use js_sys::{Array, Function, Object, Reflect};
use nats_proto::Quoted;
use wasm_bindgen::{JsCast, JsValue};

use crate::error::{NatsError, thrown_words};
use crate::value::{count, is_absent};

/// An object of these properties.
pub(crate) fn object(properties: &[(&'static str, JsValue)]) -> Object {
    let object = Object::new();
    for (name, value) in properties {
        // A new object takes any property.
        Reflect::set(&object, &(*name).into(), value).ok();
    }
    object
}

/// Strings as an array.
pub(crate) fn strings<'a>(texts: impl IntoIterator<Item = &'a str>) -> Array {
    texts.into_iter().map(JsValue::from).collect()
}

/// The options that a caller passes as an object. One that is undefined or null counts as absent.
pub(crate) struct Fields<'a> {
    object: Option<&'a JsValue>,
}

impl<'a> Fields<'a> {
    /// The options in `value`, all of which have to be among `known`.
    pub(crate) fn read(value: &'a JsValue, known: &[&str]) -> Result<Self, NatsError> {
        if is_absent(value) {
            return Ok(Self { object: None });
        }
        for name in names(value, "the options")? {
            if !known.contains(&name.as_str()) {
                let mut message = format!("there is no option {}; there are:", Quoted(&name));
                for (place, known) in known.iter().enumerate() {
                    message.push_str(if place == 0 { " " } else { ", " });
                    message.push_str(known);
                }
                return Err(NatsError::new("unknown_option", message));
            }
        }
        Ok(Self { object: Some(value) })
    }

    /// An option of any type.
    pub(crate) fn value(&self, name: &str) -> Result<Option<JsValue>, NatsError> {
        let Some(object) = self.object else { return Ok(None) };
        let value = property(object, name)?;
        Ok(Some(value).filter(|value| !is_absent(value)))
    }

    /// A text.
    pub(crate) fn text(&self, name: &str) -> Result<Option<String>, NatsError> {
        self.convert(name, "a string", JsValue::as_string)
    }

    /// A switch, off where it is absent.
    pub(crate) fn flag(&self, name: &str) -> Result<Option<bool>, NatsError> {
        self.convert(name, "true or false", JsValue::as_bool)
    }

    /// A time in milliseconds.
    pub(crate) fn millis(&self, name: &str) -> Result<Option<Duration>, NatsError> {
        self.convert(name, "a number of milliseconds from 1", |value| {
            let millis = value.as_f64().filter(|&millis| millis >= 1.0)?;
            Duration::try_from_secs_f64(millis / 1_000.0).ok()
        })
    }

    /// A whole number from 1.
    pub(crate) fn count(&self, name: &str) -> Result<Option<u64>, NatsError> {
        self.convert(name, "a whole number from 1", count)
    }

    /// A function.
    pub(crate) fn function(&self, name: &str) -> Result<Option<Function>, NatsError> {
        self.convert(name, "a function", |value| value.dyn_ref::<Function>().cloned())
    }

    fn convert<T>(
        &self,
        name: &str,
        expected: &str,
        read: impl Fn(&JsValue) -> Option<T>,
    ) -> Result<Option<T>, NatsError> {
        let Some(value) = self.value(name)? else { return Ok(None) };
        read(&value).map(Some).ok_or_else(|| NatsError::option(name, expected))
    }
}

/// The names of an object's own properties; symbols are left out.
pub(crate) fn names(value: &JsValue, what: &str) -> Result<Vec<String>, NatsError> {
    let not_an_object = || NatsError::argument(what, "an object");
    if !value.is_object() {
        return Err(not_an_object());
    }
    let keys = Reflect::own_keys(value).map_err(|_| not_an_object())?;
    Ok(keys.iter().filter_map(|key| key.as_string()).collect())
}

/// A property. A getter of the caller's that throws is an error like any other.
pub(crate) fn property(object: &JsValue, name: &str) -> Result<JsValue, NatsError> {
    Reflect::get(object, &name.into()).map_err(|thrown| {
        let words = thrown_words(&thrown);
        NatsError::new("invalid_option", format!("{name} can't be read: {words}"))
    })
}

/// A text, or several in anything that can be iterated over.
pub(crate) fn texts(value: &JsValue) -> Option<Vec<String>> {
    if let Some(text) = value.as_string() {
        return Some(vec![text]);
    }
    let items = js_sys::try_iter(value).ok()??;
    items.map(|item| item.ok()?.as_string()).collect()
}
