//! Tolerant reading of JSON bodies.
