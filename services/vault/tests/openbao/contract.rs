//! The port's promises on both kinds of server.

use keytrail_test_support::OpenBao;

use crate::{dev, store_of_approle, store_of_root};

mod in_development_mode {
    use super::*;

    keytrail_ports::secret_store_contract!(async { (store_of_root(dev().await).await, ()) });
}

mod in_raft_storage_with_the_least_privilege_policy {
    use super::*;

    keytrail_ports::secret_store_contract!(in one test: async {
        let server = OpenBao::raft_with_policy().await;
        (store_of_approle(&server).await, server)
    });
}
