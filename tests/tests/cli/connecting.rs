//! Where the command line connects: what the environment, a service and a password file add to the connection
//! string, TLS as libpq's options say, and that no spelling of one shows any part of a password.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use timedb_tests::{Config, Db, Output, Role, Run, ThrowawayCluster, cli, connect, python};

/// The parts of an administrator's connection string.
struct Place {
    host: String,
    port: String,
    user: String,
    password: String,
    database: String,
}

fn place(db: &Db) -> Place {
    let config: tokio_postgres::Config = db.dsn(Role::Admin).parse().unwrap();
    let tokio_postgres::config::Host::Tcp(host) = &config.get_hosts()[0] else {
        panic!("the tests' cluster listens on an address")
    };
    Place {
        host: host.clone(),
        port: config.get_ports()[0].to_string(),
        user: config.get_user().unwrap().to_owned(),
        password: String::from_utf8(config.get_password().unwrap().to_vec()).unwrap(),
        database: config.get_dbname().unwrap().to_owned(),
    }
}

/// `timedb users list`, without any variable of the caller's.
fn list(arguments: &[&str]) -> Run {
    cli(&[arguments, &["users", "list"]].concat())
}

#[track_caller]
fn connected(output: &Output) {
    assert_eq!(output.code, 0, "{output:?}");
    assert!(output.stdout.contains("Users (2)"), "{output:?}");
}

#[tokio::test]
async fn the_variables_of_psql_say_where_the_database_is() {
    let db = Db::new().await;
    let place = place(&db);
    let all = |run: Run| {
        run.env("PGHOST", &place.host)
            .env("PGPORT", &place.port)
            .env("PGUSER", &place.user)
            .env("PGDATABASE", &place.database)
    };
    connected(&all(list(&[])).env("PGPASSWORD", &place.password).run());
    // The connection string counts more, and need not say everything.
    let dsn = format!(
        "postgres://{}@{}/{}",
        place.user, place.host, place.database
    );
    let run = list(&["--dsn", &dsn])
        .env("PGPORT", &place.port)
        .env("PGDATABASE", "no-such")
        .env("PGPASSWORD", &place.password);
    connected(&run.run());
    let wrong = all(list(&[])).env("PGPASSWORD", "wrong-secret").run();
    assert_eq!(wrong.code, 1, "{wrong:?}");
    assert!(!wrong.stderr.contains("wrong-secret"), "{wrong:?}");
    // A user alone names no database.
    let nothing = list(&[]).env("PGUSER", "x").env("PGPASSWORD", "y").run();
    assert_eq!(nothing.code, 2, "{nothing:?}");
}

#[tokio::test]
async fn a_service_and_a_password_file_are_found() {
    let db = Db::new().await;
    let place = place(&db);
    let home = tempfile::tempdir().unwrap();
    let services = home.path().join(".pg_service.conf");
    fs::write(
        &services,
        format!(
            "[other]\nhost=nowhere\n\n[mine]\nhost={}\nport={}\nuser={}\ndbname={}\n",
            place.host, place.port, place.user, place.database
        ),
    )
    .unwrap();
    let passwords = home.path().join(".pgpass");
    fs::write(
        &passwords,
        format!(
            "nowhere:*:*:*:x\n{}:*:*:{}:{}\n",
            place.host, place.user, place.password
        ),
    )
    .unwrap();
    let mode = |mode| fs::set_permissions(&passwords, fs::Permissions::from_mode(mode)).unwrap();
    mode(0o600);
    let at_home = |run: Run| run.env("HOME", home.path());
    connected(&at_home(list(&[])).env("PGSERVICE", "mine").run());
    connected(&at_home(list(&["--dsn", "service=mine"])).run());
    connected(&at_home(list(&["-d", "postgres:///?service=mine"])).run());
    let elsewhere = list(&["-d", "service=mine"])
        .env("PGSERVICEFILE", &services)
        .env("PGPASSFILE", &passwords);
    connected(&elsewhere.run());

    let unknown = at_home(list(&["-d", "service=your"])).run();
    assert_eq!(unknown.code, 1, "{unknown:?}");
    assert!(
        unknown.stderr.contains("no service \"your\" in "),
        "{unknown:?}"
    );
    // As psql has it: what others can read is no secret.
    mode(0o644);
    let open = at_home(list(&["-d", "service=mine"])).run();
    assert_eq!(open.code, 1, "{open:?}");
    assert!(open.stderr.contains("chmod 600"), "{open:?}");
    assert!(!open.stderr.contains(&place.password), "{open:?}");
}

#[tokio::test]
async fn no_spelling_of_a_connection_string_shows_a_part_of_a_password() {
    // Each with a password that has these words in it, for a person's eye.
    let secrets = ["hunter2", "s3cret", "w0rd"];
    let spellings = [
        "postgres://u:hunter2@ss/s3cret:w0rd#1@127.0.0.1:1/db",
        "postgres://u:hunter2/s3cret@127.0.0.1:1/db",
        "postgres://u:hunter2?s3cret@127.0.0.1:1/db",
        "postgres://u:hunter2#s3cret@127.0.0.1:1/db",
        "postgres://u:hunter2:s3cret@127.0.0.1:1/db",
        "postgres://u:hun%zzs3cret@127.0.0.1:1/db",
        "postgres://u:hunter2@s3cret@127.0.0.1:1/db",
        "postgres://u:hunter2 s3cret@127.0.0.1:1/db",
        "postgres://127.0.0.1:1/db?user=u&password=hunter2@s3cret/w0rd",
        "postgres://u:hunter2%40s3cret@127.0.0.1:1/db",
        "postgresql+asyncpg://u:hunter2@127.0.0.1:1/db",
        "postgres:/u:hunter2@127.0.0.1:1/db",
        "u:hunter2@127.0.0.1:1/db",
        "host=127.0.0.1 port=1 user=u password=hunter2 s3cret dbname=db",
        "host=127.0.0.1 port=1 user=u password='hunter2 s3cret dbname=db",
        "host=127.0.0.1 port=1 user=u password='hunter2\\' s3cret' dbname=db",
        "host=127.0.0.1 port=1 user=u password=hunter2=s3cret dbname=db",
        "host=127.0.0.1 port=1 user=u passwrd=hunter2 dbname=db",
        "host=127.0.0.1,password=hunter2",
    ];
    let commands: [&[&str]; 4] = [
        &["users", "list"],
        &["create", "tables", "-y"],
        &["keys", "create", "-e", "a@b.example", "-n", "n"],
        &["api", "--port", "0"],
    ];
    for spelling in spellings {
        for command in commands {
            let mut cut = vec!["--dsn"];
            cut.extend(spelling.split(' '));
            let runs = [
                cli(&[command, &["--dsn", spelling]].concat()),
                cli(&[&["--dsn", spelling], command].concat()),
                cli(&[command, &cut].concat()),
                cli(command).env("TIMEDB_DSN", spelling),
                cli(command).env("DATABASE_URL", spelling),
            ];
            for run in runs {
                let output = run
                    .env("RUST_LOG", "trace")
                    .env("TIMEDB_LOG", "trace")
                    .run();
                assert!(
                    output.code == 1 || output.code == 2,
                    "{spelling}: {output:?}"
                );
                assert!(
                    output.stderr.to_lowercase().contains("error"),
                    "{spelling}: {output:?}"
                );
                for secret in secrets {
                    let shown = output.stdout.contains(secret) || output.stderr.contains(secret);
                    assert!(!shown, "{spelling}: {output:?}");
                }
            }
        }
    }
}

const CERTIFICATES: &str = "openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=ca -keyout ca.key -out ca.crt && \
     openssl req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout server.key -out server.csr && \
     printf subjectAltName=DNS:localhost > server.ext && \
     openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 -extfile server.ext -out server.crt && \
     chmod 600 server.key && \
     openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=other -keyout other.key -out other.crt && \
     openssl req -newkey rsa:2048 -nodes -subj /CN=app -keyout app.key -out app.csr && \
     openssl x509 -req -in app.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 -out app.crt && \
     { echo hostssl all app all cert; echo hostssl all must all trust; echo hostnossl all must all reject; \
       echo hostssl all must_not all reject; echo hostnossl all must_not all trust; cat pg_hba.conf; } > new.conf && mv new.conf pg_hba.conf";

#[tokio::test]
async fn a_certificate_is_verified_as_the_connection_string_says() {
    let port = {
        let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        free.local_addr().unwrap().port()
    };
    let cluster = ThrowawayCluster::start(&[
        "listen_addresses = '127.0.0.1'",
        &format!("port = {port}"),
        "log_connections = on",
    ]);
    let plain = format!("postgres://postgres@127.0.0.1:{port}/postgres?sslmode=disable");
    let superuser = connect(&plain).await;
    let make = format!("COPY (SELECT 1) TO PROGRAM '({CERTIFICATES}) 2>&1 >/dev/null'");
    superuser.batch_execute(&make).await.unwrap();
    superuser
        .batch_execute("CREATE EXTENSION timedb; CREATE ROLE app LOGIN IN ROLE timedb_admin; \
             CREATE ROLE must LOGIN IN ROLE timedb_admin; CREATE ROLE must_not LOGIN IN ROLE timedb_admin; \
             CREATE ROLE either LOGIN IN ROLE timedb_admin")
        .await
        .unwrap();
    superuser
        .batch_execute("ALTER SYSTEM SET ssl = on")
        .await
        .unwrap();
    superuser
        .batch_execute("ALTER SYSTEM SET ssl_ca_file = 'ca.crt'")
        .await
        .unwrap();
    superuser
        .batch_execute("SELECT pg_reload_conf()")
        .await
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    for name in ["ca.crt", "server.csr", "other.crt", "app.crt", "app.key"] {
        let sql = format!("SELECT pg_read_file('{name}')");
        let text: String = superuser.query_one(&sql, &[]).await.unwrap().get(0);
        let file = folder.path().join(name);
        fs::write(&file, text).unwrap();
        files.push(file.display().to_string());
    }
    let (right, wrong, other) = (files[0].as_str(), files[1].as_str(), files[2].as_str());
    let (certificate, key) = (files[3].as_str(), files[4].as_str());
    let base = |host: &str| format!("host={host} port={port} user=postgres dbname=postgres");
    for _ in 0..50 {
        let on = list(&["-d", &format!("{} sslmode=require", base("localhost"))]).run();
        if on.code == 0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    for (host, options, works) in [
        (
            "localhost",
            format!("sslmode=verify-full sslrootcert={right}"),
            true,
        ),
        (
            "localhost",
            format!("sslmode=verify-ca sslrootcert='{right}'"),
            true,
        ),
        (
            "localhost",
            format!("sslmode=require sslrootcert={right}"),
            true,
        ),
        ("localhost", "sslmode=require".to_owned(), true),
        ("127.0.0.1", "sslmode=require".to_owned(), true),
        (
            "127.0.0.1",
            format!("sslmode=verify-full sslrootcert={right}"),
            false,
        ),
        (
            "localhost",
            format!("sslmode=verify-full sslrootcert={wrong}"),
            false,
        ),
        (
            "localhost",
            "sslmode=verify-full sslrootcert=/no/file".to_owned(),
            false,
        ),
        ("localhost", "sslmode=verify-full".to_owned(), false),
        // Without verify-full the name is not looked at, and the chain is wherever there is something to trust.
        (
            "127.0.0.1",
            format!("sslmode=verify-ca sslrootcert={right}"),
            true,
        ),
        (
            "127.0.0.1",
            format!("sslmode=require sslrootcert={right}"),
            true,
        ),
        (
            "localhost",
            format!("sslmode=verify-ca sslrootcert={other}"),
            false,
        ),
        (
            "localhost",
            format!("sslmode=require sslrootcert={other}"),
            false,
        ),
    ] {
        let output = list(&["-d", &format!("{} {options}", base(host))]).run();
        assert_eq!(output.code == 0, works, "{host} {options}: {output:?}");
    }
    // A client's certificate: PostgreSQL asks for one from this role.
    let of_app = format!(
        "{} sslmode=verify-full sslrootcert={right}",
        base("localhost").replace("user=postgres", "user=app")
    );
    let with = |key: &str| {
        list(&[
            "-d",
            &format!("{of_app} sslcert={certificate} sslkey={key}"),
        ])
        .run()
    };
    assert_eq!(list(&["-d", &of_app]).run().code, 1);
    fs::set_permissions(key, fs::Permissions::from_mode(0o644)).unwrap();
    let open = with(key);
    assert!(
        open.code == 1 && open.stderr.contains("chmod 600"),
        "{open:?}"
    );
    fs::set_permissions(key, fs::Permissions::from_mode(0o600)).unwrap();
    let shown = with(key);
    assert_eq!(shown.code, 0, "{shown:?}");
    let unfit = with(other);
    assert!(
        unfit.code == 1 && unfit.stderr.contains("sslkey"),
        "{unfit:?}"
    );
    let by_variables = list(&["-d", &of_app])
        .env("PGSSLCERT", certificate)
        .env("PGSSLKEY", key);
    assert_eq!(by_variables.run().code, 0);
    // `allow` goes without where that is allowed, and with it where it is not.
    let as_role = |role: &str, mode: &str| {
        let base = base("localhost").replace("user=postgres", &format!("user={role}"));
        list(&["-d", &format!("{base} sslmode={mode}")]).run()
    };
    for (role, mode, works) in [
        ("must", "disable", false),
        ("must", "allow", true),
        ("must_not", "require", false),
        ("must_not", "allow", true),
        ("nobody", "allow", false),
    ] {
        let output = as_role(role, mode);
        assert_eq!(output.code == 0, works, "{role} {mode}: {output:?}");
    }
    for (mode, is_encrypted) in [("allow", false), ("prefer", true)] {
        assert_eq!(as_role("either", mode).code, 0, "{mode}");
        let log = cluster.log();
        let mut lines = log.lines().rev();
        let last = lines
            .find(|line| line.contains("authorized: user=either"))
            .unwrap();
        assert_eq!(last.contains("SSL enabled"), is_encrypted, "{mode}: {last}");
    }
    let url = format!("postgres://postgres@localhost:{port}/postgres");
    let encoded = right.replace('/', "%2F");
    let output = list(&[
        "-d",
        &format!("{url}?sslmode=verify-full&sslrootcert={encoded}"),
    ])
    .run();
    assert_eq!(output.code, 0, "{output:?}");
    let by_variables = list(&["-d", &url])
        .env("PGSSLMODE", "verify-full")
        .env("PGSSLROOTCERT", right);
    assert_eq!(by_variables.run().code, 0);
}

/// Runs the command on a terminal that does not know its width.
const TERMINAL: &str = "
import fcntl, os, pty, struct, sys, termios
pid, terminal = pty.fork()
if pid == 0:
    fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack('HHHH', 0, 0, 0, 0))
    os.execv(sys.argv[1], sys.argv[1:])
text = b''
try:
    while piece := os.read(terminal, 65536):
        text += piece
except OSError:
    pass
status = os.waitpid(pid, 0)[1]
sys.stdout.buffer.write(text)
sys.exit(os.waitstatus_to_exitcode(status))
";

#[tokio::test]
async fn a_terminal_of_unknown_width_has_eighty_columns() {
    let db = Db::new().await;
    let binary = Config::get().binary.display().to_string();
    let output = python(&["-c", TERMINAL, &binary, "users", "list"])
        .env("TIMEDB_DSN", db.dsn(Role::Admin))
        .env("TERM", "xterm")
        .run();
    assert_eq!(output.code, 0, "{output:?}");
    let widest = output
        .stdout
        .lines()
        .map(|line| line.trim_end().chars().count())
        .max();
    assert!((60..=80).contains(&widest.unwrap()), "{}", output.stdout);
    assert!(
        output.stdout.contains(&db.a().email[..10]),
        "{}",
        output.stdout
    );
}
