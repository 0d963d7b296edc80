//! Asks real systems whether a credential works, through one guarded client.
