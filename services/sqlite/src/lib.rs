//! Event log, journal and views on embedded SQLite.
