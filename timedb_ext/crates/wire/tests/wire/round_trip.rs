//! What is written is what is read.

use proptest::prelude::*;
use timedb_wire::Chunk;

use crate::model::{Buckets, Points, Sent, buckets, points, sent};

proptest! {
    #[test]
    fn an_upload_is_read_as_it_was_sent(sent in sent()) {
        prop_assert_eq!(Sent::read(&sent.pack()), Ok(sent));
    }

    #[test]
    fn a_chunk_of_points_is_read_as_it_was_sent(points in points()) {
        let bytes = points.pack();
        prop_assert_eq!(Points::read(&Chunk::decode(&bytes).unwrap()), points);
    }

    #[test]
    fn a_chunk_of_buckets_is_read_as_it_was_sent(buckets in buckets()) {
        let bytes = buckets.pack();
        prop_assert_eq!(Buckets::read(&Chunk::decode(&bytes).unwrap()), buckets);
    }
}
