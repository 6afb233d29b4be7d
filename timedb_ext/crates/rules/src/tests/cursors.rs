//! Positions and their cursors.

use crate::time::{MAX_TIME, MIN_TIME};
use crate::{PagePlace, Position, Reached, ReachedPoint, SqlState};
use proptest::prelude::*;

const TENANT: [u8; 16] = [7; 16];

fn position() -> impl Strategy<Value = Position> {
    let id = || any::<[u8; 16]>();
    let reached = prop_oneof![
        Just(Reached::Instant),
        id().prop_map(|batch_id| Reached::Batch(batch_id, ReachedPoint::Last)),
        (id(), id(), any::<i64>(), any::<i64>()).prop_map(
            |(batch_id, series, valid_time, valid_time_end)| {
                let point = ReachedPoint::Point(series, valid_time, valid_time_end);
                Reached::Batch(batch_id, point)
            }
        ),
    ];
    (any::<i64>(), reached).prop_map(|(change_time, place)| Position { change_time, place })
}

fn page_place() -> impl Strategy<Value = PagePlace> {
    let time = || MIN_TIME..=MAX_TIME;
    (time(), any::<[u8; 16]>(), time(), any::<u64>()).prop_map(
        |(as_of_change, series, valid_time, rows)| PagePlace {
            as_of_change,
            series,
            valid_time,
            rows,
        },
    )
}

proptest! {
    #[test]
    fn a_cursor_of_a_page_gives_its_place_back_to_its_tenant(place in page_place(), other in any::<[u8; 16]>()) {
        prop_assume!(other != TENANT);
        let cursor = place.cursor(&TENANT);
        prop_assert_eq!(PagePlace::parse(&cursor, &TENANT).expect("it is one"), place);
        prop_assert!(PagePlace::parse(&cursor, &other).is_err());
        // Of the two kinds of cursors neither is the other.
        prop_assert!(Position::parse(&cursor, &TENANT).is_err());
    }

    #[test]
    fn a_page_begins_behind_no_time_that_cannot_be(place in page_place(), time in MAX_TIME + 1..) {
        for far in [PagePlace { as_of_change: time, ..place }, PagePlace { valid_time: time, ..place }] {
            prop_assert!(PagePlace::parse(&far.cursor(&TENANT), &TENANT).is_err());
        }
    }

    #[test]
    fn a_cursor_gives_its_position_back(position in position()) {
        let cursor = position.cursor(&TENANT);
        prop_assert_eq!(Position::parse(&cursor, &TENANT).expect("it is one"), position);
    }

    #[test]
    fn a_cursor_is_good_for_its_tenant_only(position in position(), other in any::<[u8; 16]>()) {
        prop_assume!(other != TENANT);
        let refused = Position::parse(&position.cursor(&TENANT), &other).expect_err("it is another's");
        prop_assert_eq!(refused.into_parts().0, SqlState::INVALID_PARAMETER_VALUE);
    }

    #[test]
    fn a_cursor_that_was_changed_is_refused(position in position(), at in any::<prop::sample::Index>(), by in 1_u8..64) {
        let mut cursor = position.cursor(&TENANT).into_bytes();
        let place = at.index(cursor.len());
        cursor[place] = cursor[place].wrapping_add(by);
        let changed = String::from_utf8_lossy(&cursor);
        // The last character may have bits that say nothing; base64 refuses those.
        prop_assert!(Position::parse(&changed, &TENANT).is_err());
    }

    #[test]
    fn any_text_is_a_cursor_or_an_error(text in ".{0,200}") {
        let _ = Position::parse(&text, &TENANT);
    }

    #[test]
    fn positions_are_ordered_like_changes(a in position(), b in position()) {
        // The whole of a change_time comes after each of its writes, the whole of a write after each of its points.
        let all = Position::behind_instant(a.change_time);
        prop_assert!(a <= all);
        if let Reached::Batch(batch_id, ReachedPoint::Point(..)) = a.place {
            prop_assert!(a < Position::behind_batch(a.change_time, batch_id));
        }
        if a.change_time < b.change_time {
            prop_assert!(a < b && all < b);
        }
        prop_assert!(Position::BEGINNING <= a || a.change_time == i64::MIN);
    }
}

#[test]
fn an_error_repeats_no_more_than_the_beginning_of_a_long_cursor() {
    let long = "x".repeat(10_000);
    let refused = Position::parse(&long, &TENANT).expect_err("it is none");
    let (_, message, ..) = refused.into_parts();
    assert_eq!(
        message,
        format!("invalid cursor \"{}...\"", "x".repeat(100))
    );
}
