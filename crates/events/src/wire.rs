//! Confluent wire format and CloudEvents headers.
