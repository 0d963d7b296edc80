//! The binary: configuration, wiring, HTTP, sockets, tokens.
