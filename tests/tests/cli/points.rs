//! `timedb write` and `timedb read`: every form in and out, runs that are repeated, mistakes, and pictures.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use timedb_tests::{Config, Db, Output, Role, cli, python, signal};

/// A folder, and a store whose tenant A it writes to.
struct Points {
    db: Db,
    folder: tempfile::TempDir,
}

impl Points {
    async fn new() -> Self {
        Self {
            db: Db::new().await,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn file(&self, name: &str, content: &str) -> String {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        path.display().to_string()
    }

    fn run(&self, arguments: &[&str], input: Option<&Path>) -> Output {
        let command = cli(arguments)
            .env("TIMEDB_DSN", self.db.dsn(Role::User))
            .env("TIMEDB_API_KEY", &self.db.a().key);
        match input {
            Some(input) => command.stdin(input).run(),
            None => command.run(),
        }
    }

    /// Runs it, and returns what it prints as JSON.
    #[track_caller]
    fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[arguments, &["--json"]].concat(), None);
        assert_eq!(output.code, 0, "{output:?}");
        serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
    }

    /// Names, times and values of what is stored.
    #[track_caller]
    fn stored(&self) -> Vec<(String, String, Value)> {
        let rows = self.json(&["read"]);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let rows = rows.as_array().unwrap().iter();
        let mut rows: Vec<_> = rows
            .map(|row| {
                (
                    text(&row["name"]),
                    text(&row["valid_time"]),
                    row["value"].clone(),
                )
            })
            .collect();
        rows.sort_by_key(|row| (row.0.clone(), row.1.clone()));
        rows
    }
}

fn expected() -> Vec<(String, String, Value)> {
    let time = |hour| format!("2025-01-01T0{hour}:00:00.000000+00:00");
    vec![
        ("a".to_owned(), time(0), json!(1.5)),
        ("a".to_owned(), time(1), Value::Null),
        ("b".to_owned(), time(0), json!(-2.0)),
    ]
}

const CSV: &str = "name,valid_time,value,unit,labels\n\
     a,2025-01-01T00:00:00Z,1.5,MW,\"{\"\"site\"\": \"\"north\"\"}\"\n\
     a,2025-01-01 01:00,,MW,\"{\"\"site\"\": \"\"north\"\"}\"\n\
     b,2025-01-01T01:00:00+01:00,-2,,\n";

const NDJSON: &str = "{\"name\":\"a\",\"valid_time\":\"2025-01-01T00:00:00Z\",\"value\":1.5,\"unit\":\"MW\",\"labels\":{\"site\":\"north\"}}\n\
     \n\
     {\"value\":null,\"name\":\"a\",\"valid_time\":\"2025-01-01T01:00:00Z\",\"unit\":\"MW\",\"labels\":{\"site\":\"north\"}}\n\
     {\"name\":\"b\",\"valid_time\":\"2025-01-01T00:00:00Z\",\"value\":\"-2\"}";

#[tokio::test]
async fn points_are_written_from_every_form_and_recognised_by_what_they_look_like() {
    let rows: Vec<&str> = NDJSON.lines().filter(|line| !line.is_empty()).collect();
    let json = format!("[{}]", rows.join(",\n"));
    for content in [CSV, NDJSON, &json, &format!("\u{feff}{CSV}")] {
        let points = Points::new().await;
        let file = points.file("points", content);
        let written = points.run(&["write", &file], None);
        assert_eq!(written.stdout, "✓ 3 points written\n", "{written:?}");
        assert_eq!(points.stored(), expected(), "{content}");
        // The same from stdin has been written.
        let again = points.run(&["write"], Some(&points.path("points")));
        assert_eq!(
            again.stdout, "✓ 0 points written, 3 were there from an earlier run\n",
            "{again:?}"
        );
    }
}

#[tokio::test]
async fn what_is_read_can_be_written_again_in_every_form() {
    let from = Points::new().await;
    let csv = from.file("in.csv", CSV);
    from.json(&["write", &csv]);
    for (name, format) in [
        ("out.csv", None),
        ("out.ndjson", None),
        ("out.json", None),
        ("out.arrow", None),
        ("out.parquet", None),
        ("out", Some("arrow")),
    ] {
        let file = from.path(name).display().to_string();
        let format = format.map_or(vec![], |format| vec!["--format", format]);
        let read = from.json(&[&["read", "-o", &file][..], &format].concat());
        assert_eq!(read["points"], 3, "{read}");
        assert!(!from.path(&format!("{name}.part")).exists());
        let to = Points::new().await;
        let written = to.json(&["write", &file]);
        assert_eq!(written["points"], 3, "{name}: {written}");
        assert_eq!(to.stored(), expected(), "{name}");
        let series = to.json(&["series", "list", "--name", "a"]);
        assert_eq!(
            (&series[0]["unit"], &series[0]["labels"]),
            (&json!("MW"), &json!({"site": "north"})),
            "{name}"
        );
    }
}

#[tokio::test]
async fn versions_and_filters_come_out_in_every_form() {
    let points = Points::new().await;
    for (value, known) in [("1", "2025-01-01"), ("2", "2025-01-02")] {
        let csv = format!("valid_time,value\n2025-01-03,{value}\n2025-01-04,{value}\n");
        let file = points.file("in.csv", &csv);
        points.json(&[
            "write",
            &file,
            "--name",
            "f",
            "-l",
            "run=x",
            "--known-time",
            known,
        ]);
    }
    let count = |arguments: &[&str]| {
        let rows = points.json(&[&["read"], arguments].concat());
        rows.as_array().unwrap().len()
    };
    assert_eq!(count(&["f"]), 2);
    assert_eq!(count(&["g"]), 0);
    assert_eq!(count(&["--mode", "overlapping"]), 4);
    assert_eq!(count(&["--end-valid", "2025-01-04"]), 1);
    assert_eq!(count(&["--label", "run=x", "f", "g"]), 2);
    assert_eq!(count(&["--label", "run=y"]), 0);
    let early = points.json(&["read", "--as-of", "2025-01-01T12:00:00Z"]);
    assert_eq!(early[0]["value"], 1.0, "{early}");
    let versions = points.json(&["read", "-m", "versions"]);
    let members: Vec<&String> = versions[0].as_object().unwrap().keys().collect();
    let csv = points.run(&["read", "-m", "versions"], None).stdout;
    let mut header: Vec<&str> = csv.lines().next().unwrap().split(',').collect();
    // Rows of JSON have it where the point does.
    header.retain(|name| *name != "valid_time_end");
    header.sort_unstable();
    assert_eq!(members, header);
    assert_eq!(csv.lines().count(), 5, "{csv}");
    let file = points.path("v.arrow").display().to_string();
    points.json(&["read", "-m", "versions", "-o", &file]);
    // The columns are what pandas and pyarrow make of them.
    let program = "import sys, pyarrow as pa\n\
         t = pa.ipc.open_stream(sys.argv[1]).read_all()\n\
         print(t.num_rows, t.schema.field('known_time').type, sorted(set(t['name'].to_pylist())), t['value'].to_pylist())";
    let printed = python(&["-c", program, &file]).ok();
    assert!(
        printed.starts_with("4 timestamp[us, tz=UTC] ['f'] ["),
        "{printed}"
    );
}

#[tokio::test]
async fn a_run_that_stopped_goes_on_where_it_was_and_stores_nothing_twice() {
    let points = Points::new().await;
    let rows: String = (0..25)
        .map(|minute| format!("x,2025-01-01T00:{minute:02}:00Z,{minute}\n"))
        .collect();
    let broken = rows.replace("00:17:00Z,17", "00:17:00Z,seventeen");
    let broken = points.file("p.csv", &format!("name,valid_time,value\n{broken}"));
    let stopped = points.run(&["write", &broken, "--batch-points", "5"], None);
    assert_eq!(
        (stopped.code, stopped.stdout.as_str()),
        (1, ""),
        "{stopped:?}"
    );
    assert!(
        stopped
            .stderr
            .contains("Row 18: value: \"seventeen\" is no finite number"),
        "{stopped:?}"
    );
    assert!(
        stopped
            .stderr
            .contains("3 batches before that are stored, with 15 points"),
        "{stopped:?}"
    );
    let mended = points.file("p.csv", &format!("name,valid_time,value\n{rows}"));
    let done = points.json(&["write", &mended, "--batch-points", "5"]);
    assert_eq!(
        done,
        json!({"batches": 5, "replayed": 3, "points": 10, "present": 15, "unchanged": 0})
    );
    assert_eq!(
        points
            .json(&["read", "--mode", "versions"])
            .as_array()
            .unwrap()
            .len(),
        25
    );
    // Under a name of its own it is another write, and the same name with other content is refused.
    let named = ["write", &mended, "--batch", "run 2"];
    assert_eq!(points.json(&named)["points"], 25);
    assert_eq!(points.json(&named)["replayed"], 1);
    let other = points.file("q.csv", "name,valid_time,value\nx,2025-01-01,7\n");
    let refused = points.run(&["write", &other, "--batch", "run 2"], None);
    assert_eq!(refused.code, 1, "{refused:?}");
    let unchanged = points.json(&["write", &mended, "--batch", "run 3", "--skip-unchanged"]);
    assert_eq!(
        (&unchanged["points"], &unchanged["unchanged"]),
        (&json!(0), &json!(25))
    );
}

#[tokio::test]
async fn mistakes_name_the_row_and_the_field() {
    let points = Points::new().await;
    for (content, wanted) in [
        ("", "Header: it is missing"),
        ("valid_time,valeu\n", "Header: unknown column \"valeu\""),
        ("value,value\n1,2\n", "the column \"value\" is there twice"),
        (
            "name,valid_time,value\nx,2025-01-01,1\nx,yesterday,1\n",
            "Row 2: valid_time: \"yesterday\"",
        ),
        ("name,valid_time,value\nx,2025-01-01\n", "Row 1: "),
        (
            "name,valid_time,value\nx,2025-01-01,NaN\n",
            "Row 1: value: \"NaN\"",
        ),
        (
            "valid_time,value\n2025-01-01,1\n",
            "Row 1: the series is missing",
        ),
        ("{\"name\":\"x\"}\n", "Row 1: valid_time is missing"),
        (
            "{\"name\":\"x\",\"valid_time\":1735689600,\"value\":1}\n",
            "Row 1: valid_time: 1735689600",
        ),
        (
            "{\"name\":\"x\",\"valid_time\":\"2025-01-01\",\"value\":tru}\n",
            "Row 1: ",
        ),
        (
            "{\"name\":\"x\",\"name\":\"y\"}\n",
            "Row 1: the member \"name\" is there twice",
        ),
        (
            "[{\"name\":\"x\",\"valid_time\":\"2025-01-01\",\"value\":1}",
            "Row 2: ",
        ),
        (
            "[{\"name\":\"x\",\"valid_time\":\"2025-01-01\",\"vlaue\":1}]",
            "Row 1: unknown column",
        ),
        (
            "name,valid_time,value\nx,300000-01-01,1\n",
            "Row 1: valid_time: \"300000-01-01\" is no time (years 1 to 9999 are accepted)",
        ),
        (
            "name,valid_time,value\na\0b,2025-01-01,1\n",
            "Row 1: name: the character U+0000 cannot be stored",
        ),
        (
            "{\"name\":\"x\",\"valid_time\":\"2025-01-01\",\"value\":NaN}\n",
            "Row 1: NaN is not a number in JSON; a missing value is null",
        ),
        ("PAR1....", "Invalid Parquet file"),
        ("ARROW1..", "an Arrow IPC file"),
    ] {
        let file = points.file("wrong", content);
        let refused = points.run(&["write", &file], None);
        assert_eq!(
            (refused.code, refused.stdout.as_str()),
            (1, ""),
            "{content}: {refused:?}"
        );
        assert!(refused.stderr.contains(wanted), "{content}: {refused:?}");
        assert!(!refused.stderr.contains("panicked"), "{refused:?}");
    }
    // What the database refuses is told without what it tells programs.
    let file = points.file("wrong", "name,valid_time,value\n\"a\nb\",2025-01-01,1\n");
    let refused = points.run(&["write", &file], None);
    let told = refused.stderr.contains("control character U+000A");
    assert!(told && !refused.stderr.contains("timedb:"), "{refused:?}");
    // A file that is not what its name says is not taken for CSV.
    for (name, wanted) in [
        ("x.parquet", "x.parquet is no Parquet file"),
        ("x.arrow", "Row 1: the stream"),
        ("x.ndjson", "Row 1: "),
    ] {
        let file = points.file(name, "junk");
        let refused = points.run(&["write", &file], None);
        assert!(
            refused.code == 1 && refused.stderr.contains(wanted),
            "{name}: {refused:?}"
        );
    }
    let damaged = points.path("damaged");
    std::fs::write(&damaged, b"\xff\xfen\0").unwrap();
    let refused = points.run(&["write", &damaged.display().to_string()], None);
    assert!(
        refused.code == 1 && refused.stderr.contains("like a text in UTF-16"),
        "{refused:?}"
    );
    std::fs::write(&damaged, [0xff; 64]).unwrap();
    let refused = points.run(&["write", &damaged.display().to_string()], None);
    assert_eq!(refused.code, 1, "{refused:?}");
    // It has to be read from its end.
    std::fs::write(&damaged, b"PAR1....PAR1").unwrap();
    let refused = points.run(&["write", "-"], Some(&damaged));
    assert!(
        refused.code == 1 && refused.stderr.contains("stdin is no Parquet file"),
        "{refused:?}"
    );
    let text = points.file("text.csv", "name,valid_time,value\n");
    let refused = points.run(&["write", &text, "-f", "parquet"], None);
    assert!(
        refused.code == 1 && refused.stderr.contains("is no Parquet file"),
        "{refused:?}"
    );
    let missing = points.run(&["write", "/nowhere/x.csv"], None);
    assert!(missing.stderr.contains("cannot be read"), "{missing:?}");
    assert!(points.stored().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_is_interrupted_leaves_no_file() {
    let points = Points::new().await;
    let file = points.file("in.csv", CSV);
    points.json(&["write", &file]);
    let superuser = points.db.connect(Role::Superuser).await;
    let lock = "BEGIN; LOCK TABLE timedb_internal.segments IN ACCESS EXCLUSIVE MODE";
    superuser.batch_execute(lock).await.unwrap();
    for name in ["INT", "TERM"] {
        let (output, part) = (points.path("out.csv"), points.path("out.csv.part"));
        let mut read = std::process::Command::new(&Config::get().binary)
            .arg("read")
            .arg("--output")
            .arg(&output)
            .env("TIMEDB_DSN", points.db.dsn(Role::User))
            .env("TIMEDB_API_KEY", &points.db.a().key)
            .current_dir(points.folder.path())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        while !part.exists() {
            assert!(Instant::now() < deadline, "it has not begun");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        signal(&read, name);
        let status = tokio::task::spawn_blocking(move || read.wait()).await;
        assert_eq!(status.unwrap().unwrap().code(), Some(130), "{name}");
        assert!(!part.exists() && !output.exists(), "{name}");
    }
}

#[tokio::test]
async fn read_only_keys_and_other_tenants_write_and_see_nothing() {
    let points = Points::new().await;
    let file = points.file("in.csv", CSV);
    points.json(&["write", &file]);
    let of_b = cli(&["read", "--json"])
        .env("TIMEDB_DSN", points.db.dsn(Role::Superuser))
        .env("TIMEDB_API_KEY", &points.db.b().key)
        .ok();
    assert_eq!(of_b, "[]\n");
    let email = points.db.a().email.clone();
    let made = cli(&[
        "keys",
        "create",
        "-e",
        &email,
        "-n",
        "ro",
        "--read-only",
        "--json",
    ])
    .env("TIMEDB_DSN", points.db.dsn(Role::Admin))
    .ok();
    let made: Value = serde_json::from_str(&made).unwrap();
    let refused = cli(&["write", &file])
        .env("TIMEDB_DSN", points.db.dsn(Role::User))
        .env("TIMEDB_API_KEY", made["api_key"].as_str().unwrap())
        .run();
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.stderr.contains("read"), "{refused:?}");
}

#[tokio::test]
async fn frames_of_pandas_come_in_with_their_own_types() {
    let points = Points::new().await;
    let file = points.path("frame.arrow").display().to_string();
    let program = "import sys, pandas as pd, pyarrow as pa\n\
         f = pd.DataFrame({'valid_time': pd.date_range('2025-01-01', periods=3, freq='h', tz='Europe/Oslo'), 'value': [1, 2, 3],\n\
             'name': pd.Categorical(['x', 'y', 'x'])})\n\
         f['value'] = f['value'].astype('int32')\n\
         t = pa.Table.from_pandas(f)\n\
         with pa.ipc.new_stream(sys.argv[1], t.schema) as s: s.write_table(t)";
    python(&["-c", program, &file]).ok();
    assert_eq!(points.json(&["write", &file])["points"], 3);
    let stored = points.stored();
    assert_eq!(
        (stored[0].0.as_str(), &stored[1].2, stored[2].0.as_str()),
        ("x", &json!(3.0), "y")
    );
    assert_eq!(stored[0].1, "2024-12-31T23:00:00.000000+00:00");
    let counted = program.replace(
        "pd.date_range('2025-01-01', periods=3, freq='h', tz='Europe/Oslo')",
        "[1, 2, 3]",
    );
    python(&["-c", &counted, &file]).ok();
    let refused = points.run(&["write", &file], None);
    assert!(
        refused
            .stderr
            .contains("the column \"valid_time\" holds Int64"),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_plot_shows_a_series_and_its_revisions() {
    let points = Points::new().await;
    for (add, known) in [(0, "2024-12-31T00:00:00Z"), (5, "2024-12-31T12:00:00Z")] {
        let rows: String = (0..24)
            .map(|hour| format!("2025-01-01T{hour:02}:00:00Z,{}\n", hour + add))
            .collect();
        let file = points.file("f.csv", &format!("valid_time,value\n{rows}"));
        points.json(&[
            "write",
            &file,
            "-n",
            "wind",
            "-u",
            "MW",
            "--known-time",
            known,
        ]);
    }
    let drawn = points.run(&["read", "wind", "--plot"], None);
    assert_eq!(drawn.code, 0, "{drawn:?}");
    for wanted in [
        "wind [MW]\n",
        "known 2024-12-31 00:00",
        "known 2024-12-31 12:00",
        "2025-01-01 00:00",
        "2025-01-01 23:00",
    ] {
        assert!(drawn.stdout.contains(wanted), "{wanted}: {}", drawn.stdout);
    }
    for sign in ['*', 'o'] {
        assert!(
            drawn.stdout.matches(sign).count() > 20,
            "{sign}: {}",
            drawn.stdout
        );
    }
    let flat = points
        .run(&["read", "wind", "--plot", "-m", "flat"], None)
        .stdout;
    let is_braille = |c: char| ('\u{2801}'..='\u{28ff}').contains(&c);
    assert!(
        flat.chars().any(is_braille) && !flat.contains("known"),
        "{flat}"
    );
    assert!(!drawn.stdout.contains('\u{1b}'), "{}", drawn.stdout);
    assert!(drawn.stdout.lines().all(|line| line.chars().count() <= 80));
    let none = points.run(&["read", "nothing", "--plot"], None);
    assert_eq!((none.code, none.stdout.as_str()), (0, "No points found.\n"));
    let both = points.run(&["read", "--plot", "--json"], None);
    assert_eq!(both.code, 2, "{both:?}");
}

#[tokio::test]
async fn a_write_that_is_killed_goes_on_with_the_next_run() {
    let points = Points::new().await;
    let rows: String = (0..200_000)
        .map(|second| format!("{},{second}\n", 1_735_689_600 + second))
        .collect();
    // Seconds as texts of the one form that is accepted.
    let program = "import sys, datetime\n\
         print('valid_time,value')\n\
         for line in open(sys.argv[1]):\n\
         \x20   s, v = line.strip().split(',')\n\
         \x20   print(datetime.datetime.fromtimestamp(int(s), datetime.timezone.utc).isoformat() + ',' + v)";
    let seconds = points.file("seconds", &rows);
    let csv = points.file("s.csv", &python(&["-c", program, &seconds]).ok());
    let arguments = ["write", &csv, "--name", "s", "--batch-points", "2000"];
    let mut child = std::process::Command::new(&timedb_tests::Config::get().binary)
        .args(arguments)
        .env("TIMEDB_DSN", points.db.dsn(Role::User))
        .env("TIMEDB_API_KEY", &points.db.a().key)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let client = points.db.login(points.db.a()).await;
    // Some batches are there, and not all of them.
    let batches = "SELECT count(*) FROM timedb.batches";
    while timedb_tests::count(&client, batches, &[]).await < 5 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let done = points.json(&arguments);
    assert_eq!(done["batches"], 100, "{done}");
    assert!(done["replayed"].as_i64().unwrap() >= 5, "{done}");
    let all = done["points"].as_i64().unwrap() + done["present"].as_i64().unwrap();
    assert_eq!(all, 200_000, "{done}");
    let versions = "SELECT points FROM timedb.stats()";
    assert_eq!(timedb_tests::count(&client, versions, &[]).await, 200_000);
}
