use std::{fs, path::PathBuf};

use serde_json::Value;

use super::*;
use crate::server::{
    body::known_fields,
    error::FieldError,
    head::Head,
    routes::{
        changes,
        query::{self, about, format::parse_for_rows},
        series::{labels, search},
    },
};

fn kept() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json")
}

fn text() -> String {
    document().to_pretty_json().expect("it is JSON") + "\n"
}

#[test]
fn the_kept_document_is_that_of_the_code() {
    let kept = fs::read_to_string(kept()).expect("docs/openapi.json");
    assert!(
        kept == text(),
        "docs/openapi.json is old: cargo test -p timedb_http openapi -- --ignored"
    );
}

#[test]
fn bodies_have_the_fields_that_are_read() {
    let document: Value = serde_json::from_str(&text()).expect("it is JSON");
    for (schema, mut known) in known_fields() {
        let properties = &document["components"]["schemas"][schema]["properties"];
        let properties = properties.as_object().expect(schema);
        let mut described: Vec<_> = properties.keys().map(String::as_str).collect();
        described.sort_unstable();
        known.sort_unstable();
        assert_eq!(described, known, "{schema}");
    }
}

#[test]
fn each_parameter_of_a_query_is_known_to_the_route() {
    type Parse = fn(&Head) -> Result<(), Vec<FieldError>>;
    let routes: [(&str, &str, Parse); 9] = [
        ("/values", "get", |head| query::plan(head).map(drop)),
        ("/values/last", "get", |head| {
            query::plan_last(head).map(drop)
        }),
        ("/values", "put", |head| {
            query::parse_for_body(head).map(drop)
        }),
        ("/points", "post", |head| parse_for_rows(head).map(drop)),
        ("/changes", "get", |head| changes::plan(head).map(drop)),
        ("/upload", "post", |head| about::parse(head).map(drop)),
        ("/series", "get", |head| search::plan(head).map(drop)),
        ("/series/count", "get", |head| {
            search::plan_count(head).map(drop)
        }),
        ("/series/labels/{label}", "get", |head| {
            labels::plan_values(head).map(drop)
        }),
    ];
    let document: Value = serde_json::from_str(&text()).expect("it is JSON");
    for (path, method, parse) in routes {
        let parameters = document["paths"][path][method]["parameters"].as_array();
        for parameter in parameters.expect(path) {
            let name = parameter["name"].as_str().expect("a name");
            if parameter["in"] != "query" {
                continue;
            }
            let errors = parse(&Head::asking(&format!("{name}=")))
                .err()
                .unwrap_or_default();
            let unknown = errors.iter().any(|error| error.kind == "extra_forbidden");
            assert!(!unknown, "{method} {path}: {name}");
        }
        let errors = parse(&Head::asking("no_parameter=")).expect_err(path);
        assert_eq!(errors[0].kind, "extra_forbidden", "{method} {path}");
    }
}

#[test]
#[ignore = "it writes docs/openapi.json, for the change to be looked at"]
fn the_document_is_kept() {
    fs::write(kept(), text()).expect("docs/openapi.json");
}
