//! What is wrong with one field of a request. Its place and the problem come from whoever reads the field.

use serde::Serialize;
use serde_json::Value;

/// One entry of a 422, in pydantic's form.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct FieldError {
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub loc: Vec<Value>,
    pub msg: String,
    pub input: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ctx: Option<Value>,
}

impl FieldError {
    pub(crate) fn new(
        kind: &'static str,
        loc: Vec<Value>,
        msg: impl Into<String>,
        input: Value,
    ) -> Self {
        Self {
            kind,
            loc,
            msg: msg.into(),
            input,
            ctx: None,
        }
    }

    pub(crate) fn with_ctx(mut self, ctx: Value) -> Self {
        self.ctx = Some(ctx);
        self
    }
}

/// A field of a series that the database refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RefusedField {
    /// `name`, `labels` or `unit`.
    pub name: &'static str,
    /// Which series of an upload it is of, counted from 0.
    pub series: usize,
    pub sentence: String,
}
