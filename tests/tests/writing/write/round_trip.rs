//! Values and instants come back to the last bit.

use timedb_tests::Db;
use timedb_tests::times::{HOUR, Micros, START};
use uuid::Uuid;

/// 0001-01-01T00:00:00Z and 9999-12-31T23:59:59.999999Z.
const EXTREMES: [i64; 2] = [-62_135_596_800_000_000, 253_402_300_799_999_999];

/// Uploads values at these instants and reads them back in time order.
async fn through(times: &[i64], values: &[Option<f64>]) -> (Vec<i64>, Vec<Option<u64>>) {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let instants: Vec<Micros> = times.iter().map(|time| Micros(*time)).collect();
    client
        .query_one(
            "SELECT * FROM timedb.upload($1, $2, ARRAY['x'])",
            &[&instants, &values],
        )
        .await
        .unwrap_or_else(|error| panic!("upload: {error:?}"));
    let rows = client
        .query(
            "SELECT valid_time, value FROM timedb.read_flat() ORDER BY valid_time",
            &[],
        )
        .await
        .unwrap();
    (
        rows.iter().map(|row| row.get::<_, Micros>(0).0).collect(),
        rows.iter()
            .map(|row| row.get::<_, Option<f64>>(1).map(f64::to_bits))
            .collect(),
    )
}

async fn values_survive(values: &[Option<f64>]) {
    let times: Vec<i64> = (0..values.len() as i64).map(|i| START + i).collect();
    let (_, found) = through(&times, values).await;
    let expected: Vec<Option<u64>> = values.iter().map(|value| value.map(f64::to_bits)).collect();
    let wrong = expected.iter().zip(&found).position(|(a, b)| a != b);
    assert_eq!(wrong, None, "{:?}", wrong.map(|at| values[at]));
    assert_eq!(found.len(), expected.len());
}

const ODD: [f64; 22] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.1,
    0.3,
    -273.15,
    1e308,
    -1e308,
    f64::MAX,
    f64::MIN,
    f64::MIN_POSITIVE,
    5e-324,
    -5e-324,
    f64::EPSILON,
    std::f64::consts::PI,
    9_007_199_254_740_991.0,
    9_007_199_254_740_993.0,
    9.223_372_036_854_776e18,
    1.844_674_407_370_955_2e19,
    1e22,
    123_456_789.123_456_78,
];

#[tokio::test]
async fn each_odd_value_survives_alone() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    for (number, value) in ODD.iter().enumerate() {
        let name = format!("odd {number}");
        client
            .query_one(
                "SELECT * FROM timedb.upload('{2025-01-01}', ARRAY[$1::float8], ARRAY[$2::text])",
                &[value, &name],
            )
            .await
            .unwrap();
        let row = client
            .query_one("SELECT value FROM timedb.read_flat(name => $1)", &[&name])
            .await
            .unwrap();
        assert_eq!(row.get::<_, f64>(0).to_bits(), value.to_bits(), "{value}");
    }
}

#[tokio::test]
async fn odd_values_survive_together_with_nulls_between_them() {
    let mut values: Vec<Option<f64>> = ODD.iter().map(|value| Some(*value)).collect();
    values_survive(&values).await;
    for at in [22, 11, 10, 0] {
        values.insert(at, None);
    }
    values_survive(&values).await;
    values_survive(&[None]).await;
    values_survive(&vec![None; 5000]).await;
}

#[tokio::test]
async fn long_runs_survive_whatever_they_are_encoded_as() {
    let n = 9_000;
    let decimals = |scale: f64| -> Vec<Option<f64>> {
        (0..n)
            .map(|i| Some(f64::from(i * 7 % 1000 - 500) / scale))
            .collect()
    };
    values_survive(&decimals(100.0)).await;
    values_survive(&decimals(1e9)).await;
    values_survive(&decimals(3.0)).await;
    // One value that is no decimal among many that are, and one that is -0.0.
    let mut mixed = decimals(10.0);
    mixed[4_000] = Some(std::f64::consts::E);
    mixed[4_100] = Some(-0.0);
    mixed[8_999] = Some(5e-324);
    mixed[17] = None;
    values_survive(&mixed).await;
    values_survive(&vec![Some(-0.0); n as usize]).await;
    let noise = |i: i32| {
        f64::from_bits(Uuid::new_v4().as_u64_pair().0 & !(1 << 62) ^ i.unsigned_abs() as u64)
    };
    values_survive(&(0..n).map(|i| Some(noise(i))).collect::<Vec<_>>()).await;
}

#[tokio::test]
async fn instants_survive_to_the_microsecond() {
    for times in [
        vec![START],
        vec![START, START + 1],
        vec![
            EXTREMES[0],
            -1,
            0,
            1,
            START + 999_999,
            EXTREMES[1] - 1,
            EXTREMES[1],
        ],
        (0..5_000).map(|i| START + i * HOUR).collect(),
        (0..5_000).map(|i| START + i * HOUR + i % 7).collect(),
        (0..5_000).map(|i: i64| START + i * i * i).collect(),
        (0..600)
            .map(|i| EXTREMES[0] + i * 525_000_000_000_000)
            .collect(),
    ] {
        let values = vec![Some(1.0); times.len()];
        assert_eq!(through(&times, &values).await.0, times);
    }
}

#[tokio::test]
async fn ends_and_known_times_survive_to_the_microsecond() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    for (known, valid, end) in [
        (EXTREMES[0], EXTREMES[0], EXTREMES[0] + 1),
        (EXTREMES[1], EXTREMES[0], EXTREMES[1]),
        (START + 1, EXTREMES[1] - 1, EXTREMES[1]),
        (-1, -1, 0),
    ] {
        client
            .query_one(
                "SELECT * FROM timedb.upload(ARRAY[$1::timestamptz], '{1}', '{x}',
                     valid_time_end => ARRAY[$2::timestamptz], known_time => $3)",
                &[&Micros(valid), &Micros(end), &Micros(known)],
            )
            .await
            .unwrap();
        let rows = client
            .query(
                "SELECT 1 FROM timedb.read_versions()
                 WHERE valid_time = $1 AND valid_time_end = $2 AND known_time = $3",
                &[&Micros(valid), &Micros(end), &Micros(known)],
            )
            .await
            .unwrap();
        assert_eq!(rows.len(), 1, "{valid} {end} {known}");
    }
}
