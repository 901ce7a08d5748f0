"""Databases: opened, asked whether they live, and brought to today's schema.

Rooms that keep something get an engine or a client from here and own their tables and keys; nothing here knows what
is kept. A store that fails says so with `DependencyDown`, and no message or log line has a password in it.
"""

from bullpen.stores.cluster import is_cluster, open_cluster
from bullpen.stores.redis import open_redis
from bullpen.stores.sql import metadata, open_engine, sql_errors
from bullpen.stores.watch import FileWatch

__all__ = ["FileWatch", "is_cluster", "metadata", "open_cluster", "open_engine", "open_redis", "sql_errors"]
