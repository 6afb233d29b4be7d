# docs/tools.md prints this.
import os
import psycopg

connection = psycopg.connect(os.environ["TIMEDB_DSN"])
if key := os.environ.get("TIMEDB_KEY"):  # a role that is bound to a user has none
    with connection.transaction():
        connection.execute("SELECT timedb.hide_parameters()")
        connection.execute("SELECT timedb.login(%s)", [key])
rows = connection.execute(
    """SELECT valid_time, value FROM timedb.values
       WHERE name = %s AND valid_time >= %s AND valid_time < %s ORDER BY valid_time""",
    ["wind", "2025-03-30T00:00Z", "2025-03-31T00:00Z"],
).fetchall()
# The page ends.
import model
import psycopg.rows

model.compare("page", rows, model.page())

model.ask_all(lambda sql, parameters: connection.execute(model.named(sql), parameters).fetchall())
# In binary, in a session with a zone of its own, through a cursor of the client, and prepared from the first time on.
connection.execute("SET TIME ZONE 'Europe/Stockholm'")
binary = connection.cursor(binary=True)
for question in model.repeated():
    rows = binary.execute(model.named(question.sql), question.parameters, prepare=True).fetchall()
    model.compare(question.sql, rows, question.answer)
client = psycopg.ClientCursor(connection)
for question in model.repeated():
    rows = client.execute(model.named(question.sql), question.parameters).fetchall()
    model.compare(question.sql, rows, question.answer)

# 100,000 rows: as they come, from a cursor of the server, and copied out.
stream = "SELECT valid_time, value FROM timedb.values WHERE name = 'load' ORDER BY valid_time"
model.compare("stream", connection.cursor().stream(stream), model.stream())
with connection.cursor("far") as cursor:
    cursor.itersize = 10_000
    cursor.execute(stream)
    model.compare("cursor", cursor, model.stream())
with connection.cursor().copy(f"COPY ({stream}) TO STDOUT (FORMAT binary)") as copy:
    copy.set_types(["timestamptz", "float8"])
    model.compare("copy", copy.rows(), model.stream())
# In a pipeline, and after an error.
connection.commit()
with connection.pipeline():
    cursors = [connection.execute(model.named(q.sql), q.parameters) for q in model.repeated()]
    for cursor, question in zip(cursors, model.repeated()):
        model.compare(question.sql, cursor.fetchall(), question.answer)
connection.commit()
try:
    connection.execute("SELECT value FROM timedb.values WHERE no_such_column = 1")
    raise AssertionError("a column that is not there")
except psycopg.errors.UndefinedColumn:
    connection.rollback()
assert connection.execute("SELECT count(*) FROM timedb.series").fetchone() == (len(model.SERIES),)
print("SUCCESS")
