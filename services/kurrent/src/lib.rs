//! Event log and journal on KurrentDB or EventStoreDB.
