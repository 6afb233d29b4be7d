//! InfluxDB line protocol, line by line: what stands in a line or what is wrong with it. It knows neither series nor
//! units of time.

use std::borrow::Cow;

#[cfg(test)]
mod tests;

/// A line of an input, or why it isn't one.
pub(crate) struct InputLine<'a> {
    /// Counted from 1.
    pub number: usize,
    pub text: &'a str,
    pub point: Result<LinePoint<'a>, &'static str>,
}

/// What a line says.
#[derive(Debug, PartialEq)]
pub(crate) struct LinePoint<'a> {
    pub measurement: Cow<'a, str>,
    pub tags: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    pub fields: Vec<(Cow<'a, str>, LineValue)>,
    /// In the unit that the request names.
    pub timestamp: Option<i64>,
}

/// The value of a field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum LineValue {
    /// Also an integer, or a boolean as 1 or 0.
    Number(f64),
    Text,
}

/// The lines of an input; empty ones and comments are passed over.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = InputLine<'_>> {
    let mut cursor = Cursor { text, at: 0 };
    let (mut number, mut counted) = (1, 0);
    std::iter::from_fn(move || {
        cursor.skip(b" \t\r\n");
        while cursor.peek() == Some(b'#') {
            cursor.skip_line();
            cursor.skip(b" \t\r\n");
        }
        cursor.peek()?;
        let start = cursor.at;
        number += newlines(text, counted, start);
        counted = start;
        let point = cursor.point();
        let mut end = cursor.at;
        if point.is_err() {
            // The text of a field may go on over the end of the line; what is wrong ends with the line.
            cursor.skip_line();
            end = end.max(cursor.at);
        }
        Some(InputLine {
            number,
            text: text.get(start..end).unwrap_or_default().trim_end(),
            point,
        })
    })
}

fn newlines(text: &str, from: usize, to: usize) -> usize {
    let between = text.as_bytes().get(from..to).unwrap_or_default();
    memchr::memchr_iter(b'\n', between).count()
}

/// A place in the input. What it stops at is ASCII, so that it is always between characters.
struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip(&mut self, bytes: &[u8]) {
        while self.peek().is_some_and(|byte| bytes.contains(&byte)) {
            self.at += 1;
        }
    }

    fn skip_line(&mut self) {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        self.at += memchr::memchr(b'\n', rest).unwrap_or(rest.len());
    }

    fn take(&mut self, byte: u8) -> bool {
        let is_there = self.peek() == Some(byte);
        self.at += usize::from(is_there);
        is_there
    }

    fn is_at_end(&self) -> bool {
        matches!(self.peek(), None | Some(b'\n' | b'\r'))
    }

    /// The text up to one of these bytes or the end of the line; a backslash takes the meaning from one that is in
    /// `escaped`, and stands for itself before any other.
    fn token(&mut self, ends: &[u8], escaped: &[u8]) -> Cow<'a, str> {
        let start = self.at;
        let (mut plain, mut unescaped) = (start, None::<String>);
        while let Some(byte) = self.peek() {
            let next = self.text.as_bytes().get(self.at + 1);
            if byte == b'\\' && next.is_some_and(|next| escaped.contains(next)) {
                let so_far = unescaped.get_or_insert_default();
                so_far.push_str(self.text.get(plain..self.at).unwrap_or_default());
                plain = self.at + 1;
                self.at += 2;
            } else if matches!(byte, b'\n' | b'\r') || ends.contains(&byte) {
                break;
            } else {
                self.at += 1;
            }
        }
        let rest = self.text.get(plain..self.at).unwrap_or_default();
        match unescaped {
            None => Cow::Borrowed(rest),
            Some(so_far) => Cow::Owned(so_far + rest),
        }
    }

    fn point(&mut self) -> Result<LinePoint<'a>, &'static str> {
        let measurement = self.token(b", ", b", ");
        if measurement.is_empty() {
            return Err("missing measurement");
        }
        let mut tags = Vec::new();
        while self.take(b',') {
            let key = self.token(b"=, ", b"=, ");
            if key.is_empty() {
                return Err("missing tag key");
            }
            if !self.take(b'=') {
                return Err("missing tag value");
            }
            let value = self.token(b"=, ", b"=, ");
            if value.is_empty() {
                return Err("missing tag value");
            }
            if self.peek() == Some(b'=') {
                return Err("invalid tag format");
            }
            tags.push((key, value));
        }
        tags.sort();
        if tags
            .windows(2)
            .any(|pair| matches!(pair, [(a, _), (b, _)] if a == b))
        {
            return Err("duplicate tags");
        }
        self.skip(b" ");
        if self.is_at_end() {
            return Err("missing fields");
        }
        let mut fields = Vec::new();
        loop {
            let key = self.token(b"=, ", b"=, ");
            if key.is_empty() {
                return Err("missing field key");
            }
            if !self.take(b'=') {
                return Err("invalid field format");
            }
            fields.push((key, self.value()?));
            if !self.take(b',') {
                break;
            }
        }
        self.skip(b" ");
        let timestamp = match self.token(b" ", b"") {
            text if text.is_empty() => None,
            text => Some(text.parse().map_err(|_| "bad timestamp")?),
        };
        self.skip(b" \r");
        if !self.is_at_end() {
            return Err("unexpected text after the timestamp");
        }
        Ok(LinePoint {
            measurement,
            tags,
            fields,
            timestamp,
        })
    }

    fn value(&mut self) -> Result<LineValue, &'static str> {
        if self.take(b'"') {
            return self.quoted();
        }
        let token = self.token(b", ", b"");
        let number = match token.as_ref() {
            "" => return Err("missing field value"),
            "t" | "T" | "true" | "True" | "TRUE" => 1.0,
            "f" | "F" | "false" | "False" | "FALSE" => 0.0,
            text => {
                let read = if let Some(digits) = text.strip_suffix('i') {
                    digits.parse::<i64>().map(|n| n as f64).ok()
                } else if let Some(digits) = text.strip_suffix('u') {
                    digits.parse::<u64>().map(|n| n as f64).ok()
                } else {
                    text.parse::<f64>().ok().filter(|number| number.is_finite())
                };
                read.ok_or("invalid number")?
            }
        };
        Ok(LineValue::Number(number))
    }

    fn quoted(&mut self) -> Result<LineValue, &'static str> {
        while let Some(byte) = self.peek() {
            self.at += 1;
            match byte {
                b'"' if matches!(self.peek(), None | Some(b',' | b' ' | b'\n' | b'\r')) => {
                    return Ok(LineValue::Text);
                }
                b'"' => return Err("invalid field format"),
                // Whatever comes behind it, of a longer character the rest is passed over in turn.
                b'\\' => self.at += 1,
                _ => {}
            }
        }
        self.at = self.text.len();
        Err("unbalanced quotes")
    }
}
