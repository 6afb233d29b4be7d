//! Small pieces of JSON text that serde_json doesn't give: strings into a byte buffer, members, compact documents.

use serde::Serialize;

/// Appends a text as a JSON string; UTF-8 stays as it is.
pub(crate) fn write_str(text: &str, out: &mut Vec<u8>) {
    serde_json::to_writer(&mut *out, text).expect("a string into memory can't fail");
}

/// Appends a member of an object that has others before it.
pub(crate) fn write_member(name: &str, value: impl Serialize, out: &mut Vec<u8>) {
    write_name(name, out);
    serde_json::to_writer(out, &value).expect("a plain value into memory can't fail");
}

/// Appends the name of such a member; its value is the caller's.
pub(crate) fn write_name(name: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

/// Appends a JSON document without the white space between its tokens; keys keep their order.
pub(crate) fn write_compact(document: &str, out: &mut Vec<u8>) {
    let mut in_string = false;
    let mut escaped = false;
    for &byte in document.as_bytes() {
        if in_string {
            in_string = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
        } else {
            if byte.is_ascii_whitespace() {
                continue;
            }
            in_string = byte == b'"';
        }
        out.push(byte);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compact(document: &str) -> String {
        let mut out = Vec::new();
        write_compact(document, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn white_space_goes_and_strings_stay() {
        assert_eq!(compact(r#"{"a": 1, "b": [ ]}"#), r#"{"a":1,"b":[]}"#);
        assert_eq!(
            compact(r#"{"a b": "c: \" d, e\\", "f": " é "}"#),
            r#"{"a b":"c: \" d, e\\","f":" é "}"#
        );
    }
}
