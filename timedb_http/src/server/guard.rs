//! The guard of the API: routes can be reached only through it, and public ones only by name. A route with data has
//! two parts. Its plan sees a request and no database, and says what the request asks for or what is wrong with it;
//! its answer gets the plan and a caller. The guard reveals what is wrong only to those whose key is valid.

use std::{future::Future, net::IpAddr, pin::pin};

use axum::{
    Router,
    extract::{Request, State},
    handler::Handler,
    http::request::Parts,
    response::{IntoResponse, Response},
    routing::{MethodFilter, MethodRouter, get, on},
};

use crate::server::{
    answer::work_on,
    body::{NOT_PERMITTED, Received, leave_unread, nearest, receive},
    error::{ApiError, FieldError},
    head::{Head, HeadAndKey},
    key::ApiKey,
    record::Record,
    state::{AppState, Caller},
};

/// What a request asks for, or what is wrong with its URL.
pub(crate) type Query<P> = Result<P, Vec<FieldError>>;

/// The same of a request with a body.
pub(crate) type Plan<P> = Result<P, ApiError>;

/// What the client gets.
type Answer = Result<Response, ApiError>;

/// What is different in the protocol of others.
#[derive(Clone, Copy)]
pub(crate) struct Dialect {
    /// Finds the key.
    pub head: fn(Parts) -> HeadAndKey,
    /// Bodies may come in snappy, too, whole and not in frames.
    pub takes_snappy: bool,
    /// Tells an error.
    pub tell: fn(ApiError) -> Response,
}

impl Dialect {
    /// That of all other routes.
    const OWN: Self = Self {
        head: Head::new,
        takes_snappy: false,
        tell: ApiError::into_response,
    };
}

/// The parameters in the queries of a route, which its method and path name.
pub(crate) type RouteParameters = (MethodFilter, String, Vec<String>);

/// The routes of the API.
pub(crate) struct Api {
    router: Router<AppState>,
    /// The method and the path of each.
    routes: Vec<(MethodFilter, String)>,
    described: fn() -> &'static [RouteParameters],
}

impl Api {
    /// Without routes yet. What is described of them is told to whoever writes a parameter that there isn't.
    pub(crate) fn described(described: fn() -> &'static [RouteParameters]) -> Self {
        Self {
            router: Router::new(),
            routes: Vec::new(),
            described,
        }
    }

    /// A route without data, for whomever asks.
    pub(crate) fn public<H: Handler<T, AppState>, T: 'static>(
        self,
        path: &str,
        handler: H,
    ) -> Self {
        self.route(MethodFilter::GET, path, get(handler))
    }

    /// A route that reads.
    pub(crate) fn get<P: Send + 'static, F: Future<Output = Answer> + Send + 'static>(
        self,
        path: &'static str,
        plan: fn(&Head) -> Query<P>,
        answer: fn(Caller, P) -> F,
    ) -> Self {
        self.reading(path, TimeLimit::OfRequest, plan, answer)
    }

    /// A route that reads and can wait for news: its answer holds what it does in between to the time limit.
    pub(crate) fn get_waiting<P: Send + 'static, F: Future<Output = Answer> + Send + 'static>(
        self,
        path: &'static str,
        plan: fn(&Head) -> Query<P>,
        answer: fn(Caller, P) -> F,
    ) -> Self {
        self.reading(path, TimeLimit::OfParts, plan, answer)
    }

    fn reading<P: Send + 'static, F: Future<Output = Answer> + Send + 'static>(
        self,
        path: &'static str,
        limit: TimeLimit,
        plan: fn(&Head) -> Query<P>,
        answer: fn(Caller, P) -> F,
    ) -> Self {
        let parameters = KnownParameters::of(self.described, MethodFilter::GET, path);
        let handler = move |State(state): State<AppState>, request: Request| async move {
            let record = recorded(&request);
            let (head, key) = Head::new(request.into_parts().0);
            record.note_key(head.has_key);
            let attempt = Attempt::of(&head, &key);
            // What is pinned is made where it stays: a future of several kilobytes is copied with each move.
            let answered = pin!(async {
                state.admit(&key, head.address)?;
                let caller = Caller::new(state.clone(), key?, record);
                let plan = plan(&head).map_err(|wrong| parameters.told(wrong.into()));
                let work = pin!(conclude(caller, plan, answer));
                match limit {
                    TimeLimit::OfRequest => state.within(work).await,
                    TimeLimit::OfParts => work.await,
                }
            });
            let answered = answered.await;
            attempt.noted(&state, answered)
        };
        self.route(MethodFilter::GET, path, get(handler))
    }

    /// A route whose requests have a body.
    pub(crate) fn with_body<P: Send + 'static, F: Future<Output = Answer> + Send + 'static>(
        self,
        method: MethodFilter,
        path: &'static str,
        plan: fn(&Head, &Received) -> Plan<P>,
        answer: fn(Caller, P) -> F,
    ) -> Self {
        let parameters = KnownParameters::of(self.described, method, path);
        let handler = move |State(state): State<AppState>, request: Request| {
            take_body(state, request, Dialect::OWN, parameters, plan, answer)
        };
        self.route(method, path, on(method, handler))
    }

    /// A route of another protocol, which has its own ways to send a key and to tell an error.
    pub(crate) fn in_dialect<P: Send + 'static, F: Future<Output = Answer> + Send + 'static>(
        self,
        path: &'static str,
        dialect: Dialect,
        plan: fn(&Head, &Received) -> Plan<P>,
        answer: fn(Caller, P) -> F,
    ) -> Self {
        let parameters = KnownParameters::of(self.described, MethodFilter::POST, path);
        let handler = move |State(state): State<AppState>, request: Request| async move {
            let answered = take_body(state, request, dialect, parameters, plan, answer).await;
            answered.unwrap_or_else(dialect.tell)
        };
        self.route(MethodFilter::POST, path, on(MethodFilter::POST, handler))
    }

    fn route(mut self, method: MethodFilter, path: &str, handler: MethodRouter<AppState>) -> Self {
        self.routes.push((method, path.to_owned()));
        Self {
            router: self.router.route(path, handler),
            ..self
        }
    }

    pub(crate) fn into_router(self) -> Router<AppState> {
        self.router
    }

    /// The method and the path of each route.
    #[cfg(test)]
    pub(crate) fn routes(&self) -> &[(MethodFilter, String)] {
        &self.routes
    }
}

/// Answers a request with a body.
async fn take_body<P: Send + 'static, F: Future<Output = Answer> + Send + 'static>(
    state: AppState,
    request: Request,
    dialect: Dialect,
    parameters: KnownParameters,
    plan: fn(&Head, &Received) -> Plan<P>,
    answer: fn(Caller, P) -> F,
) -> Answer {
    let record = recorded(&request);
    let (parts, body) = request.into_parts();
    let (head, key) = (dialect.head)(parts);
    record.note_key(head.has_key);
    let attempt = Attempt::of(&head, &key);
    let key = match state.admit(&key, head.address).and(key) {
        Ok(key) => key,
        Err(refused) => {
            leave_unread(&head.headers, body);
            return attempt.noted(&state, Err(refused));
        }
    };
    let answered = pin!(async {
        let mut caller = Caller::new(state.clone(), key, record);
        let (memory, takes_snappy) = (&state.body_memory, dialect.takes_snappy);
        let received = receive(&mut caller, memory, &head.headers, body, takes_snappy).await?;
        let work = pin!(async {
            let size = received.len();
            let read = move || (plan(&head, &received), received);
            // What the body takes of the memory goes back when the request is over.
            let (plan, _received) = work_on(size, read).await?;
            let plan = plan.map_err(|wrong| parameters.told(wrong));
            conclude(caller, plan, answer).await
        });
        state.within(work).await
    });
    let answered = answered.await;
    attempt.noted(&state, answered)
}

/// The parameters that a route takes in its query, which are looked up when one of a request is none of them.
#[derive(Clone, Copy)]
struct KnownParameters {
    described: fn() -> &'static [RouteParameters],
    method: MethodFilter,
    path: &'static str,
}

impl KnownParameters {
    fn of(
        described: fn() -> &'static [RouteParameters],
        method: MethodFilter,
        path: &'static str,
    ) -> Self {
        Self {
            described,
            method,
            path,
        }
    }

    fn names(&self) -> &'static [String] {
        let mut all = (self.described)().iter();
        let route = all.find(|(of, at, _)| (*of, at.as_str()) == (self.method, self.path));
        route.map_or(&[], |(_, _, names)| names)
    }

    /// Says of each parameter that there isn't which one was probably meant, or which ones there are.
    fn told(&self, mut wrong: ApiError) -> ApiError {
        for field in wrong.fields_mut() {
            let name = match field["loc"].as_array().map(Vec::as_slice) {
                Some([place, name]) if place == "query" => name.as_str(),
                _ => None,
            };
            let Some(name) = name.filter(|_| field["msg"] == NOT_PERMITTED) else {
                continue;
            };
            let known = self.names();
            let advice = match nearest(name, known) {
                Some(meant) => format!("did you mean {meant}?"),
                None if known.is_empty() => "there are no parameters".to_owned(),
                None => format!("the parameters are {}", known.join(", ")),
            };
            field["msg"] = format!("{NOT_PERMITTED}: {advice}").into();
        }
        wrong
    }
}

/// What the time limit of a request counts for.
#[derive(Clone, Copy)]
enum TimeLimit {
    OfRequest,
    /// For each part of the work that the answer names.
    OfParts,
}

/// Where to take note of what is found out about a request.
fn recorded(request: &Request) -> Record {
    request.extensions().get().cloned().unwrap_or_default()
}

/// What a failed authentication is counted by.
struct Attempt {
    address: Option<IpAddr>,
    has_key: bool,
    /// The key, if what came can be one.
    fingerprint: Option<[u8; 32]>,
}

impl Attempt {
    fn of(head: &Head, key: &Result<Option<ApiKey>, ApiError>) -> Self {
        let key = key.as_ref().ok().and_then(Option::as_ref);
        Self {
            address: head.address,
            has_key: head.has_key,
            fingerprint: key.map(ApiKey::fingerprint),
        }
    }

    /// Passes an answer on; one that says that there was no valid key counts.
    fn noted(self, state: &AppState, answered: Answer) -> Answer {
        if answered.as_ref().is_err_and(ApiError::is_about_the_key) {
            state.note_refused(self.fingerprint.as_ref(), self.address, self.has_key);
        }
        answered
    }
}

/// Answers a request that is all right; what is wrong with another one, only those with a valid key learn.
async fn conclude<P, F: Future<Output = Answer>>(
    mut caller: Caller,
    plan: Plan<P>,
    answer: fn(Caller, P) -> F,
) -> Answer {
    match plan {
        Ok(plan) => answer(caller, plan).await,
        Err(wrong) => Err(caller.refuse(wrong).await),
    }
}
