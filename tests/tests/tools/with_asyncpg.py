# docs/tools.md prints this.
import asyncio
import os
from datetime import datetime, timezone
import asyncpg


async def log_in(connection):
    if key := os.environ.get("TIMEDB_KEY"):  # a role that is bound to a user has none
        async with connection.transaction():
            await connection.execute("SELECT timedb.hide_parameters()")
            await connection.execute("SELECT timedb.login($1)", key)


async def main():
    async with asyncpg.create_pool(os.environ["TIMEDB_DSN"], min_size=1, setup=log_in) as pool:
        return await pool.fetch(
            """SELECT valid_time, value FROM timedb.values
               WHERE name = $1 AND valid_time >= $2 AND valid_time < $3 ORDER BY valid_time""",
            "wind", datetime(2025, 3, 30, tzinfo=timezone.utc), datetime(2025, 3, 31, tzinfo=timezone.utc))


rows = asyncio.run(main())
# The page ends.
import json

import model

model.compare("page", rows, model.page())


async def check():
    connection = await asyncpg.connect(os.environ["TIMEDB_DSN"])
    await log_in(connection)
    await connection.set_type_codec("jsonb", encoder=str, decoder=json.loads, schema="pg_catalog")
    for question in [*model.questions(), *model.repeated()]:
        sql = model.numbered(question.sql, question.parameters)
        rows = await connection.fetch(sql, *question.parameters.values())
        model.compare(question.sql, rows, question.answer)
    # Introspection of types, with statements of its own.
    assert await connection.fetchval("SELECT labels FROM timedb.series WHERE name = 'wind'") == model.SERIES["wind"][1]
    rows = []
    async with connection.transaction():
        stream = "SELECT valid_time, value FROM timedb.values WHERE name = 'load' ORDER BY valid_time"
        async for row in connection.cursor(stream, prefetch=10_000):
            rows.append(row)
    model.compare("stream", rows, model.stream())
    # A connection that goes back into a pool forgets who it was.
    async with asyncpg.create_pool(os.environ["TIMEDB_DSN"], min_size=1, max_size=1, setup=log_in) as pool:
        for _ in range(3):
            assert await pool.fetchval("SELECT count(*) FROM timedb.series") == len(model.SERIES)
    await connection.close()


asyncio.run(check())
print("SUCCESS")
