import java.nio.file.*;
import java.time.*;
import java.util.*;
import org.postgresql.util.PGInterval;

// docs/tools.md prints this.
import java.sql.*;
import java.time.OffsetDateTime;

public class WithJdbc {
    static Connection connect() throws SQLException {
        Connection connection = DriverManager.getConnection(System.getenv("JDBC_URL"));
        String key = System.getenv("TIMEDB_KEY");
        if (key != null) { // a role that is bound to a user has none
            connection.setAutoCommit(false);
            connection.createStatement().execute("SELECT timedb.hide_parameters()");
            PreparedStatement login = connection.prepareStatement("SELECT timedb.login(?)");
            login.setString(1, key);
            login.execute();
            connection.commit();
            connection.setAutoCommit(true);
        }
        return connection;
    }

    static void page(Connection connection) throws SQLException {
        PreparedStatement read = connection.prepareStatement(
            "SELECT valid_time, value FROM timedb.values"
            + " WHERE name = ? AND valid_time >= ? AND valid_time < ? ORDER BY valid_time");
        read.setString(1, "wind");
        read.setObject(2, OffsetDateTime.parse("2025-03-30T00:00Z"));
        read.setObject(3, OffsetDateTime.parse("2025-03-31T00:00Z"));
        for (ResultSet row = read.executeQuery(); row.next();) {
            // getDouble returns 0 for a missing value; getObject returns null.
            System.out.println(row.getObject(1, OffsetDateTime.class) + " " + row.getObject(2, Double.class));
        }
    }
    // The page ends.

    /** What the tool is asked and must answer, as `python model.py questions` writes it. */
    public static void main(String[] arguments) throws Exception {
        try (Connection connection = connect()) {
            page(connection);
            ask(connection, Files.readAllLines(Path.of(arguments[0])));
            describe(connection);
            // 100,000 rows, 10,000 at a time: a fetch size counts in a transaction only.
            connection.setAutoCommit(false);
            Statement stream = connection.createStatement();
            stream.setFetchSize(10_000);
            ResultSet rows = stream.executeQuery(
                "SELECT valid_time, value FROM timedb.values WHERE name = 'load' ORDER BY valid_time");
            Instant valid = Instant.parse("2025-03-29T00:00:00Z");
            int number = 0;
            for (; rows.next(); number++) {
                Instant expected = valid.plusSeconds(60L * number);
                same("stream", rows.getObject(1, OffsetDateTime.class).toInstant(), expected);
                same("stream", rows.getDouble(2), number / 4.0);
            }
            same("rows of the stream", number, 100_000);
            connection.commit();
        }
        System.out.println("SUCCESS");
    }

    /** A line is a statement, a parameter or a row, and its fields are separated by tabs. */
    static void ask(Connection connection, List<String> lines) throws SQLException {
        Map<String, PreparedStatement> prepared = new HashMap<>();
        PreparedStatement statement = null;
        String sql = null;
        int parameters = 0;
        ResultSet rows = null;
        for (String line : lines) {
            List<String> fields = List.of(line.split("\t"));
            switch (fields.get(0)) {
                case "statement" -> {
                    sql = fields.get(1);
                    statement = prepared.get(sql);
                    if (statement == null) {
                        // From the sixth time on, the driver prepares it and reads binary results.
                        statement = connection.prepareStatement(sql);
                        prepared.put(sql, statement);
                    }
                    parameters = 0;
                }
                case "parameter" ->
                    statement.setObject(++parameters, parameter(connection, fields.get(1), fields.get(2)));
                case "rows" -> rows = statement.executeQuery();
                case "row" -> {
                    same(sql + ": another row", rows.next(), true);
                    same(sql, row(rows), fields.subList(1, fields.size()));
                }
                case "end" -> same(sql + ": another row", rows.next(), false);
                default -> throw new AssertionError(line);
            }
        }
    }

    static Object parameter(Connection connection, String type, String text) throws SQLException {
        return switch (type) {
            case "datetime" -> OffsetDateTime.parse(text);
            case "date" -> LocalDate.parse(text);
            case "timedelta" -> new PGInterval(0, 0, 0, 0, 0, Double.parseDouble(text));
            case "list" -> connection.createArrayOf("text", text.split(","));
            default -> text;
        };
    }

    /** A row as the model writes it: instants in microseconds, doubles by their bits, intervals in seconds. */
    static List<String> row(ResultSet rows) throws SQLException {
        List<String> row = new ArrayList<>();
        ResultSetMetaData columns = rows.getMetaData();
        for (int column = 1; column <= columns.getColumnCount(); column++) {
            Object value = rows.getObject(column);
            if (value == null) {
                row.add("null");
                continue;
            }
            row.add(switch (columns.getColumnTypeName(column)) {
                case "timestamptz" -> {
                    Instant instant = rows.getObject(column, OffsetDateTime.class).toInstant();
                    yield "" + (instant.getEpochSecond() * 1_000_000 + instant.getNano() / 1_000);
                }
                case "float8" -> String.format("%016x", Double.doubleToRawLongBits((Double) value));
                case "interval" -> {
                    PGInterval length = (PGInterval) value;
                    yield "" + (86400 * length.getDays() + 3600 * length.getHours() + 60 * length.getMinutes()
                        + length.getSeconds());
                }
                default -> value.toString();
            });
        }
        return row;
    }

    /** What a program that browses, such as DBeaver, asks the driver for. */
    static void describe(Connection connection) throws SQLException {
        DatabaseMetaData data = connection.getMetaData();
        List<String> found = new ArrayList<>();
        for (ResultSet row = data.getTables(null, "timedb", "%", new String[] {"VIEW"}); row.next();) {
            found.add(row.getString("TABLE_NAME"));
            same("a comment on " + row.getString("TABLE_NAME"), row.getString("REMARKS") != null, true);
        }
        same("the views", found.containsAll(List.of("values", "forecasts", "versions")), true);
        Map<String, Integer> types = new HashMap<>();
        for (ResultSet row = data.getColumns(null, "timedb", "values", "%"); row.next();) {
            types.put(row.getString("COLUMN_NAME"), row.getInt("DATA_TYPE"));
        }
        same("valid_time", types.get("valid_time"), Types.TIMESTAMP);
        same("value", types.get("value"), Types.DOUBLE);
        same("name", types.get("name"), Types.VARCHAR);
    }

    static void same(String what, Object found, Object expected) {
        if (!found.equals(expected)) {
            throw new AssertionError(what + ": " + found + " instead of " + expected);
        }
    }
}
