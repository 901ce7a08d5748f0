"""Run by alembic for every command; the connection, its transaction and its lock come from `bullpen.stores.schema`."""

from alembic import context

from bullpen.stores.schema import VERSION_TABLE
from bullpen.stores.sql import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    render_as_batch=True,  # SQLite cannot alter a column in place
)

with context.begin_transaction():
    context.run_migrations()
