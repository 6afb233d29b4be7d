//! One database per test, made from a template that has the extension, and the roles and tenants
//! that tests act as.

use tokio_postgres::config::Host;
use tokio_postgres::{Client, Config as PgConfig};
use uuid::Uuid;

use crate::{Config, connect};

const TEMPLATE: &str = "timedb_template";
/// Any number, as long as nothing else in the cluster's database `postgres` locks it.
const TEMPLATE_LOCK: i64 = 7_215_003_401;

/// Whom a test connects as. Row security binds everyone but `Superuser`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The cluster's superuser: sees everything, so a test of isolation must not use it.
    Superuser,
    /// Owns the database, and is its administrator by that.
    Owner,
    /// A member of `timedb_admin`.
    Admin,
    /// A member of `timedb_user`: what an application connects as.
    User,
    /// A member of `timedb_session`: may also log in for a whole session.
    Session,
    /// A member of `timedb_user` that a test binds to a user (`timedb.bind_role`).
    Bound,
    /// May connect, and nothing else.
    Nobody,
}

/// A tenant with one user and that user's key.
#[derive(Clone, Debug)]
pub struct Tenant {
    /// The tenant.
    pub tenant_id: Uuid,
    /// Its user.
    pub user_id: Uuid,
    /// The user's email.
    pub email: String,
    /// The user's API key.
    pub key: String,
}

/// A database of its own for one test; it is dropped with the value.
pub struct Db {
    /// The database's name.
    pub name: String,
    /// Connection URI of the cluster's superuser.
    admin_dsn: String,
    password: String,
    tenants: Vec<Tenant>,
}

impl Db {
    /// A database with the extension and the tenants `a` and `b`.
    pub async fn new() -> Self {
        Self::new_in(&Config::get().admin_dsn).await
    }

    /// As [`Self::new`], in a cluster of the test's own: the superuser's connection URI, with host, port and password.
    pub async fn new_in(admin_dsn: &str) -> Self {
        let mut db = Self::create(admin_dsn, Some(TEMPLATE)).await;
        let owner = db.connect(Role::Owner).await;
        for (tenant, email) in [
            ("a", "alice@tenant-a.example"),
            ("b", "bob@tenant-b.example"),
        ] {
            let row = owner
                .query_one(
                    "SELECT * FROM timedb.create_user(timedb.create_tenant($1), $2)",
                    &[&tenant, &email],
                )
                .await
                .unwrap_or_else(|error| panic!("cannot create tenant {tenant}: {error:?}"));
            db.tenants.push(Tenant {
                tenant_id: row.get("tenant_id"),
                user_id: row.get("user_id"),
                email: row.get("email"),
                key: row.get("api_key"),
            });
        }
        db
    }

    /// A database without the extension; members of its roles cannot exist before it does, so only
    /// `Superuser`, `Owner` and `Nobody` can connect.
    pub async fn empty() -> Self {
        Self::create(&Config::get().admin_dsn, None).await
    }

    async fn create(admin_dsn: &str, template: Option<&str>) -> Self {
        let admin = connect(admin_dsn).await;
        if template.is_some() {
            make_template(&admin, admin_dsn).await;
        }
        let db = Self {
            name: format!("t_{}", Uuid::new_v4().simple()),
            admin_dsn: admin_dsn.to_owned(),
            password: Uuid::new_v4().simple().to_string(),
            tenants: Vec::new(),
        };
        let (name, password) = (&db.name, &db.password);
        let member = |group: &str| {
            if template.is_some() {
                format!("IN ROLE {group}")
            } else {
                String::new()
            }
        };
        let roles = format!(
            "CREATE ROLE owner_{name} LOGIN PASSWORD '{password}';
             CREATE ROLE admin_{name} LOGIN PASSWORD '{password}' {};
             CREATE ROLE user_{name} LOGIN PASSWORD '{password}' {};
             CREATE ROLE session_{name} LOGIN PASSWORD '{password}' {};
             CREATE ROLE bound_{name} LOGIN PASSWORD '{password}' {};
             CREATE ROLE nobody_{name} LOGIN PASSWORD '{password}';",
            member("timedb_admin"),
            member("timedb_user"),
            member("timedb_session"),
            member("timedb_user"),
        );
        admin
            .batch_execute(&roles)
            .await
            .expect("the roles of a test are created");
        admin
            .batch_execute(&format!(
                "CREATE DATABASE {name} OWNER owner_{name} TEMPLATE {}",
                template.unwrap_or("template0")
            ))
            .await
            .unwrap_or_else(|error| panic!("cannot create database {name}: {error:?}"));
        db
    }

    /// The database of the same name in another cluster, which has the same roles: a copy of this one. Each drops its own.
    pub fn copied_to(&self, admin_dsn: &str) -> Self {
        Self {
            name: self.name.clone(),
            admin_dsn: admin_dsn.to_owned(),
            password: self.password.clone(),
            tenants: self.tenants.clone(),
        }
    }

    /// Tenant A.
    pub fn a(&self) -> &Tenant {
        &self.tenants[0]
    }

    /// Tenant B.
    pub fn b(&self) -> &Tenant {
        &self.tenants[1]
    }

    /// The name of the PostgreSQL role that a test connects as.
    pub fn role_name(&self, role: Role) -> String {
        match role {
            Role::Superuser => superuser(&self.admin_dsn).0,
            Role::Owner => format!("owner_{}", self.name),
            Role::Admin => format!("admin_{}", self.name),
            Role::User => format!("user_{}", self.name),
            Role::Session => format!("session_{}", self.name),
            Role::Bound => format!("bound_{}", self.name),
            Role::Nobody => format!("nobody_{}", self.name),
        }
    }

    /// The connection URI of a role, with its password.
    pub fn dsn(&self, role: Role) -> String {
        let (host, port) = address(&self.admin_dsn);
        let password = if role == Role::Superuser {
            superuser(&self.admin_dsn).1
        } else {
            self.password.clone()
        };
        format!(
            "postgresql://{}:{password}@{host}:{port}/{}",
            self.role_name(role),
            self.name
        )
    }

    /// The password in the connection URIs of all roles but the superuser.
    pub fn password(&self) -> &str {
        &self.password
    }

    /// Connects as a role; nobody is authenticated.
    pub async fn connect(&self, role: Role) -> Client {
        connect(&self.dsn(role)).await
    }

    /// Connects as `Session` and logs in for the whole session.
    pub async fn login(&self, tenant: &Tenant) -> Client {
        let client = self.connect(Role::Session).await;
        crate::login(&client, &tenant.key)
            .await
            .unwrap_or_else(|error| panic!("cannot log in: {error:?}"));
        client
    }

    /// Connects as `User`, begins a transaction and authenticates in it; COMMIT is up to the test.
    pub async fn begin(&self, tenant: &Tenant) -> Client {
        let client = self.connect(Role::User).await;
        client
            .batch_execute("BEGIN")
            .await
            .expect("a transaction begins");
        crate::authenticate(&client, &tenant.key)
            .await
            .unwrap_or_else(|error| panic!("cannot authenticate: {error:?}"));
        client
    }
}

impl Drop for Db {
    fn drop(&mut self) {
        let (name, admin_dsn) = (self.name.clone(), self.admin_dsn.clone());
        // The test's own runtime cannot be waited on from here. What cannot be dropped goes with
        // the cluster.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .ok()?;
            runtime.block_on(async {
                let admin = connect(&admin_dsn).await;
                admin
                    .batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
                    .await
                    .ok()?;
                for role in ["owner", "admin", "user", "session", "bound", "nobody"] {
                    admin
                        .batch_execute(&format!("DROP ROLE IF EXISTS {role}_{name}"))
                        .await
                        .ok()?;
                }
                Some(())
            })
        });
        drop(dropping.join());
    }
}

/// Creates the template once for all the test programs of a run.
async fn make_template(admin: &Client, admin_dsn: &str) {
    admin
        .query_one("SELECT pg_advisory_lock($1)", &[&TEMPLATE_LOCK])
        .await
        .expect("the lock is granted");
    let exists = admin
        .query_opt("SELECT 1 FROM pg_database WHERE datname = $1", &[&TEMPLATE])
        .await
        .expect("the databases are listed")
        .is_some();
    if !exists {
        // Under its final name only when it is complete.
        let building = format!("{TEMPLATE}_building");
        let create = format!("DROP DATABASE IF EXISTS {building} WITH (FORCE)");
        admin
            .batch_execute(&create)
            .await
            .expect("the unfinished template is dropped");
        let create = format!("CREATE DATABASE {building} TEMPLATE template0");
        admin
            .batch_execute(&create)
            .await
            .expect("the template is created");
        let (host, port) = address(admin_dsn);
        let (user, password) = superuser(admin_dsn);
        psql_create_extension(&format!(
            "postgresql://{user}:{password}@{host}:{port}/{building}"
        ));
        let rename = format!("ALTER DATABASE {building} RENAME TO {TEMPLATE}");
        admin
            .batch_execute(&rename)
            .await
            .expect("the template gets its name");
    }
    admin
        .query_one("SELECT pg_advisory_unlock($1)", &[&TEMPLATE_LOCK])
        .await
        .expect("the lock is released");
}

/// A program of its own, so that no connection is left that would keep the template from being copied.
fn psql_create_extension(dsn: &str) {
    crate::psql(dsn, "CREATE EXTENSION timedb").ok();
}

fn admin_config(admin_dsn: &str) -> PgConfig {
    admin_dsn
        .parse()
        .expect("the superuser has a connection URI")
}

fn address(admin_dsn: &str) -> (String, u16) {
    let config = admin_config(admin_dsn);
    match (config.get_hosts().first(), config.get_ports().first()) {
        (Some(Host::Tcp(host)), Some(port)) => (host.clone(), *port),
        _ => panic!("the superuser's connection URI names a host and a port"),
    }
}

fn superuser(admin_dsn: &str) -> (String, String) {
    let config = admin_config(admin_dsn);
    let password = config
        .get_password()
        .expect("the superuser's connection URI has a password");
    (
        config
            .get_user()
            .expect("the superuser's connection URI has a user")
            .to_owned(),
        String::from_utf8(password.to_vec()).expect("the password is UTF-8"),
    )
}
