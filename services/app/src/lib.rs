//! Executes commands, projects events into views, reacts to facts, answers queries.
