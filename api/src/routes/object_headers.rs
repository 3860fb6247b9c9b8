//! The headers that go with an object.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::{
    error::{Code, Problem},
    objects::{Meta, ObjectName, Preconditions, Tags},
};

/// What a browser may take an object for, if whoever stored it says so: what it only shows or plays.
/// Everything else is bytes.
const SHOWN: [&str; 14] = [
    "application/json",
    "application/pdf",
    "audio/mpeg",
    "audio/ogg",
    "audio/wav",
    "audio/webm",
    "image/avif",
    "image/gif",
    "image/jpeg",
    "image/png",
    "image/webp",
    "text/plain",
    "video/mp4",
    "video/webm",
];
const BYTES: &str = "application/octet-stream";
/// Longest media type that is kept, in bytes.
const MAX_MEDIA_TYPE_BYTES: usize = 128;
/// Nothing that is in an object does anything, even where a browser shows it.
const POLICY: &str = "default-src 'none'; sandbox; frame-ancestors 'none'";

/// An entity tag (RFC 9110 §8.8.3).
pub(super) fn etag(tag: &str) -> String {
    format!("\"{tag}\"")
}

/// A media type as a caller says it, if it has the form of one; parameters are left out.
pub(super) fn media_type(value: &HeaderValue) -> Option<String> {
    let essence = value.to_str().ok()?.split(';').next()?.trim().to_ascii_lowercase();
    let (main, sub) = essence.split_once('/')?;
    let is_token = |text: &str| {
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'+' | b'-');
        !text.is_empty() && text.bytes().all(is_plain)
    };
    let fits = essence.len() <= MAX_MEDIA_TYPE_BYTES && is_token(main) && is_token(sub);
    fits.then_some(essence)
}

/// The headers of an object that is handed out.
pub(super) fn described(name: &ObjectName, meta: &Meta) -> [(HeaderName, HeaderValue); 7] {
    let said = meta.content_type().and_then(|said| SHOWN.into_iter().find(|shown| *shown == said));
    // A name is of plain characters, and so is a tag, or it is left out.
    let text = |text: String| HeaderValue::try_from(text).ok();
    let saved_as = text(format!("attachment; filename=\"{}\"", name.file_name()));
    let tag = text(etag(meta.tag()));
    [
        (header::CONTENT_TYPE, HeaderValue::from_static(said.unwrap_or(BYTES))),
        (header::CONTENT_LENGTH, meta.size().into()),
        (header::CONTENT_DISPOSITION, saved_as.unwrap_or(HeaderValue::from_static("attachment"))),
        (header::ETAG, tag.unwrap_or(HeaderValue::from_static("\"\""))),
        (header::ACCEPT_RANGES, HeaderValue::from_static("none")),
        // It is for this caller, whose rights are asked about each time.
        (header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
    ]
}

/// What a request has as preconditions (RFC 9110 §13.1.1, §13.1.2).
///
/// # Errors
/// 412 `precondition_failed` for what is no list of entity tags: nobody knows what it would have
/// allowed.
pub(super) fn preconditions(headers: &HeaderMap) -> Result<Preconditions, Problem> {
    Ok(Preconditions {
        matching: tags(headers, &header::IF_MATCH, false)?,
        not_matching: tags(headers, &header::IF_NONE_MATCH, true)?,
    })
}

fn tags(headers: &HeaderMap, name: &HeaderName, weak: bool) -> Result<Option<Tags>, Problem> {
    let mut listed = Vec::new();
    let mut is_there = false;
    for value in headers.get_all(name) {
        is_there = true;
        let mut rest = value.to_str().map_err(|_| malformed())?.trim();
        if rest == "*" {
            return Ok(Some(Tags::Any));
        }
        while !rest.is_empty() {
            let (is_weak, tag) = match rest.strip_prefix("W/") {
                Some(tag) => (true, tag),
                None => (false, rest),
            };
            let (tag, after) =
                tag.strip_prefix('"').and_then(|tag| tag.split_once('"')).ok_or_else(malformed)?;
            // A weak one is no version that something could be put in the place of.
            if weak || !is_weak {
                listed.push(tag.to_owned());
            }
            let after = after.trim_start();
            rest = match after.strip_prefix(',') {
                Some(after) => after.trim_start(),
                None if after.is_empty() => after,
                None => return Err(malformed()),
            };
        }
    }
    Ok(is_there.then_some(Tags::Listed(listed)))
}

fn malformed() -> Problem {
    Problem::new(
        Code::PreconditionFailed,
        "If-Match and If-None-Match are `*` or quoted versions with commas between them.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &HeaderName, values: &[&str]) -> Result<Preconditions, Code> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name.clone(), value.parse().unwrap());
        }
        preconditions(&headers).map_err(|problem| problem.code())
    }

    #[test]
    fn entity_tags_are_read_strictly() {
        let listed =
            |tags: &[&str]| Some(Tags::Listed(tags.iter().map(ToString::to_string).collect()));
        for (values, strong, weak) in [
            (&["*"][..], Some(Tags::Any), Some(Tags::Any)),
            (&["\"a\""], listed(&["a"]), listed(&["a"])),
            (&["\"a\", W/\"b,\" ,\"\""], listed(&["a", ""]), listed(&["a", "b,", ""])),
            (&["\"a\"", "\"b\""], listed(&["a", "b"]), listed(&["a", "b"])),
            (&[], None, None),
        ] {
            assert_eq!(read(&header::IF_MATCH, values).unwrap().matching, strong, "{values:?}");
            assert_eq!(read(&header::IF_NONE_MATCH, values).unwrap().not_matching, weak);
        }
        for bad in ["a", "\"a", "\"a\" \"b\"", "w/\"a\"", "*, \"a\"", "\"a\";"] {
            assert_eq!(read(&header::IF_MATCH, &[bad]), Err(Code::PreconditionFailed), "{bad}");
        }
    }

    #[test]
    fn media_types_are_kept_without_what_could_be_something_else() {
        let read = |text: &str| media_type(&HeaderValue::from_bytes(text.as_bytes()).unwrap());
        assert_eq!(read("Image/PNG; a=b").as_deref(), Some("image/png"));
        assert_eq!(read("image/svg+xml").as_deref(), Some("image/svg+xml"));
        for bad in ["", "text", "text/", "/x", "a b/c", "text/html,x", "é/x", &"x/y".repeat(50)] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert!(!SHOWN.iter().any(|shown| shown.contains("html") || shown.contains("xml")));
    }
}
