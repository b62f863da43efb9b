//! The Avro schemas and their ids.
