//! Secret stores: Vault or OpenBao, and a sealed local one.
