//! The durable records of the service behind narrow traits, and their SQLite implementation.
