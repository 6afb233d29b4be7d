//! Heads of requests that arrive in pieces, and what passes of them.

use super::*;

/// Feeds bytes in pieces; returns what passed, and how it ended.
fn through(bytes: &[u8], piece: usize) -> (Vec<u8>, Option<Step>) {
    let (mut gate, mut passed, mut waiting) = (Gate::new(), Vec::new(), Vec::new());
    for part in bytes.chunks(piece.max(1)) {
        waiting.extend_from_slice(part);
        loop {
            match gate.step(&waiting) {
                Step::Wait => break,
                Step::Pass(count) => passed.extend(waiting.drain(..count)),
                Step::Skip(count) => drop(waiting.drain(..count)),
                end => return (passed, Some(end)),
            }
        }
    }
    (passed, None)
}

#[test]
fn well_formed_requests_pass_whole_in_pieces_of_any_size() {
    let requests = [
        "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /values?name=a%20b HTTP/1.0\r\n\r\n",
        "POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 14\r\n\r\n{\"a\":\n\"b\"}\r\n\r\n",
        "POST /upload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n\
         4\r\nab\n\n\r\n1a;x=\"y\"\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\nTrailer: z\r\n\r\n",
        "PUT /values HTTP/1.1\r\nhost:x\r\ncontent-length: 3\r\nContent-Length: 3\r\n\r\nabc",
        "POST /upload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
    ];
    let all = requests.concat();
    for piece in [1, 2, 3, 7, 64, 10_000] {
        let (passed, end) = through(all.as_bytes(), piece);
        assert_eq!(end, None);
        assert_eq!(String::from_utf8(passed).unwrap(), all, "pieces of {piece}");
    }
    // Empty lines in front of a request mean nothing.
    let (passed, end) = through(b"\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", 5);
    assert_eq!((passed.len(), end), (requests[0].len(), None));
}

#[test]
fn what_two_could_read_differently_is_refused() {
    let host = "Host: x\r\n";
    for (request, refusal) in [
        (
            "GET / HTTP/1.1\nHost: x\n\n".to_owned(),
            Refusal::BareNewline,
        ),
        (
            "GET / HTTP/1.1\r\nHost: x\nA: b\r\n\r\n".to_owned(),
            Refusal::BareNewline,
        ),
        (
            "GET / HTTP/1.1\r\nHost: x\r\n\n".to_owned(),
            Refusal::BareNewline,
        ),
        (
            "\nGET / HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
            Refusal::BareNewline,
        ),
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), Refusal::NoHost),
        (
            format!("GET / HTTP/1.1\r\n{host}{host}\r\n"),
            Refusal::SeveralHosts,
        ),
        (
            format!("GET / HTTP/1.0\r\n{host}{host}\r\n"),
            Refusal::SeveralHosts,
        ),
        (
            format!("POST / HTTP/1.1\r\n{host}Transfer-Encoding: gzip, chunked\r\n\r\n"),
            Refusal::Coding,
        ),
        (
            format!("POST / HTTP/1.1\r\n{host}Transfer-Encoding: identity\r\n\r\n"),
            Refusal::Coding,
        ),
        (
            format!("POST / HTTP/1.1\r\n{host}Transfer-Encoding: xchunked\r\n\r\n"),
            Refusal::Coding,
        ),
        (
            format!(
                "POST / HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"
            ),
            Refusal::Framing,
        ),
        (
            format!(
                "POST / HTTP/1.1\r\n{host}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
            ),
            Refusal::Framing,
        ),
        (
            format!(
                "POST / HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"
            ),
            Refusal::Framing,
        ),
        (
            "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned(),
            Refusal::Framing,
        ),
        (
            format!("POST / HTTP/1.1\r\n{host}Content-Length: 5\r\nContent-Length: 6\r\n\r\n"),
            Refusal::Framing,
        ),
        (
            format!("POST / HTTP/1.1\r\n{host}Content-Length: 5, 5\r\n\r\n"),
            Refusal::Framing,
        ),
        (
            format!("POST / HTTP/1.1\r\n{host}Content-Length: +5\r\n\r\n"),
            Refusal::Framing,
        ),
        (
            format!("POST / HTTP/1.1\r\n{host}Content-Length: 99999999999999999999\r\n\r\n"),
            Refusal::Framing,
        ),
        (
            format!("GET / HTTP/1.1\r\n{host}A: b\r\n c\r\n\r\n"),
            Refusal::Malformed,
        ),
        (
            format!("GET / HTTP/1.1\r\n{host}A : b\r\n\r\n"),
            Refusal::Malformed,
        ),
        ("PRI * HTTP/2.0\r\n\r\n".to_owned(), Refusal::Malformed),
        (
            format!("GET http:// HTTP/1.1\r\n{host}\r\n"),
            Refusal::Target,
        ),
        (
            format!("GET / HTTP/1.1\r\n{host}{}\r\n", "A: b\r\n".repeat(100)),
            Refusal::TooLarge,
        ),
        (
            format!(
                "GET / HTTP/1.1\r\n{host}A: {}\r\n\r\n",
                "b".repeat(MAX_HEAD)
            ),
            Refusal::TooLarge,
        ),
    ] {
        for piece in [1_000_000, 5] {
            let (passed, end) = through(request.as_bytes(), piece);
            assert_eq!(end, Some(Step::Refuse(refusal)), "{request:?}");
            assert!(passed.is_empty(), "{request:?}");
        }
    }
}

#[test]
fn a_chunk_that_is_none_breaks_the_body() {
    let head = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    for body in [
        "4\nabcd\r\n0\r\n\r\n",
        "x\r\n",
        "\r\n",
        "-1\r\n",
        "4\r\nabcde\r\n0\r\n\r\n",
        "4\r\nabcd\n0\r\n\r\n",
        "ffffffffffffffffff\r\n",
        "0\r\nA: b\n\r\n",
        "1;\n\r\na\r\n0\r\n\r\n",
    ] {
        for piece in [1, 100] {
            let (_, end) = through(format!("{head}{body}").as_bytes(), piece);
            assert_eq!(end, Some(Step::Break), "{body:?}");
        }
    }
}

#[test]
fn a_refused_request_stands_for_its_reason() {
    for refusal in Refusal::ALL {
        let request = refusal.request();
        let path = request.split(' ').nth(1).unwrap();
        assert_eq!(Refusal::of_path(path), refusal);
        assert_eq!(through(request.as_bytes(), 3).1, None);
    }
    assert_eq!(Refusal::of_path("/99"), Refusal::Malformed);
}

#[test]
fn what_the_library_would_refuse_without_a_sentence_is_refused_before() {
    let name = "x".repeat(MAX_TARGET + 2);
    let get = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n");
    for (request, refusal) in [
        (get(&format!("/{name}")), Refusal::TargetTooLong),
        ("x".repeat(MAX_HEAD + 1), Refusal::TargetTooLong),
        (get("/<x>"), Refusal::Target),
        (
            format!("GET / HTTP/1.1\r\nHost: x\r\n{name}: y\r\n\r\n"),
            Refusal::TooLarge,
        ),
        (
            format!(
                "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n",
                u64::MAX
            ),
            Refusal::Framing,
        ),
    ] {
        let (_, end) = through(request.as_bytes(), 16 << 10);
        assert_eq!(end, Some(Step::Refuse(refusal)), "{:.60}", request);
    }
    let (passed, end) = through(
        get(&format!("/{}", &name[..MAX_TARGET - 1])).as_bytes(),
        9999,
    );
    assert_eq!((passed.is_empty(), end), (false, None));
}
