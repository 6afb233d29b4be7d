//! Bodies cut into pieces of all sizes, whole and broken.

use std::io::Write;

use axum::http::HeaderValue;
use flate2::{Compression, write::GzEncoder};
use futures_util::stream;

use super::*;

fn packed(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

/// All that comes out, or the sentence of the error, when it comes in pieces of this size.
async fn unpacked(bytes: &[u8], size: usize) -> Result<Vec<u8>, String> {
    unpacked_from(Coding::Gzip, bytes, size).await
}

async fn unpacked_from(coding: Coding, bytes: &[u8], size: usize) -> Result<Vec<u8>, String> {
    let pieces: Vec<_> = bytes
        .chunks(size)
        .map(|piece| Ok::<_, io::Error>(Bytes::copy_from_slice(piece)))
        .collect();
    let body = Body::from_stream(stream::iter(pieces));
    let mut pieces = BodyPieces::new(body, coding);
    let mut all = Vec::new();
    loop {
        match pieces.next().await {
            Ok(Some(piece)) => {
                assert!(piece.len() <= UNPACKED);
                all.extend_from_slice(piece);
            }
            Ok(None) => return Ok(all),
            Err(Fault::Transport(error) | Fault::Content(error)) => {
                return Err(error.detail().to_string());
            }
        }
    }
}

#[tokio::test]
async fn gzip_comes_out_as_it_went_in_however_it_is_cut() {
    let plain: Vec<u8> = (0..300_000_u32)
        .flat_map(|n| (n % 977).to_le_bytes())
        .collect();
    for plain in [&b""[..], b"x", &plain] {
        let bytes = packed(plain);
        for size in [1, 7, 4096, bytes.len()] {
            assert_eq!(unpacked(&bytes, size).await.as_deref(), Ok(plain), "{size}");
        }
        // Several, one after the other, count as one.
        let twice = [bytes.clone(), bytes].concat();
        assert_eq!(unpacked(&twice, 5).await, Ok([plain, plain].concat()));
    }
}

#[tokio::test]
async fn what_is_no_gzip_or_not_all_of_it_is_told_so() {
    let bytes = packed(&[b'x'; 10_000]);
    for size in [1, 1000] {
        for cut in [0, 3, 12, bytes.len() - 9, bytes.len() - 1] {
            let told = unpacked(&bytes[..cut], size).await.unwrap_err();
            assert!(told.contains("not valid, complete gzip"), "{cut}: {told}");
        }
        let mut damaged = bytes.clone();
        let at = damaged.len() - 6;
        damaged[at] ^= 1;
        for bytes in [
            &b"{\"a\": 1}  no gzip"[..],
            &damaged,
            &[bytes.clone(), b"junk here".to_vec()].concat(),
        ] {
            let told = unpacked(bytes, size).await.unwrap_err();
            assert!(told.contains("not valid, complete gzip"), "{told}");
        }
    }
}

#[test]
fn gzip_and_zstd_are_the_only_codings() {
    let coding = |values: &[&'static str]| {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("content-encoding", HeaderValue::from_static(value));
        }
        Coding::of(&headers, false).map_err(|error| error.status())
    };
    for plain in [&[][..], &[""], &["identity"], &["identity", " "]] {
        assert_eq!(coding(plain), Ok(Coding::Plain));
    }
    for gzip in [&["gzip"][..], &["GZip"], &["x-gzip"], &["identity", "gzip"]] {
        assert_eq!(coding(gzip), Ok(Coding::Gzip));
    }
    assert_eq!(coding(&["identity", "ZSTD"]), Ok(Coding::Zstd));
    for other in [
        &["br"][..],
        &["deflate"],
        &["gzip, gzip"],
        &["gzip", "br"],
        &["zstd", "gzip"],
    ] {
        assert_eq!(coding(other), Err(415), "{other:?}");
    }
}

#[tokio::test]
async fn zstd_comes_out_as_it_went_in_and_is_refused_where_it_is_none() {
    let plain: Vec<u8> = (0..300_000_u32)
        .flat_map(|n| (n % 977).to_le_bytes())
        .collect();
    let bytes = zstd::encode_all(&plain[..], 3).unwrap();
    for size in [1, 7, 4096, bytes.len()] {
        let read = unpacked_from(Coding::Zstd, &bytes, size).await;
        assert_eq!(read.as_deref(), Ok(&plain[..]), "{size}");
        let cut = unpacked_from(Coding::Zstd, &bytes[..bytes.len() - 1], size).await;
        assert!(
            cut.is_err_and(|told| told.contains("complete zstd")),
            "{size}"
        );
    }
    let twice = [bytes.clone(), bytes].concat();
    let read = unpacked_from(Coding::Zstd, &twice, 5).await;
    assert_eq!(read, Ok([&plain[..], &plain].concat()));
    let none = unpacked_from(Coding::Zstd, b"{\"batch_start_time\": 0}", 7).await;
    assert!(none.is_err());
    // One that refers further back than it may.
    let mut far = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    far.window_log(27).unwrap();
    far.write_all(&plain).unwrap();
    assert!(
        unpacked_from(Coding::Zstd, &far.finish().unwrap(), 4096)
            .await
            .is_err()
    );
}
