//! A double of KurrentDB's Streams protocol, for tests: in memory, with faults that are asked for.
