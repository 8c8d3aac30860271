//! Writing object streams.
