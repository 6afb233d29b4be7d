use proptest::prelude::*;

use super::*;

fn one(text: &str) -> Result<LinePoint<'_>, &'static str> {
    let mut all: Vec<_> = lines(text).collect();
    assert_eq!(all.len(), 1, "{text}");
    all.remove(0).point
}

#[test]
fn a_line_has_tags_fields_and_a_time() {
    let point = one("wea\\ ther,site=a\\,b,b=x t=1.5,n=3i,u=4u,ok=t,s=\"a, \\\" b\" 17").unwrap();
    assert_eq!(point.measurement, "wea ther");
    let tags: Vec<_> = point
        .tags
        .iter()
        .map(|(k, v)| (k.as_ref(), v.as_ref()))
        .collect();
    assert_eq!(tags, [("b", "x"), ("site", "a,b")]);
    let values: Vec<_> = point.fields.iter().map(|(_, value)| *value).collect();
    let number = LineValue::Number;
    assert_eq!(
        values,
        [
            number(1.5),
            number(3.0),
            number(4.0),
            number(1.0),
            LineValue::Text
        ]
    );
    assert_eq!(point.timestamp, Some(17));
}

#[test]
fn what_is_wrong_with_a_line_is_named_and_the_next_one_is_read() {
    for (line, reason) in [
        ("m", "missing fields"),
        (",a=b f=1", "missing measurement"),
        ("m,a f=1", "missing tag value"),
        ("m,a=1,a=2 f=1", "duplicate tags"),
        ("m f", "invalid field format"),
        ("m f=", "missing field value"),
        ("m f=nan", "invalid number"),
        ("m f=1e999", "invalid number"),
        ("m f=1ii", "invalid number"),
        ("m f=1 x", "bad timestamp"),
        ("m f=1 1 1", "unexpected text after the timestamp"),
    ] {
        assert_eq!(one(line), Err(reason), "{line}");
        let text = format!("# comment\n{line}\r\n\nm f=1\n");
        let all: Vec<_> = lines(&text).collect();
        assert_eq!(all.len(), 2, "{line}");
        assert_eq!((all[0].number, all[0].text), (2, line));
        assert_eq!(all[1].number, 4);
        assert!(all[1].point.is_ok());
    }
    assert_eq!(one("m f=\"a"), Err("unbalanced quotes"));
}

/// A name as the protocol writes it.
fn escaped(text: &str) -> String {
    let special = |c| matches!(c, ',' | '=' | ' ');
    text.chars()
        .flat_map(|c| special(c).then_some('\\').into_iter().chain([c]))
        .collect()
}

proptest! {
    #[test]
    fn any_text_is_read_to_its_end(text in "[a\"\\\\=, \n\r#1iü-]{0,60}") {
        prop_assert!(lines(&text).count() <= text.len());
    }

    #[test]
    fn names_and_numbers_come_back(
        tag in "[a-z ,=ü]{1,8}", value in "[a-z ,=ü]{1,8}", field in "[a-z ,=ü]{1,8}",
        number in proptest::num::f64::NORMAL, time: i64,
    ) {
        let text = format!("m,{}={} {}={number:?} {time}", escaped(&tag), escaped(&value), escaped(&field));
        let point = one(&text).unwrap();
        prop_assert_eq!(&point.tags, &[(Cow::Borrowed(tag.as_str()), Cow::Borrowed(value.as_str()))]);
        prop_assert_eq!(&point.fields, &[(Cow::Borrowed(field.as_str()), LineValue::Number(number))]);
        prop_assert_eq!(point.timestamp, Some(time));
    }
}
