//! What is said of an operation, and how that becomes one of the document.

use utoipa::openapi::{
    ContentBuilder, RefOr, Required, Response,
    path::{Operation, OperationBuilder, Parameter},
    request_body::RequestBodyBuilder,
    response::ResponseBuilder,
    security::SecurityRequirement,
};

use super::{
    answers::{ALWAYS, FailedAnswer, OF_BODY, OF_DATA, reference},
    scalars::to,
};

/// The scheme that most clients use.
pub(super) const KEY: &str = "key";
/// The same key for clients that know this header only.
pub(super) const BEARER: &str = "bearer";

pub(super) struct Described {
    id: &'static str,
    summary: &'static str,
    description: Option<&'static str>,
    /// The schemes by which a key may come; none where nobody needs one.
    schemes: Vec<&'static str>,
    parameters: Vec<Parameter>,
    body: Option<RequestBodyBuilder>,
    status: &'static str,
    answer: ResponseBuilder,
    failures: Vec<(&'static str, RefOr<Response>)>,
}

/// An operation for whomever asks.
pub(super) fn public(
    id: &'static str,
    summary: &'static str,
    answer: ResponseBuilder,
) -> Described {
    in_protocol(id, summary, "200", answer).fails(&ALWAYS)
}

/// An operation with data.
pub(super) fn keyed(id: &'static str, summary: &'static str, answer: ResponseBuilder) -> Described {
    public(id, summary, answer)
        .fails(&OF_DATA)
        .keyed_by([KEY, BEARER])
}

/// An operation whose answers, those that go well and the others, are those of another protocol.
pub(super) fn in_protocol(
    id: &'static str,
    summary: &'static str,
    status: &'static str,
    answer: ResponseBuilder,
) -> Described {
    Described {
        id,
        summary,
        description: None,
        schemes: Vec::new(),
        parameters: Vec::new(),
        body: None,
        status,
        answer,
        failures: Vec::new(),
    }
}

impl Described {
    pub(super) fn tells(self, description: &'static str) -> Self {
        Self {
            description: Some(description),
            ..self
        }
    }

    pub(super) fn keyed_by(self, schemes: impl Into<Vec<&'static str>>) -> Self {
        Self {
            schemes: schemes.into(),
            ..self
        }
    }

    pub(super) fn takes(mut self, parameters: impl IntoIterator<Item = Parameter>) -> Self {
        self.parameters.extend(parameters);
        self
    }

    pub(super) fn has(self, body: RequestBodyBuilder) -> Self {
        self.has_own(body).fails(&OF_BODY)
    }

    /// A body of another protocol, which is refused in its own way.
    pub(super) fn has_own(self, body: RequestBodyBuilder) -> Self {
        Self {
            body: Some(body),
            ..self
        }
    }

    pub(super) fn fails(self, failures: &[FailedAnswer]) -> Self {
        let failures = failures.iter();
        self.fails_with(failures.map(|(status, name, _)| (*status, reference(name).into())))
    }

    pub(super) fn fails_with(
        mut self,
        failures: impl IntoIterator<Item = (&'static str, RefOr<Response>)>,
    ) -> Self {
        self.failures.extend(failures);
        self
    }

    pub(super) fn operation(self) -> Operation {
        let operation = OperationBuilder::new()
            .operation_id(Some(self.id))
            .summary(Some(self.summary))
            .description(self.description)
            .parameters((!self.parameters.is_empty()).then_some(self.parameters))
            .request_body(self.body.map(|body| body.build()))
            .response(self.status, self.answer);
        let failures = self.failures.into_iter();
        let operation = failures.fold(operation, |operation, (status, answer)| {
            operation.response(status, answer)
        });
        let schemes = self.schemes.into_iter();
        let operation = schemes.fold(operation, |operation, scheme| {
            operation.security(SecurityRequirement::new::<_, [&str; 0], &str>(scheme, []))
        });
        operation.build()
    }
}

/// A body of JSON.
pub(super) fn body(schema: &str) -> RequestBodyBuilder {
    let content = ContentBuilder::new().schema(Some(to(schema))).build();
    RequestBodyBuilder::new()
        .required(Some(Required::True))
        .content("application/json", content)
}
