//! What a server has otherwise than declared.

use std::fmt;

use serde_json::{Map, Value, json};

/// What may be brought in line by itself: how much is kept, for how long, where, and who is told.
const ADJUSTABLE: [&str; 8] = [
    "max_age",
    "max_bytes",
    "max_msg_size",
    "max_msgs",
    "max_msgs_per_subject",
    "duplicate_window",
    "num_replicas",
    "no_ack",
];

/// What decides nothing here.
const IDLE: [&str; 4] = ["description", "metadata", "placement", "compression"];

/// A field of a stream's configuration that is not as declared.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// The field, as nats-server calls it.
    pub field: String,
    /// What is declared.
    pub declared: Value,
    /// What the server has.
    pub actual: Value,
}

impl Difference {
    /// Everything that is not as declared; also what is switched on that this program has not heard
    /// of, as newer servers bring it.
    #[must_use]
    pub fn all(declared: &Map<String, Value>, actual: &Map<String, Value>) -> Vec<Self> {
        let mut fields: Vec<&String> = declared.keys().chain(actual.keys()).collect();
        fields.sort();
        fields.dedup();
        let of = |config: &Map<String, Value>, field: &String| {
            config.get(field).cloned().unwrap_or(Value::Null)
        };
        fields
            .into_iter()
            .filter(|field| !IDLE.contains(&field.as_str()))
            .map(|field| Self {
                field: field.clone(),
                declared: of(declared, field),
                actual: of(actual, field),
            })
            .filter(|found| found.declared != found.actual)
            .filter(|found| !(is_off(&found.declared) && is_off(&found.actual)))
            .collect()
    }

    /// Whether it is brought in line by itself. The rest is somebody's decision: what another has
    /// made is not changed behind his back.
    #[must_use]
    pub fn is_adjustable(&self) -> bool {
        ADJUSTABLE.contains(&self.field.as_str())
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {} and not {}", self.field, self.actual, self.declared)
    }
}

/// Whether it is what a field is without being set.
fn is_off(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(values) => values.is_empty(),
        Value::Object(fields) => fields.values().all(is_off),
        number => *number == json!(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::streams::declared::testing::bucket;

    #[test]
    fn what_a_server_adds_and_leaves_off_is_no_difference() {
        let declared = bucket().config();
        let mut actual = declared.clone();
        for (field, value) in [
            ("metadata", json!({ "_nats.ver": "2.15.1" })),
            ("allow_rollup_hdrs", json!(false)),
            ("consumer_limits", json!({})),
            ("first_seq", json!(0)),
            ("sealed", json!(false)),
        ] {
            actual.insert(field.to_owned(), value);
        }
        assert_eq!(Difference::all(&declared, &actual), []);
    }

    #[test]
    fn whatever_is_switched_on_is_found_and_left_to_somebody() {
        let declared = bucket().config();
        for (field, value) in [
            ("allow_rollup_hdrs", json!(true)),
            ("allow_msg_schedules", json!(true)),
            ("allow_msg_counter", json!(true)),
            ("allow_atomic", json!(true)),
            ("allow_msg_ttl", json!(true)),
            ("allow_something_newer", json!(true)),
            ("deny_delete", json!(false)),
            ("deny_purge", json!(false)),
            ("republish", json!({ "src": ">", "dest": "a.>" })),
            ("sources", json!([{ "name": "x" }])),
            ("subject_transform", json!({ "src": "a", "dest": "b" })),
            ("subjects", json!(["$KV.b.>", "a"])),
            ("retention", json!("workqueue")),
            ("storage", json!("file")),
        ] {
            let mut actual = declared.clone();
            actual.insert(field.to_owned(), value);
            let found = Difference::all(&declared, &actual);
            assert_eq!(found.len(), 1, "{field}");
            assert_eq!(found[0].field, field);
            assert!(!found[0].is_adjustable(), "{field}");
        }
        let mut actual = declared.clone();
        actual.remove("deny_delete");
        let found = Difference::all(&declared, &actual);
        assert_eq!(found[0].to_string(), "deny_delete is null and not true");
    }

    #[test]
    fn limits_are_brought_in_line() {
        let declared = bucket().config();
        for (field, value) in
            [("max_age", json!(0)), ("max_bytes", json!(-1)), ("no_ack", json!(false))]
        {
            let mut actual = declared.clone();
            actual.insert(field.to_owned(), value);
            let found = Difference::all(&declared, &actual);
            assert!(found.len() == 1 && found[0].is_adjustable(), "{found:?}");
        }
    }
}
